"""Time training steps of several cases in one process, in turns, with their memory and their arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from benchmarks.flops import step_flops
from benchmarks.speed import rows
from benchmarks.speed.cases import Case, method_options
from benchmarks.speed.hardware import peak_flop_per_s
from benchmarks.speed.memory import growth, peak_apart
from benchmarks.speed.rows import Row
from benchmarks.speed.together import train_together
from enco.errors import UserError
from eval.timing.stopwatch import HALVES, Stopwatch, interleave

TWO_HALVES = {"enco"}
"""Methods whose step computes something else in the second half of training."""


@dataclass(frozen=True)
class Plan:
    """How to measure: untimed and timed steps of each half, and how many of one case before the next has its turn.

    `halves` are those to time; None for the first, and both where they differ. `memory`: also on a CPU, where each case
    needs a process of its own. `seconds`: how long trainings side by side are counted.
    """

    warmup: int
    iterations: int
    turn: int
    halves: tuple[int, ...] | None = None
    memory: bool = False
    seconds: float = 60.0

    def times(self, method: str, half: str) -> bool:
        """Whether this half of the method's training is to be timed."""
        number = list(HALVES).index(half) + 1
        return number in (self.halves or ((1, 2) if method in TWO_HALVES else (1,)))


@dataclass
class Subject:
    """A case under its stopwatch, and the memory of its training in MiB where that is known."""

    case: Case
    watch: Stopwatch
    built: float = 0.0
    memory: float | None = None

    def build(self, device: torch.device) -> None:
        """Build the method."""
        self.built = growth(device, lambda: self.watch.build(self.case.size, self.case.batch, device)).stayed

    def begin(self, half: str, warmup: int, device: torch.device) -> None:
        """Enter a half of training with some untimed steps, whose memory counts if they are the first."""
        stepping = growth(device, lambda: self.watch.begin(half, warmup))
        if self.memory is None and device.type == "cuda":
            self.memory = self.built + stepping.most


def time_cases(cases: Sequence[Case], device: torch.device, plan: Plan) -> Iterator[Row]:
    """Time the cases, all alive at once: a line for each half of each; a case that fails is a line with its error."""
    pieces = {case: case.pieces(device) for case in cases}
    peaks = {case: peak_flop_per_s(device, used.bfloat16, used.tf32) for case, used in pieces.items()}
    subjects = [Subject(case, case.stopwatch()) for case in cases]
    if plan.memory and device.type == "cpu":
        for subject in subjects:
            subject.memory = peak_apart(subject.case, torch.get_num_threads())
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
    flop = _flops(case.method, case.size, case.batch, half)
    return row | {"peak_memory_mb": subject.memory} | rows.of_arithmetic(flop, row.get("sec_per_iter"), peak)


def count_trainings(cases: Sequence[Case], counts: Sequence[int], device: torch.device, plan: Plan) -> Iterator[Row]:
    """Train each case so many times side by side: a line for each case and count."""
    for case in cases:
        for count in counts:
            runs = train_together(
                case, count, device, threads=torch.get_num_threads(), warmup=plan.warmup, seconds=plan.seconds
            )
            row = rows.described(case, device) | rows.of_trainings(runs, count)
            note(f"{case}, {count} together: {row['error'] or 'done'}")
            yield row


@cache
def _flops(method: str, size: int, batch: int, half: str) -> int | None:
    """What a step computes for an image; None, with a note, where torch cannot count it."""
    try:
        return step_flops(method, method_options(method, size, batch), half)
    except (RuntimeError, UserError) as error:
        note(f"{method}: no FLOP count ({error})")
        return None


def note(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, file=sys.stderr, flush=True)
