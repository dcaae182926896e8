"""Do a computation again with other weights, but with all that has no gradient as it was the first time.

What a loss is as a function of weights, as far as autograd goes, cannot be had by computing it twice: detached parts,
draws, sampled positions and masks would change as well. So the first time they are noted, and later handed out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.overrides import TorchFunctionMode

Gradients = dict[Parameter, Tensor]


@dataclass(frozen=True)
class Update:
    """A gradient that a computation took: a loss's by weight."""

    loss: float
    gradients: Gradients


@dataclass(frozen=True)
class Call:
    """A call to torch, and what it returned, with None for each tensor that depends on weights."""

    function: Callable[..., Any]
    constants: Any


class Record(TorchFunctionMode):
    """Within this block notes every call to torch, and the gradients taken with regard to these weights."""

    def __init__(self, weights: Iterable[Parameter]) -> None:
        super().__init__()
        self.weights = list(weights)
        self.calls: list[Call] = []
        self.updates: list[Update] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.backward:
            return self._backward(*args, **kwargs or {})
        result = func(*args, **kwargs or {})
        if func is torch.autograd.grad:
            self.updates.append(Update(args[0][0].item(), dict(zip(args[1], result, strict=True))))
        elif not inside_function():
            self.calls.append(Call(func, constants(result)))
        return result

    def _backward(self, loss: Tensor, **how: Any) -> None:
        for weight in self.weights:
            weight.grad = None
        loss.backward(**how)  # type: ignore[no-untyped-call]
        found = {weight: weight.grad.clone() for weight in self.weights if weight.grad is not None}
        self.updates.append(Update(loss.item(), found))


class Replay(TorchFunctionMode):
    """Within this block the same computation gets the constants of a recorded one, and only notes its `losses`."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.weights, self.calls, self.updates = record.weights, iter(record.calls), iter(record.updates)
        self.losses: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.backward or func is torch.autograd.grad:
            return self._gradients(func, args[0])
        result = func(*args, **kwargs or {})
        if inside_function():
            return result
        call = next(self.calls)
        assert call.function == func, f"{func} follows where {call.function} did"
        return with_constants(result, call.constants)

    def _gradients(self, func: Any, loss: Tensor) -> tuple[Tensor, ...] | None:
        """The recorded ones, where this computation looks for them."""
        gradients = next(self.updates).gradients
        self.losses.append((loss if isinstance(loss, Tensor) else loss[0]).item())
        if func is torch.autograd.grad:
            return tuple(gradients.values())
        for weight in self.weights:
            weight.grad = gradients[weight].clone() if weight in gradients else None
        return None


def inside_function() -> bool:
    """Whether this is the forward pass of an autograd.Function, which has no gradient for another reason: its own."""
    return not torch._C._is_fwd_grad_enabled()  # `no_grad` leaves that one on


def constants(result: Any) -> Any:
    """Copies of the tensors in a result that have no gradient, None for the others; in tuples and lists, too."""
    if isinstance(result, Tensor):
        return None if result.requires_grad else result.clone()
    return tuple(map(constants, result)) if isinstance(result, tuple | list) else None


def with_constants(result: Any, kept: Any) -> Any:
    """A result with the tensors that `constants` kept of an earlier one."""
    if isinstance(result, Tensor):
        return result if kept is None else kept
    if isinstance(result, tuple | list) and type(result) is not torch.Size:
        items = list(map(with_constants, result, kept))
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result
