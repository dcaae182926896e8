"""The discriminators of several scales that MUNIT and DRIT share."""

from __future__ import annotations

import pytest
import torch

from enco.networks import multiscale
from enco.networks.multiscale import MultiScaleDiscriminator, half_size
from enco.options.sizes import most_scales, smallest_side


def test_each_scale_after_the_first_sees_half_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    halved: list[int] = []
    monkeypatch.setattr(multiscale, "half_size", lambda x: halved.append(x.shape[-1]) or half_size(x))
    scores = MultiScaleDiscriminator(ndf=2, scales=3)(torch.zeros(1, 3, 64, 64))
    assert [s.shape[-1] for s in scores] == [4, 2, 1]
    assert halved == [64, 32]


def test_down_sampling_does_not_count_its_padding() -> None:
    assert torch.equal(half_size(torch.ones(1, 3, 16, 16)), torch.ones(1, 3, 8, 8))


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_smallest_side_is_just_enough(scales: int) -> None:
    side, net = smallest_side(scales), MultiScaleDiscriminator(ndf=2, scales=scales)
    assert net(torch.zeros(1, 3, side, side))[-1].shape == (1, 1, 1, 1)
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        net(torch.zeros(1, 3, side - 1, side - 1))


def test_no_image_is_too_small_to_be_asked_about() -> None:
    assert most_scales(8, 3) == 1
