"""Repeat a computation with other weights, but with all values without a gradient as at the first time.

A loss as the function of weights that autograd differentiates cannot be had by computing the loss twice: detached
parts, draws, sampled positions and masks would change as well. So these values are recorded once and replayed later.
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
    """A loss whose gradient a computation took, and the gradient by weight."""

    loss: float
    gradients: Gradients


@dataclass(frozen=True)
class Call:
    """A call to torch, and the result, with None for each tensor that depends on weights."""

    function: Callable[..., Any]
    constants: Any


class Record(TorchFunctionMode):
    """A context that records every call to torch, and the gradients with respect to these weights."""

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
    """A context in which a recorded computation gets the recorded constants, and only records `losses`."""

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
        """Put the recorded gradients where this computation expects gradients."""
        gradients = next(self.updates).gradients
        self.losses.append((loss if isinstance(loss, Tensor) else loss[0]).item())
        if func is torch.autograd.grad:
            return tuple(gradients.values())
        for weight in self.weights:
            weight.grad = gradients[weight].clone() if weight in gradients else None
        return None


def inside_function() -> bool:
    """Return whether this is the forward pass of an autograd.Function, which has a gradient of its own."""
    return not torch._C._is_fwd_grad_enabled()  # stays enabled in `no_grad`


def constants(result: Any) -> Any:
    """Copy the tensors of a result that have no gradient, also in tuples and lists; None stands for all else."""
    if isinstance(result, Tensor):
        return None if result.requires_grad else result.clone()
    return tuple(map(constants, result)) if isinstance(result, tuple | list) else None


def with_constants(result: Any, kept: Any) -> Any:
    """Replace tensors of a result by the tensors that `constants` kept of an earlier result."""
    if isinstance(result, Tensor):
        return result if kept is None else kept
    if isinstance(result, tuple | list) and type(result) is not torch.Size:
        items = list(map(with_constants, result, kept))
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result
