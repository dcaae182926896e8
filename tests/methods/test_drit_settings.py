"""DRIT's rates, optimisers and defaults as published."""

from __future__ import annotations

import pytest

from enco.methods.parts.schedule import Schedule
from enco.options.drit import DritOptions
from tests.support.tiny_methods import tiny_method


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [(0, 1e-4), (599, 1e-4), (600, 1e-4), (601, 9.983361e-5), (900, 5.008319e-5), (1199, 3.327787e-7)],
)
def test_learning_rates(epoch: int, rate: float) -> None:
    method = tiny_method("drit")
    method.schedule = Schedule(600, 600)
    method.begin_epoch(epoch + 1)
    rates = {name: opt.param_groups[0]["lr"] for name, opt in method.optimizers.items()}
    assert rates.pop("content_discriminator") == pytest.approx(0.4 * rate, rel=1e-6)
    assert list(rates.values()) == pytest.approx([rate] * 3, rel=1e-6)


def test_a_warm_up_is_not_shifted_and_no_decay_keeps_the_rate() -> None:
    method = tiny_method("drit")
    method.schedule = Schedule(2, 2, warmup=2)
    assert [method.lr_factor(epoch) for epoch in range(1, 5)] == pytest.approx([0.5, 1, 1, 2 / 3])
    method.schedule = Schedule(2, 0)
    assert [method.lr_factor(epoch) for epoch in (1, 2)] == [1, 1]


def test_optimisers_are_the_published_ones() -> None:
    for optimizer in tiny_method("drit").optimizers.values():
        (group,) = optimizer.param_groups
        assert (group["betas"], group["weight_decay"]) == ((0.5, 0.999), 1e-4)


def test_defaults_are_the_published_ones() -> None:
    o = DritOptions()
    assert (o.batch_size, o.d_iter, o.load_size, o.crop_size, o.test_side) == (2, 3, 256, 216, 256)
    assert (o.max_iterations, o.jitter_in_decay, o.concat, o.mode_seeking) == (500_000, True, True, True)
