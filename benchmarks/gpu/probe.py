"""Use a device once, and print how fast steps are computed there: `python -m benchmarks.gpu.probe --device cuda`."""

from __future__ import annotations

import argparse

import torch

from benchmarks.speed.hardware import device_label
from enco.config.compute import ComputeConfig
from enco.errors import UserError, run_cli
from enco.runtime.capabilities import capabilities
from enco.runtime.devices import DEVICES, choose_device, named_device

SIDE = 64


def main() -> None:
    """Multiply two matrices on the device; UserError for a device that is not there or cannot compute."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.probe", description=__doc__)
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    device = choose_device(parser.parse_args().device)
    ones = torch.ones(SIDE, SIDE, device=device)
    if not bool((ones @ ones == SIDE).all()):
        raise UserError(f"{device_label(device)} multiplies wrongly: restart the machine, or choose another device.")
    print(f"{device_label(device)}, torch {torch.__version__}")
    print(ComputeConfig(mode="fast").explain(capabilities(device)))


if __name__ == "__main__":
    run_cli(main)
