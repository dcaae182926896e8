"""Compute in float32 where that matters, although the networks around compute in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")
REDUCED = (torch.bfloat16, torch.float16)


@contextmanager
def no_autocast() -> Iterator[None]:
    """Compute every operation of the block in the type of its tensors."""
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


def in_float32(function: Callable[P, T]) -> Callable[P, T]:
    """Convert a function's bfloat16 arguments to float32, and compute in float32 under autocast, too.

    Tensors of other types, and so a step without autocast, are left unchanged.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        if not any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")):
            return function(*args, **kwargs)
        with no_autocast():
            return function(*_raised(args), **_raised(kwargs))

    return wrapper


def _raised(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.dtype in REDUCED else value
    if isinstance(value, dict):
        return {key: _raised(item) for key, item in value.items()}
    return type(value)(map(_raised, value)) if type(value) in (list, tuple) else value
