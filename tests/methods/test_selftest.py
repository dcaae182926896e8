"""Every gradient that trains a network agrees with finite differences, and the check sees wrong gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from enco.methods import available
from enco.networks.layers import norm
from enco.selftest.__main__ import main
from enco.selftest.checks import PLAIN, check_fast, check_layer, check_plain
from enco.selftest.differences import TOLERANCE, difference_error
from enco.selftest.layers import LAYERS, Layer
from enco.selftest.steps import Trial, difference_errors, errors_against
from enco.selftest.tape import Record, Replay
from enco.training.train_step import CompiledNetworks

CPU = torch.device("cpu")
TWO = {"instance norm", "reflection padding"}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layers_gradient_is_right_in_every_order(layer: Layer) -> None:
    assert not check_layer(layer, CPU).fault


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(available()))
def test_every_network_gets_its_losses_gradient_from_a_plain_step(name: str) -> None:
    assert not check_plain(name, CPU).fault


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(available()))
def test_every_network_gets_its_losses_gradient_from_a_fast_step(name: str) -> None:
    assert not check_fast(name, CPU, bfloat16=True).fault


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qs_attn", "munit"])
def test_every_network_gets_the_same_gradient_compiled(name: str) -> None:
    """By the compiler's own treatment of gradients, but PyTorch's kernels: code would take minutes."""
    usual, compiled = (Trial(name, PLAIN, CPU, torch.float64) for _ in range(2))
    compiled.train_step.compiled = CompiledNetworks(compiled.networks.values(), backend="aot_eager")
    assert max(errors_against(usual.gradients(), compiled).values()) < 1e-10
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    torch._dynamo.reset()


@pytest.mark.parametrize("name", ["cut", "drit"])
def test_an_error_of_one_percent_in_one_network_is_seen_in_that_one(name: str) -> None:
    trial = Trial(name, PLAIN, CPU, torch.float64)
    for weight in trial.networks["generator"].parameters():
        weight.register_hook(lambda gradient: 1.01 * gradient)
    errors = difference_errors(trial)
    assert errors.pop("generator") > 3 * TOLERANCE
    assert max(errors.values()) < TOLERANCE


@pytest.fixture
def wrong_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the instance norm a wrong gradient for channels that lie innermost, as torch's was."""

    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        innermost = gradient.dim() == 4 and gradient.stride(1) == 1
        return 1.5 * gradient if innermost else gradient.contiguous()

    monkeypatch.setattr(norm._ContiguousGradient, "backward", staticmethod(backward))


@pytest.mark.usefixtures("wrong_norm")
def test_the_command_says_what_is_wrong_and_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enco.selftest.__main__.LAYERS", [layer for layer in LAYERS if layer.name in TWO])
    assert main(["--device", "cpu", "--methods", "qs_attn"]) == 1
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"PyTorch {torch.__version__} on cpu")
    failed = [line for line in lines if line.startswith("FAIL")]
    assert any(line.split()[1:3] == ["qs_attn", "plain"] for line in failed)
    assert any("instance norm" in line for line in failed)
    sentences = [line for line in lines if "report this line" in line]
    assert len(sentences) == len(failed)
    assert any("generator is" in line and "% off" in line for line in sentences)
    passed = sum(line.startswith("ok") for line in lines)
    assert last == f"{passed} passed, {len(failed)} failed"


def weight_of(*values: float) -> Parameter:
    return Parameter(torch.tensor(values, dtype=torch.float64))


def recorded(loss: Callable[[Parameter], Tensor], weight: Parameter) -> Record:
    record = Record([weight])
    with record:
        loss(weight).backward()  # type: ignore[no-untyped-call]
    return record


def error(loss: Callable[[Parameter], Tensor], weight: Parameter) -> float:
    record = recorded(loss, weight)

    def losses() -> list[float]:
        replay = Replay(record)
        with replay:
            loss(weight).backward()  # type: ignore[no-untyped-call]
        return replay.losses

    return difference_error(record.updates, losses, [weight])


@torch.no_grad()
def scale(x: Tensor) -> Tensor:
    return x.square() + 1


LOSSES: dict[str, Callable[[Parameter], Tensor]] = {
    "detached": lambda w: (w * w.detach()).sum(),
    "without gradient": lambda w: (w * scale(w)).sum(),
    "drawn": lambda w: (w * torch.rand(3, dtype=torch.float64)).sum(),
    "chosen": lambda w: w[w.argmax()] + w.topk(2).values.sum() * w.topk(1).indices.sum(),
    "masked": lambda w: (w * (w > w.mean())).sum(),
    "a function's own": lambda w: norm.contiguous_gradient(w * w).sum(),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_differences_hold_still_what_autograd_does(kind: str) -> None:
    torch.manual_seed(0)
    weight = weight_of(1.0, -2.0, 3.0)
    assert error(LOSSES[kind], weight) < 1e-5
    assert weight.tolist() == [1.0, -2.0, 3.0]


def test_differences_see_a_wrong_gradient_of_a_function() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return gradient * 2.02

    assert error(lambda w: Wrong.apply(w).sum(), weight_of(1.0, -2.0, 3.0)) > 3e-3


def test_another_computation_than_the_recorded_one_is_noticed() -> None:
    weight = weight_of(1.0, 2.0)
    record = recorded(lambda w: w.square().sum(), weight)
    with pytest.raises(AssertionError, match="follows where"), Replay(record):
        weight.exp().sum()
