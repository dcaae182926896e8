"""A stand-in for a CUDA card on a CPU: operations are recorded, and repeated on the same memory.

As in a CUDA graph, recording changes nothing, tensors keep their memory, and numbers of the host stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from enco.config.compute import Capabilities
from enco.runtime.precision import no_autocast

A100 = Capabilities("cuda", "compute capability 8.0", tf32=True)
"""The abilities of a card that has all of `fast`."""


@dataclass
class RecordedGraph:
    """Operations with their arguments and results, in order."""

    calls: list[tuple[Any, Any, Any, list[Tensor]]] = field(default_factory=list)

    def replay(self) -> None:
        """Do every operation again, into the memory of the first results."""
        with torch.no_grad(), no_autocast():  # types are those of the recording
            for func, args, kwargs, results in self.calls:
                for kept, fresh in zip(results, _tensors(func(*args, **kwargs)), strict=True):
                    if kept.data_ptr() != fresh.data_ptr():
                        kept.copy_(fresh)


class Recorder(TorchDispatchMode):
    """Records operations, and keeps what memory held before that an operation overwrites."""

    def __init__(self, graph: RecordedGraph) -> None:
        super().__init__()
        self.graph, self.fresh, self.before = graph, set[int](), dict[int, tuple[UntypedStorage, UntypedStorage]]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if "_local_scalar_dense" in str(func):
            raise RuntimeError("operation not permitted when stream is capturing")
        for tensor in _overwritten(func, args, kwargs):
            memory = tensor.untyped_storage()
            if memory.data_ptr() not in self.fresh | self.before.keys():
                self.before[memory.data_ptr()] = memory, memory.clone()
        result = func(*args, **kwargs)
        if not func.is_view:
            self.graph.calls.append((func, args, kwargs, _tensors(result)))
            if not func._schema.is_mutable:
                self.fresh |= {tensor.untyped_storage().data_ptr() for tensor in _tensors(result)}
        return result

    def undo(self) -> None:
        """Give overwritten memory back what was there."""
        for memory, content in self.before.values():
            memory.copy_(content)


class NoStream:
    """A CUDA stream on a machine that does everything at once."""

    def __init__(self, *_: object) -> None: ...
    def synchronize(self) -> None: ...
    def wait_stream(self, other: object) -> None: ...


@contextmanager
def _record(graph: RecordedGraph, **_: object) -> Iterator[None]:
    recorder, random = Recorder(graph), torch.get_rng_state()
    try:
        with recorder:
            yield
    finally:
        recorder.undo()
        torch.set_rng_state(random)


def _overwritten(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """Return the tensors that an operation writes to."""
    named = [*zip(func._schema.arguments, args, strict=False)]
    named += [(argument, kwargs[argument.name]) for argument in func._schema.arguments if argument.name in kwargs]
    written = [value for argument, value in named if argument.alias_info and argument.alias_info.is_write]
    return _tensors(written)


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


@pytest.fixture
def recorded_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `enco.training` do the fast steps of a card on this machine's CPU, and record them."""
    monkeypatch.setattr("enco.training.train_step.capabilities", lambda *_: A100)
    monkeypatch.setattr(torch.cuda, "Stream", NoStream)
    monkeypatch.setattr(torch.cuda, "current_stream", NoStream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", RecordedGraph)
    monkeypatch.setattr(torch.cuda, "graph", _record)
