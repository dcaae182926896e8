"""A checkpoint is as large as the tensors that it holds, also once every image pool is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from enco.methods import available
from enco.methods.base import Method
from enco.methods.parts.pool import ImagePool
from enco.runtime.randomness import random_state
from enco.training.checkpoint import Checkpoint, CheckpointFolder
from tests.support.tiny_methods import batch_for, tiny_method
from tests.support.tiny_runs import CPU, some_record

POOL = 20
WIDTHS = {"ngf": 16, "ndf": 16, "pool_size": POOL}


def trained_with_full_pools(name: str) -> Method:
    """A method after one step, so that Adam has its moments, whose pools then fill."""
    known = tiny_method(name).options.model_dump()
    method = tiny_method(name, **{key: value for key, value in WIDTHS.items() if key in known})
    method.step(batch_for(method, 0))
    for pool in method.pools.values():
        pool.query(torch.rand(POOL, 3, method.options.crop_size, method.options.crop_size))
        assert len(pool.state()) == POOL
    return method


def nbytes(state: Any) -> int:
    """Bytes of the tensors within nested containers, each tensor once."""
    return sum({id(tensor): tensor.nbytes for tensor in tensors(state)}.values())


def tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for value in state.values() if isinstance(state, dict) else state:
            yield from tensors(value)


@pytest.mark.parametrize("name", sorted(available()))
def test_a_checkpoint_is_hardly_larger_than_its_tensors(tmp_path: Path, name: str) -> None:
    method = trained_with_full_pools(name)
    checkpoint = Checkpoint(
        iteration=1,
        method=method.state_dict(),
        random=random_state(CPU),
        window=[],
        wall_seconds=1.0,
        wait_seconds=0.0,
        begun="",
        saved="",
        record=some_record(),
    )
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint)
    held = nbytes([checkpoint.method, checkpoint.random])
    assert held < folder.files()[0].stat().st_size < 1.05 * held


def test_a_pools_state_is_a_copy_that_later_images_leave_alone() -> None:
    pool = ImagePool(2)
    pool.query(torch.zeros(2, 3, 4, 4))
    state = pool.state()
    for _ in range(20):
        pool.query(torch.ones(1, 3, 4, 4))
    assert torch.equal(state, torch.zeros(2, 3, 4, 4)) and not torch.equal(state, pool.state())
