"""Do first compiled steps of methods, of each half of training that is timed, to fill the compiler's cache here.

python -m benchmarks.gpu.warm --methods enco cut --within 100
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch

from benchmarks.gpu.command import SIDE, TINY
from benchmarks.speed.cases import Case, method_names, start_process, usual_batch
from benchmarks.speed.measure import Plan
from benchmarks.speed.within import in_time
from enco.config.bounds import Real
from enco.config.compute import ComputeConfig
from enco.errors import run_cli
from enco.runtime.capabilities import capabilities
from enco.runtime.devices import DEVICES, choose_device, named_device
from eval.timing.stopwatch import HALVES

STEPS = 2
COMPILED = ComputeConfig(mode="fast", compile=True, cuda_graph=False)
"""Of `fast` what compiles the same: recording such steps takes time, and what fails to record spoils its process."""


def warm(name: str, device: torch.device, tiny: bool) -> Iterator[tuple[str, str]]:
    """Do the first steps of each half of a method's training, and yield the half and its error, empty if none."""
    size, batch = TINY if tiny else SIDE, usual_batch(name)
    watch = Case(name, COMPILED, size, batch, tiny=tiny).stopwatch()
    watch.build(size, batch, device)
    for half in HALVES:
        if Plan(0, STEPS, 1).times(name, half):
            watch.begin(half, STEPS)
            yield half.replace("_", " "), watch.error


def main() -> int:
    """Print a line for each half of each method; return 1 if one could not do its steps, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.warm", description=__doc__)
    parser.add_argument("--methods", nargs="+", required=True, metavar="NAME", help="methods, or 'all'")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--within", type=Real(1, 10**6), required=True, help="seconds, as of benchmarks.speed")
    parser.add_argument("--tiny", action="store_true", help="networks as small as can be, to try the command")
    args = parser.parse_args()
    device, errors = choose_device(args.device), 0
    if reason := capabilities(device).impossible.get("compile"):
        print(f"Nothing is compiled here, as {reason}.")
        return 0
    start_process(None)
    for name in in_time(method_names(args.methods), args.within):
        for half, error in warm(name, device, args.tiny):
            errors += bool(error)
            print(f"{name}, {half}: {error or 'compiled'}", flush=True)
    return int(errors > 0)


if __name__ == "__main__":
    run_cli(main)
