"""Check the gradients of every layer and method on this machine: `python -m enco.selftest`."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator, Sequence

import torch

from enco.config.bounds import THREADS
from enco.config.commands import show_example
from enco.errors import run_cli
from enco.methods import available, get
from enco.runtime.devices import DEVICES, choose_device, named_device
from enco.runtime.memory import keep_memory
from enco.selftest.checks import Result, check_fast, check_layer, check_plain, uses_bfloat16
from enco.selftest.layers import LAYERS, Layer


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each check; return 1 if a check failed, else 0."""
    args = _parser().parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    names = [get(name).info.name for name in args.methods or sorted(available())]
    keep_memory()
    print(f"PyTorch {torch.__version__} on {device_name(device)}", flush=True)
    passed = failed = 0
    for result in results(LAYERS if args.layers else (), names, device):
        passed, failed = passed + (not result.fault), failed + bool(result.fault)
        print(line(result), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def results(layers: Sequence[Layer], names: Sequence[str], device: torch.device) -> Iterator[Result]:
    """Check these layers, then these methods."""
    torch.backends.cudnn.allow_tf32 = False  # for layers; steps set their own
    for layer in layers:
        yield check_layer(layer, device)
    for name in names:
        yield check_plain(name, device)
        yield check_fast(name, device, uses_bfloat16(device))


def line(result: Result) -> str:
    """Format a check as one line, with the fault and its cure on a second line."""
    first = f"{'FAIL' if result.fault else 'ok':4}  {result.name:26}  {result.measured}"
    return f"{first}\n      {result.fault}" if result.fault else first


def device_name(device: torch.device) -> str:
    """Return a GPU's model, else the device's type with the processor's architecture and torch's threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, threads: {torch.get_num_threads()})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m enco.selftest", description=__doc__)
    show_example(parser, "--methods enco cut")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=THREADS, help="CPU threads of torch")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods (default: all)")
    parser.add_argument("--no-layers", action="store_false", dest="layers", help="methods alone")
    return parser


if __name__ == "__main__":
    run_cli(main)
