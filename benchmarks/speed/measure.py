"""Training steps of several cases timed in one process, in turns, with memory and arithmetic."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from benchmarks.flops import step_flops
from benchmarks.speed import rows
from benchmarks.speed.cases import Case
from benchmarks.speed.hardware import peak_flop_per_s
from benchmarks.speed.memory import growth, peak_in_own_process
from benchmarks.speed.rows import Row
from benchmarks.speed.together import Measurement, train_together
from enco.errors import UserError
from eval.timing.stopwatch import HALVES, Stopwatch, interleave

COUNTED = Path(__file__).parents[1] / "results" / "speed-amd-epyc-2-threads-torch2.15.csv"
"""A result file with the operations of every method."""
TWO_HALVES = {"enco"}
"""Methods whose step computes something else in the second half of training."""


@dataclass(frozen=True)
class Plan:
    """The plan of a measurement: the numbers of steps, and the halves of training."""

    warmup: int
    """Untimed steps of each half."""
    iterations: int
    """Timed steps of each half."""
    turn: int
    """Steps of one case before the turn of the next."""
    halves: tuple[int, ...] | None = None
    """Halves of training to time; None for the first, and both where the two differ."""
    memory: bool = False
    """Whether memory is measured on a CPU too, where each case needs a process of its own."""
    seconds: float = 60.0
    """How long trainings side by side are counted."""

    def times(self, method: str, half: str) -> bool:
        """Return whether this half of the method's training is to be timed."""
        number = list(HALVES).index(half) + 1
        return number in (self.halves or ((1, 2) if method in TWO_HALVES else (1,)))


@dataclass
class Subject:
    """A case with a stopwatch, and the memory of training in MiB where known."""

    case: Case
    watch: Stopwatch
    built: float = 0.0
    memory: float | None = None
    reserved: float | None = None
    """The same with what torch's allocator keeps beside it."""

    def build(self, device: torch.device) -> None:
        """Build the method."""
        self.built = growth(device, lambda: self.watch.build(self.case.size, self.case.batch, device)).stayed

    def begin(self, half: str, warmup: int, device: torch.device) -> None:
        """Enter a half of training with some untimed steps; the memory of the very first steps counts."""
        stepping = growth(device, lambda: self.watch.begin(half, warmup))
        if self.memory is None and device.type == "cuda":
            self.memory, self.reserved = self.built + stepping.most, self.built + stepping.reserved


def time_cases(cases: Sequence[Case], device: torch.device, plan: Plan) -> Iterator[Row]:
    """Time the cases, all alive at once, and yield a line for each half of each; a failed case has an error instead."""
    options = {case: case.compute_options(device) for case in cases}
    peaks = {case: peak_flop_per_s(device, used.bfloat16, used.tf32) for case, used in options.items()}
    subjects = [Subject(case, case.stopwatch()) for case in cases]
    if plan.memory and device.type == "cpu":
        for subject in subjects:
            subject.memory = peak_in_own_process(subject.case, torch.get_num_threads())
            note(f"{subject.case}: {subject.memory or 0:.0f} MiB")
    for subject in subjects:
        subject.build(device)
    for half in HALVES:
        timed = [subject for subject in subjects if plan.times(subject.case.method, half)]
        for subject in timed:
            subject.begin(half, plan.warmup, device)
            note(f"{subject.case}, {half.replace('_', ' ')}: {subject.watch.error or 'ready'}")
        interleave([subject.watch for subject in timed], half, plan.iterations, plan.turn)
        for subject in timed:
            yield _row(subject, half, peaks[subject.case], device)


def _row(subject: Subject, half: str, peak: float, device: torch.device) -> Row:
    case = subject.case
    row = rows.described(case, device) | rows.timed(subject.watch, half)
    known = counted().get((case.method, str(case.size), str(row["half"]), row["options"]))
    flop = known or _flops(case.method, json.dumps(case.options, sort_keys=True), half)
    memory = {"peak_memory_mb": subject.memory, "reserved_mb": subject.reserved}
    return row | memory | rows.of_arithmetic(flop, row.get("sec_per_iter"), peak)


def count_trainings(cases: Sequence[Case], counts: Sequence[int], device: torch.device, plan: Plan) -> Iterator[Row]:
    """Train each case `counts` times side by side and yield a line for each case and count."""
    for case in cases:
        measurement = Measurement(case, device, torch.get_num_threads(), plan.warmup, plan.seconds)
        for count, runs in train_together(measurement, counts):
            row = rows.described(case, device) | rows.of_trainings(runs, count)
            note(f"{case}, {count} together: {row['error'] or 'done'}")
            yield row


@cache
def counted() -> dict[tuple[str, ...], int]:
    """Return the operations of a step that were counted before, by method, size, half and options.

    Counting those of all methods takes half a minute, in which a GPU would wait.
    """
    lines = rows.read(COUNTED)
    return {tuple(line[name] for name in ("method", "size", "half", "options")): int(line["flop"]) for line in lines}


@cache
def _flops(method: str, options: str, half: str) -> int | None:
    """Count a step's operations for an image; None, with a note, where torch cannot count."""
    try:
        return step_flops(method, json.loads(options), half)
    except (RuntimeError, UserError) as error:
        note(f"{method}: no FLOP count ({error})")
        return None


def note(text: str) -> None:
    """Print a note on stderr."""
    print(text, file=sys.stderr, flush=True)
