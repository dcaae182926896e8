"""Fast steps that are recorded and replayed are those done one by one: on a CPU, with a stand-in for a CUDA card."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from enco.config.compute import ComputeConfig
from enco.errors import UserError
from enco.methods import available, create
from enco.methods.base import Method
from enco.methods.parts.schedule import Schedule
from enco.runtime.randomness import draw_device
from enco.training.cuda_graphs import GraphedStep
from enco.training.train_step import TrainStep
from tests.support.recorded_graph import RecordedGraph
from tests.support.recorded_graph import recorded_graphs as recorded_graphs
from tests.support.tiny_methods import batch_for, tiny_options
from tests.support.tiny_runs import assert_same

pytestmark = pytest.mark.usefixtures("recorded_graphs", "draws_of_a_card")
HOST = torch.device("meta")
"""The host beside the card: within `with HOST`, tensors made for no device in particular fit no others."""


class Card(str):
    """This machine's CPU where a CPU would be taken for the host."""

    type = "cuda"


@pytest.fixture
def draws_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw positions as on a card."""
    monkeypatch.setattr("enco.losses.sampling.draw_device", lambda: Card(draw_device()))


def trained(name: str, count: int, graphed: bool, **options: Any) -> tuple[list[dict[str, Tensor]], Method]:
    """Losses of so many fast steps from one seed, half of them in each epoch, and what was trained."""
    torch.manual_seed(0)
    method = create(name, schedule=Schedule(1, 1), **tiny_options(name) | options)
    method.calibrate(batch_for(method, seed) for seed in range(100, 104))
    train_step = TrainStep(method, ComputeConfig(mode="fast", compile=False, cuda_graph=graphed))
    assert str(train_step.options) == f"bfloat16, {'cuda graph, ' if graphed else ''}device rng, autotune"
    torch.manual_seed(1)
    losses = []
    for number in range(count):
        if number % (count // 2) == 0:
            train_step.begin_epoch(1 + number // (count // 2))
        batch = batch_for(method, number)
        with HOST:
            losses.append(train_step(batch))
    return losses, method


@pytest.mark.parametrize("name", available())
def test_replayed_steps_are_those_done_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replays: list[RecordedGraph] = []
    replay = RecordedGraph.replay
    monkeypatch.setattr(RecordedGraph, "replay", lambda graph: (replays.append(graph), replay(graph)))
    wanted, eager = trained(name, 12, graphed=False)
    found, replayed = trained(name, 12, graphed=True)
    assert len(replays) == 2 * (6 - GraphedStep.WARMUP_STEPS + 1)
    assert_same(found, wanted)
    assert_same(_state(replayed), _state(eager))


def test_a_rate_that_changes_within_an_epoch_is_recorded_anew() -> None:
    wanted, eager = trained("munit", 16, graphed=False, lr_step=5)
    found, replayed = trained("munit", 16, graphed=True, lr_step=5)
    assert_same(found, wanted)
    assert_same(_state(replayed), _state(eager))


def _state(method: Method) -> dict[str, Any]:
    """Return all of a method's state but the word that lets a fused Adam be recorded."""
    state = method.state_dict()
    for optimizer in state["optimizers"].values():
        for group in optimizer["param_groups"]:
            group.pop("capturable")
    return state


def test_a_step_that_reads_a_number_of_its_device_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    method = create("enco", schedule=Schedule(1, 1), **tiny_options("enco"))
    update = method.update
    monkeypatch.setattr(method, "update", lambda batch: {"first": float(update(batch)["nce"])})
    monkeypatch.setattr(GraphedStep, "WARMUP_STEPS", 1)
    with pytest.raises(UserError, match=r"could not be recorded as a CUDA graph .*: set 'cuda_graph: false'"):
        GraphedStep(method)(batch_for(method, 0))
