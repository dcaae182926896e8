"""What only a GPU can show; run where there is one: `python -m pytest tests/training/test_cuda.py`.

On a machine with nothing but torch and a few wheels: with `--noconftest -p no:cacheprovider -o addopts=`.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
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
from enco.runtime.capabilities import capabilities
from enco.runtime.signals import Stopped
from enco.train import train
from enco.training.cuda_graphs import GraphedStep
from enco.training.train_step import TrainStep
from tests.support.tiny_methods import batch_for, tiny_options
from tests.support.tiny_runs import StopAt, assert_same_run, tiny_config, write_images

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
CPU, GPU = torch.device("cpu"), torch.device("cuda")
GRAPHED: dict[str, Any] = {"mode": "fast", "compile": False}
"""All of fast but what takes minutes."""


def first(name: str, compute: ComputeConfig, device: torch.device = GPU, **options: Any) -> TrainStep:
    """A training before its first step, from equal weights on every device."""
    torch.manual_seed(0)
    method = create(name, schedule=Schedule(1, 1), device=device, **tiny_options(name) | options)
    method.calibrate(batch_for(method, seed) for seed in range(100, 104))
    return TrainStep(method, compute)


def one_step(train_step: TrainStep, number: int) -> tuple[dict[str, float], Tensor]:
    """Losses of a step with draws of its own seed, and the change of all weights."""
    method = train_step.method
    before, batch = weights(method), batch_for(method, number)
    torch.manual_seed(number)
    terms = train_step({side: image.to(method.device) for side, image in batch.items()})  # type: ignore[arg-type]
    return {term: float(value) for term, value in terms.items()}, weights(method) - before


def weights(method: Method) -> Tensor:
    """All weights as one vector on the CPU."""
    parts = [weight.detach().cpu().flatten() for network in method.networks.values() for weight in network.parameters()]
    return torch.cat(parts)


def steps(name: str, count: int, compute: ComputeConfig, **options: Any) -> tuple[list[dict[str, float]], Method]:
    """Losses of so many steps from one seed, half of them in each epoch, and what was trained."""
    train_step = first(name, compute, **options)
    method = train_step.method
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
def test_ten_plain_steps_are_those_of_a_cpu(name: str) -> None:
    """Each from the CPU's state, as differences grow several-fold in each step of an adversarial training."""
    cpu, gpu = (first(name, ComputeConfig(tf32=False), device) for device in (CPU, GPU))
    for train_step in (cpu, gpu):
        train_step.begin_epoch(1)
    for number in range(10):
        gpu.method.load_state_dict(deepcopy(cpu.method.state_dict()))
        (wanted, change), (found, same_change) = one_step(cpu, number), one_step(gpu, number)
        assert found == pytest.approx(wanted, rel=0.01, abs=1e-3), number
        # Adam gives a weight whose gradient is nearly 0 a whole step to either side. A nudge of 1e-6 comes to 0.15.
        assert (same_change - change).norm() < 0.5 * change.norm(), number


@pytest.mark.parametrize("name", available())
def test_a_fast_step_has_nearly_the_plain_losses(name: str) -> None:
    fast = ComputeConfig(**GRAPHED, cuda_graph=False, device_rng=False)  # the draws of the plain one
    (wanted, _), (found, _) = (one_step(first(name, compute), 0) for compute in (ComputeConfig(), fast))
    assert found == pytest.approx(wanted, rel=0.05, abs=0.01)


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("compute", [{}, GRAPHED], ids=["plain", "fast"])
@pytest.mark.parametrize("name", available())
def test_a_training_that_was_stopped_ends_with_the_bits_of_one_that_was_not(
    name: str, compute: dict[str, Any], tmp_path: Path
) -> None:
    images = write_images(tmp_path / "images", per_step=first(name, ComputeConfig()).method.images_per_step)
    config = tiny_config(images, name, tracking="off")
    config = config.model_copy(update={"compute": ComputeConfig(**compute)})
    train(config, tmp_path / "whole", GPU)
    with pytest.raises(Stopped):
        train(config, tmp_path / "stopped", GPU, stop=StopAt(5))
    train(config, tmp_path / "stopped", GPU)
    assert_same_run(tmp_path / "stopped", tmp_path / "whole")


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


@pytest.mark.parametrize("name", ["enco", "cyclegan", "munit"])
def test_everything_of_fast_trains_with_finite_losses(name: str) -> None:
    losses, _ = steps(name, 12, ComputeConfig(mode="fast"))
    assert all(abs(value) < 1e4 for row in losses for value in row.values())


@pytest.mark.parametrize("name", ["enco", "drit"])
def test_compiled_networks_compute_what_others_do(name: str) -> None:
    if reason := capabilities(GPU).impossible.get("compile"):
        pytest.skip(reason)
    usual, compiled = (ComputeConfig(mode="fast", cuda_graph=False, compile=on) for on in (False, True))
    (wanted, _), (found, _) = (one_step(first(name, compute), 0) for compute in (usual, compiled))
    assert found == pytest.approx(wanted, rel=0.05, abs=0.01)
