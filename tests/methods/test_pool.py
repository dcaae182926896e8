"""The history of generated images: what it keeps, in which type."""

from __future__ import annotations

import pytest
import torch

from enco.methods.parts.pool import ImagePool

CPU = torch.device("cpu")


@pytest.mark.parametrize(("before", "after"), [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)])
def test_a_training_goes_on_in_another_type(before: torch.dtype, after: torch.dtype) -> None:
    images = torch.rand(4, 3, 8, 8).to(before)
    first, second = ImagePool(3), ImagePool(3)
    first.query(images)
    kept = first.state()
    second.load(kept, CPU)
    assert torch.equal(second.state(), kept)
    found = second.query(torch.rand(20, 3, 8, 8).to(after))
    assert found.dtype is torch.float32


def test_what_is_kept_is_as_exact_as_the_images() -> None:
    for dtype, kept in (
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        images = torch.rand(2, 3, 8, 8, dtype=torch.float64).to(dtype)
        pool = ImagePool(5)
        assert torch.equal(pool.query(images), images.to(kept))
        assert torch.equal(pool.state(), images.to(kept))
