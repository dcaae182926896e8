"""What a training step costs without a clock: arithmetic at full size, calls to torch, and nothing left on the host.

Figures are kept in tests/golden/step_costs.csv. After an intended change,
`python -m tests.benchmarks.test_speed_guard` writes
them anew; the diff shows what became cheaper or dearer.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.flops import step_flops
from benchmarks.speed.cases import method_options, usual_batch
from enco.config.compute import ComputeConfig, Mode
from enco.io.files import atomic_path
from enco.methods import available
from enco.training.train_step import TrainStep
from eval.published import published_speeds
from eval.timing.stopwatch import HALVES
from tests.support.tiny_methods import batch_for, tiny_method

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "step_costs.csv"
COLUMNS = ("method", "flop_first_half", "flop_second_half", "calls_plain", "calls_fast", "torch")
SIZE = 256
MORE_CALLS = 1.02
TORCH = ".".join(torch.__version__.split(".")[:2])


class Calls(TorchDispatchMode):
    """Counts the operations that reach torch's backends, and names those that touch a CPU tensor with dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.on_host: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.count += 1
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        if any(tensor.device.type == "cpu" and tensor.dim() for tensor in tensors):
            self.on_host.append(str(func))
        return result


def calls(name: str, mode: Mode) -> int:
    """Operations of a tiny method's first step, with forward, backward and Adam."""
    train_step = TrainStep(tiny_method(name), ComputeConfig(mode=mode, bfloat16=mode == "fast"))
    train_step.begin_epoch(1)
    with Calls() as counted:
        train_step(batch_for(train_step.method, 0))
    return counted.count


@cache
def flops(name: str, half: str) -> int:
    """Of one step at default widths."""
    return step_flops(name, method_options(name, SIZE, usual_batch(name)), half)


def golden() -> dict[str, dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return {line["method"]: line for line in csv.DictReader(file)}


@pytest.mark.parametrize("name", sorted(available()))
def test_a_step_computes_what_it_did(name: str) -> None:
    for half in HALVES if name == "enco" else ("first_half",):
        assert flops(name, half) == pytest.approx(int(golden()[name][f"flop_{half}"]), rel=1e-3), half


@pytest.mark.parametrize("name", sorted(available()))
def test_a_step_calls_torch_no_more_often_than_it_did(name: str) -> None:
    line = golden()[name]
    if line["torch"] != TORCH:
        pytest.skip(f"the figures are of torch {line['torch']}")
    for mode in ("plain", "fast"):
        assert calls(name, mode) <= MORE_CALLS * int(line[f"calls_{mode}"]), mode


def test_encos_share_of_cuts_arithmetic_is_below_the_papers_share_of_its_time() -> None:
    paper = published_speeds(ROOT / "config" / "published.csv")
    enco = sum(flops("enco", half) for half in HALVES) / len(HALVES)
    assert enco / flops("cut", "first_half") < paper["enco"] / paper["cut"]


def main() -> None:
    with atomic_path(GOLDEN) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name in sorted(available()):
            writer.writerow(
                [name, *(flops(name, half) for half in HALVES), calls(name, "plain"), calls(name, "fast"), TORCH]
            )


if __name__ == "__main__":
    main()
