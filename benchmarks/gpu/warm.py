"""Do first compiled steps of methods, one method after the other, which fill the compiler's cache on this machine.

python -m benchmarks.gpu.warm --methods enco cut --within 100
"""

from __future__ import annotations

import argparse

from benchmarks.gpu.command import SIDE
from benchmarks.speed.cases import Case, method_names, start_process, usual_batch
from benchmarks.speed.within import in_time
from enco.config.bounds import Real
from enco.config.compute import ComputeConfig
from enco.errors import run_cli
from enco.runtime.devices import DEVICES, choose_device, named_device

STEPS = 2


def main() -> int:
    """Print a line for each method; return 1 if one could not do its steps, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.warm", description=__doc__)
    parser.add_argument("--methods", nargs="+", required=True, metavar="NAME", help="methods, or 'all'")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--within", type=Real(1, 10**6), required=True, help="seconds, as of benchmarks.speed")
    args = parser.parse_args()
    device, errors = choose_device(args.device), 0
    start_process(None)
    for name in in_time(method_names(args.methods), args.within):
        watch = Case(name, ComputeConfig(mode="fast"), SIDE, usual_batch(name)).stopwatch()
        watch.build(SIDE, usual_batch(name), device)
        watch.begin("first_half", STEPS)
        errors += bool(watch.error)
        print(f"{name}: {watch.error or 'compiled'}", flush=True)
    return int(errors > 0)


if __name__ == "__main__":
    run_cli(main)
