"""The command line: `python -m benchmarks.speed`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import partial
from math import inf
from pathlib import Path

import torch

from benchmarks.speed import rows
from benchmarks.speed.apart import measure_apart
from benchmarks.speed.cases import Case, make_cases, make_configs, method_names, start_process
from benchmarks.speed.hardware import device_label, file_name
from benchmarks.speed.measure import Plan, count_trainings, note, time_cases
from benchmarks.speed.within import in_time
from enco.config.bounds import BATCH_SIZE, COUNT, COUNT_OR_NONE, SIDE, THREADS, Real, Whole
from enco.config.commands import show_example
from enco.config.compute import ComputeOptions
from enco.errors import UserError, run_cli
from enco.runtime.capabilities import capabilities
from enco.runtime.devices import DEVICES, choose_device, named_device

COUNTS = {"cpu": (1, 3, 1), "cuda": (10, 50, 10)}
"""Untimed steps, timed steps, and steps of one case in a turn, by kind of device."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the cases of the command line and write the result file, anew after each line."""
    args = _parser().parse_args(arguments)
    device = choose_device(args.device)
    plan = _plan(args, device.type)
    groups = _groups(args, device)
    start_process(args.threads)
    path = args.output / file_name(_subject(args), device) if args.output.is_dir() else args.output
    threads = "" if device.type == "cuda" else torch.get_num_threads()
    where: rows.Row = {"device": device_label(device), "instructions": capabilities(device).instructions}
    where |= {"threads": threads, "torch": torch.__version__}
    found: list[rows.Row] = []
    timed = in_time(groups, args.within)
    lines: Iterable[rows.Row]
    if args.together:
        lines = (row for cases in timed for row in count_trainings(cases, args.together, device, plan))
    else:
        lines = measure_apart(timed, partial(time_cases, device=device, plan=plan), device, args.threads)
    for row in lines:
        found.append(row | where)
        rows.write(path, found)
    print(path)


def _groups(args: argparse.Namespace, device: torch.device) -> list[list[Case]]:
    """Return the cases of each size, batch and, if asked, method, which take turns; print what cannot be done."""
    configs, left_out = make_configs(args.modes, args.with_pieces, args.without, capabilities(device))
    for text in left_out:
        note(text)
    methods = method_names(args.methods)
    groups = [[name] for name in methods] if args.one_by_one else [methods]
    return [
        make_cases(group, configs, size, batch, args.tiny)
        for size in args.sizes
        for batch in args.batch_sizes
        for group in groups
    ]


def _plan(args: argparse.Namespace, device_type: str) -> Plan:
    """Return the plan of measuring on such a device; UserError for too few steps."""
    warmup, iterations, turn = COUNTS.get(device_type, COUNTS["cuda"])
    warmup = warmup if args.warmup is None else args.warmup
    iterations = iterations if args.iterations is None else args.iterations
    if iterations < 2 or warmup < 0:
        raise UserError(f"--iterations {iterations} and --warmup {warmup} are too few: give at least 2 and 0.")
    return Plan(warmup, iterations, turn, args.halves and tuple(args.halves), args.memory, args.seconds)


def _subject(args: argparse.Namespace) -> str:
    """Return the start of a file's name, by the comparison in the file."""
    if args.together:
        return "together"
    if args.with_pieces or args.without:
        return "pieces"
    return "sizes" if len(args.sizes) * len(args.batch_sizes) > 1 else "speed"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description="Seconds per training iteration.")
    show_example(parser, "--methods enco cut --modes plain")
    pieces = [piece.name for piece in fields(ComputeOptions)]
    add = parser.add_argument
    add("--methods", nargs="+", required=True, metavar="NAME", help="methods, or 'all'")
    add("--modes", nargs="*", choices=("plain", "fast"), default=["plain", "fast"])
    add(
        "--with",
        nargs="+",
        choices=pieces,
        default=[],
        dest="with_pieces",
        help="also fast with this piece, one by one",
    )
    add("--without", nargs="+", choices=pieces, default=[], help="also fast without this piece, one by one")
    add("--size", "--sizes", nargs="+", type=SIDE, default=[256], dest="sizes", metavar="PIXELS")
    add("--batch-sizes", nargs="+", type=BATCH_SIZE, default=[None], metavar="N", help="default: the method's own")
    add(
        "--halves",
        nargs="+",
        type=Whole(1, 2),
        choices=(1, 2),
        help="of training (default: the first, and both for enco)",
    )
    add("--warmup", type=COUNT_OR_NONE, help="untimed steps of each half" + _by_device(0))
    add("--iterations", type=COUNT, help="timed steps of each half" + _by_device(1))
    add("--one-by-one", action="store_true", help="one method after the other; else all live at once and take turns")
    add("--tiny", action="store_true", help="networks as small as can be, to try the benchmark itself")
    add("--memory", action="store_true", help="on a CPU also measure memory, each case in a process of its own")
    add("--together", nargs="+", type=COUNT, default=[], metavar="N", help="instead: so many trainings side by side")
    add("--seconds", type=Real(0, 10**6), default=60.0, help="how long trainings side by side are counted (default 60)")
    add(
        "--within",
        type=Real(1, 10**6),
        default=inf,
        metavar="SECONDS",
        help="begin no size, batch or, with --one-by-one, method that would take longer, as far as those before tell",
    )
    add("--threads", type=THREADS, help="CPU threads of torch; trainings side by side share them")
    add("--device", type=named_device, choices=DEVICES, default="auto")
    add("--output", type=Path, required=True, help="CSV file, or a folder: the file is named after device and versions")
    return parser


def _by_device(index: int) -> str:
    return f" (default {', '.join(f'{counts[index]} on {kind}' for kind, counts in COUNTS.items())})"


if __name__ == "__main__":
    run_cli(main)
