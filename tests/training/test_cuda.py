"""What only a GPU can show; run where there is one: `python -m pytest tests/training/test_cuda.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from enco.config.compute import ComputeConfig
from enco.config.run import DataConfig, RunConfig, TrainConfig
from enco.data.batch import Batch
from enco.datasets.demo import make_archive
from enco.methods import available, create
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule
from enco.train import train
from enco.training.cuda_graphs import GraphedStep
from enco.training.train_step import TrainStep
from tests.support.tiny_methods import batch_for, tiny_options

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = torch.device("cuda")


def steps(name: str, count: int, compute: ComputeConfig, **options: Any) -> tuple[list[dict[str, float]], Method]:
    """Losses of so many steps from one seed, half of them in each epoch, and what was trained."""
    torch.manual_seed(0)
    method = create(name, schedule=Schedule(1, 1), device=GPU, **tiny_options(name) | options)
    method.calibrate(batch_for(method, seed) for seed in range(100, 104))
    train_step = TrainStep(method, compute)
    torch.manual_seed(1)
    losses: list[dict[str, Tensor]] = []
    for step in range(count):
        if step % (count // 2) == 0:
            train_step.begin_epoch(1 + step // (count // 2))
        batch = batch_for(method, step)
        losses.append(train_step({"source": batch["source"].to(GPU), "target": batch["target"].to(GPU)}))
    return [{term: float(value) for term, value in row.items()} for row in losses], method


@pytest.fixture
def deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steps that can be repeated bit for bit: else two trainings of one kind part by themselves within steps."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", available())
def test_replayed_steps_are_those_done_one_by_one(name: str, deterministic: None) -> None:
    pieces: dict[str, Any] = {"mode": "fast", "bfloat16": False, "compile": False, "autotune": False}
    wanted, eager = steps(name, 16, ComputeConfig(**pieces, cuda_graph=False))
    found, replayed = steps(name, 16, ComputeConfig(**pieces))
    assert found == wanted
    for network, twin in zip(eager.networks.values(), replayed.networks.values(), strict=True):
        for weight, same_weight in zip(network.parameters(), twin.parameters(), strict=True):
            assert torch.equal(same_weight, weight)


@pytest.mark.parametrize(("name", "options", "recordings"), [("enco", {}, 2), ("munit", {"lr_step": 6}, 3)])
def test_an_epoch_and_a_rate_are_recorded_once_and_every_step_counts(
    name: str, options: dict[str, Any], recordings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[list[float]] = []
    record = GraphedStep._record

    def counted(graphed: GraphedStep, batch: Batch) -> torch.cuda.CUDAGraph:
        recorded.append(graphed._rates())
        return record(graphed, batch)

    monkeypatch.setattr(GraphedStep, "_record", counted)
    count = 2 * (GraphedStep.WARMUP_STEPS + 6)
    _, method = steps(name, count, ComputeConfig(mode="fast", compile=False), **options)
    assert len(recorded) == len({tuple(rates) for rates in recorded}) == recordings
    assert method.extra_state().get("iteration", count) == count
    counts = {int(state["step"]) for optimizer in method.optimizers.values() for state in optimizer.state.values()}
    assert counts == {count}


@pytest.mark.parametrize("name", ["enco", "cyclegan", "munit"])
def test_everything_of_fast_trains_with_finite_losses(name: str) -> None:
    losses, _ = steps(name, 12, ComputeConfig(mode="fast"))
    assert all(abs(value) < 1e4 for row in losses for value in row.values())


def test_a_fast_training_goes_through_with_workers(tmp_path: Path) -> None:
    config = RunConfig(
        method="enco",
        task="demo",
        data=DataConfig(root=make_archive("horse2zebra", tmp_path, size=32, scale_counts=0.1)),
        options=tiny_options("enco"),
        train=TrainConfig(n_const=1, n_decay=1, tracking="off"),
        compute=ComputeConfig(mode="fast"),
    )
    train(config, tmp_path / "run", GPU, workers=2)
    assert (tmp_path / "run" / "generator.safetensors").exists()
