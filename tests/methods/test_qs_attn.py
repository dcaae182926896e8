"""QS-Attn against its fact-checked numbers: attention, selection, windows, gradients."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from enco.errors import UserError
from enco.losses.terms import patch_nce
from enco.methods import create
from enco.methods.qs_attn import QsAttn, attended_cells, selected_rows
from enco.networks.attention import (
    cells_at,
    entropy,
    global_attention,
    local_attention,
    lowest_entropy,
    route,
    values_at,
    windows_at,
)
from enco.options.qs_attn import QsAttnOptions
from tests.support.tiny_methods import batch_for, images, tiny_method

MODES = ["global", "local", "local_global"]
RAMP = torch.arange(18.0).view(1, 2, 3, 3)
every_mode = pytest.mark.parametrize("mode", MODES)


def method_with(**options: Any) -> QsAttn:
    method = tiny_method("qs_attn", **options)
    assert isinstance(method, QsAttn)
    return method


def maps(seed: int, batch: int = 2, channels: int = 5, side: int = 6) -> Tensor:
    return torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(seed))


@every_mode
def test_parameter_total_is_cuts(mode: str) -> None:
    with torch.device("meta"):
        assert create("qs_attn", device="meta", qs_mode=mode).parameter_count() == 14_703_300


def test_entropy_numbers() -> None:
    rows = torch.tensor([[[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]])
    torch.testing.assert_close(entropy(rows), torch.tensor([[0, 1.386294, 0.693147]]))
    assert lowest_entropy(rows, 3).tolist() == [[0, 2, 1]]
    assert lowest_entropy(rows, 2).tolist() == [[0, 2]]


@pytest.mark.parametrize(("cells", "greatest"), [(4096, 8.317766), (49, 3.891820)])
def test_greatest_entropy(cells: int, greatest: float) -> None:
    assert float(entropy(torch.full((cells,), 1 / cells))) == pytest.approx(greatest, rel=1e-5)


def test_ties_keep_their_order() -> None:
    one_hot = torch.eye(300).roll(7, 0)[None]
    assert lowest_entropy(one_hot, 256).tolist() == [list(range(256))]


def test_shapes_at_full_size() -> None:
    features = maps(0, batch=1, channels=4, side=64)
    rows = lowest_entropy(global_attention(features), 256)
    assert rows.shape == (1, 256)
    assert global_attention(features, rows).shape == (1, 256, 4096)
    assert local_attention(features, windows_at(features, 7, "correct", rows), rows).shape == (1, 256, 49)


def test_global_attention_is_the_softmax_of_plain_dot_products() -> None:
    features = maps(1)
    attention = global_attention(features)
    cells = features[1].flatten(1).T
    torch.testing.assert_close(attention[1, 4], (cells @ cells[4]).softmax(0))
    rows = torch.tensor([[5, 0], [35, 4]])
    torch.testing.assert_close(global_attention(features, rows)[1], attention[1, rows[1]])


def test_window_of_the_ramps_centre() -> None:
    correct, official = (windows_at(RAMP, 3, layout)[0, 4] for layout in ("correct", "official"))
    assert correct[4].tolist() == [4, 13]
    assert correct[:, 0].tolist() == list(range(9))
    assert official[4].tolist() == [8, 9]
    assert official.flatten().tolist() == list(range(18))


def test_window_at_a_corner_has_zeros_around() -> None:
    corner = windows_at(RAMP, 3, "correct")[0, 0, :, 1]
    assert corner.tolist() == [0, 0, 0, 0, 9, 10, 0, 12, 13]


@settings(max_examples=20, deadline=None)
@given(side=st.sampled_from([1, 3, 5]), layout=st.sampled_from(["correct", "official"]), seed=st.integers(0, 99))
def test_windows_of_rows_are_those_of_all_cells(side: int, layout: Any, seed: int) -> None:
    features = maps(seed)
    rows = torch.randint(36, (2, 4), generator=torch.Generator().manual_seed(seed))
    every = windows_at(features, side, layout)
    torch.testing.assert_close(windows_at(features, side, layout, rows), every[torch.arange(2)[:, None], rows])


def test_released_values_of_the_ramp_mix_the_selected_cells() -> None:
    """Selected are the centre and a corner. Row 0 gets channel 0 around both, row 1 channel 1 around both."""
    first, second = values_at(RAMP, 3, "official", torch.tensor([[4, 0]]))[0]
    around_corner = [0, 0, 0, 0, 0, 1, 0, 3, 4]
    assert first.tolist() == [[centre, corner] for centre, corner in enumerate(around_corner)]
    assert second[:, 0].tolist() == list(range(9, 18))
    assert second[:, 1].tolist() == [0, 0, 0, 0, 9, 10, 0, 12, 13]
    correct = values_at(RAMP, 3, "correct", torch.tensor([[4, 0]]))
    assert torch.equal(correct, windows_at(RAMP, 3, "correct", torch.tensor([[4, 0]])))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), patches=st.integers(2, 12))
def test_official_local_attention_number_by_number(seed: int, patches: int) -> None:
    """The released local mode, computed from indices alone.

    Windows lie channel by channel and are read as if cell by cell; values run over the selected cells first.
    """
    keys, queries = (maps(number, batch=2, channels=2, side=4).double() for number in (seed, seed + 1))
    options = QsAttnOptions(qs_mode="local", local_layout="official", patches=patches, window=3)
    found = attended_cells(keys, queries, options)
    for image in range(2):
        own = [released_numbers(features[image].tolist()) for features in (keys, queries)]
        rows, weights = released_attention(keys[image].tolist(), own[0], patches)
        for numbers, cells in zip(own, found, strict=True):
            flat = [numbers[row][entry] for entry in range(18) for row in rows]
            for p in range(patches):
                wanted = [sum(weights[p][m] * flat[18 * p + 2 * m + c] for m in range(9)) for c in range(2)]
                assert cells[image, p].tolist() == pytest.approx(wanted)


def released_numbers(features: list[list[list[float]]]) -> list[list[float]]:
    """Return the 3 x 3 window of each cell of a 4 x 4 map: 9 numbers of each channel, zeros beyond the border."""

    def at(channel: list[list[float]], y: int, x: int) -> float:
        return channel[y][x] if 0 <= y < 4 and 0 <= x < 4 else 0.0

    around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    cells = [(y, x) for y in range(4) for x in range(4)]
    return [[at(channel, y + dy, x + dx) for channel in features for dy, dx in around] for y, x in cells]


def released_attention(
    features: list[list[list[float]]], numbers: list[list[float]], patches: int
) -> tuple[list[int], list[list[float]]]:
    """Return the cells of least entropy, and their attention to nine pairs of consecutive numbers of their windows."""
    weights = []
    for cell, window in enumerate(numbers):
        own = [channel[cell // 4][cell % 4] for channel in features]
        logits = [own[0] * window[2 * m] + own[1] * window[2 * m + 1] for m in range(9)]
        total = sum(exp(logit) for logit in logits)
        weights.append([exp(logit) / total for logit in logits])
    rows = sorted(range(16), key=lambda cell: -sum(w * log(w) for w in weights[cell]))[:patches]
    return rows, [weights[row] for row in rows]


def test_local_attention_by_hand() -> None:
    """The centre of the ramp, (4, 13), attends to its nine neighbours."""
    windows = windows_at(RAMP / 18, 3, "correct")
    cells = RAMP[0].flatten(1).T / 18
    weights = (cells @ cells[4]).softmax(0)
    attention = local_attention(RAMP / 18, windows)
    torch.testing.assert_close(attention[0, 4], weights)
    torch.testing.assert_close(route(attention, windows)[0, 4], weights @ cells)


def test_zeros_around_the_map_take_part_in_local_attention() -> None:
    attention = local_attention(torch.zeros(1, 1, 2, 2), windows_at(torch.zeros(1, 1, 2, 2), 3, "correct"))
    torch.testing.assert_close(attention, torch.full((1, 4, 9), 1 / 9))


@every_mode
@pytest.mark.parametrize("layout", ["correct", "official"])
def test_equal_features_give_equal_keys_and_queries(mode: Any, layout: Any) -> None:
    features = maps(2)
    options = QsAttnOptions(qs_mode=mode, local_layout=layout, patches=9, window=3)
    key, query = attended_cells(features, features.clone(), options)
    assert key.shape == (2, 9, 5)
    assert torch.equal(key, query)


def test_the_sources_attention_gathers_both_images() -> None:
    keys, queries = maps(3), maps(4)
    options = QsAttnOptions(patches=9)
    rows = selected_rows(keys, options)
    attention = global_attention(keys, rows)
    key, query = attended_cells(keys, queries, options)
    torch.testing.assert_close(key, attention @ cells_at(keys))
    torch.testing.assert_close(query, attention @ cells_at(queries))


def test_local_global_selects_by_the_window_and_attends_to_the_whole_map() -> None:
    features = maps(5)
    options = {mode: QsAttnOptions(qs_mode=mode, patches=9, window=3) for mode in MODES}
    rows = {mode: selected_rows(features, options[mode]) for mode in MODES}
    assert torch.equal(rows["local_global"], rows["local"])
    assert not torch.equal(rows["local"], rows["global"])
    key, _ = attended_cells(features, features, options["local_global"])
    torch.testing.assert_close(key, global_attention(features, rows["local"]) @ cells_at(features))


@every_mode
def test_selected_cells_are_an_images_own(mode: Any) -> None:
    features = maps(6)
    options = QsAttnOptions(qs_mode=mode, patches=9, window=3)
    both = selected_rows(features, options)
    alone = torch.cat([selected_rows(image, options) for image in features.split(1)])
    assert torch.equal(both, alone)


def test_layouts_are_two_methods() -> None:
    features = maps(7)
    keys = [
        attended_cells(features, features, QsAttnOptions(qs_mode="local", local_layout=layout, patches=9, window=3))[0]
        for layout in ("correct", "official")
    ]
    assert not torch.allclose(*keys)


@every_mode
@pytest.mark.parametrize("key_features", ["encoded", "reused"])
@pytest.mark.parametrize("detached", [False, True])
def test_gradient_reaches_the_source_through_attention_unless_detached(
    mode: str, key_features: str, detached: bool
) -> None:
    method = method_with(qs_mode=mode, detach_attention=detached, key_features=key_features)
    batch = images(0)
    with torch.no_grad():
        queries = method.generator.encode(batch["target"], method.options.layers)
    keys = method.keys_of(batch["source"], method.generator.encode(batch["source"], method.options.layers))
    method.nce(keys, queries).backward()
    assert (method.generator[1].weight.grad is None) == detached


@every_mode
def test_keys_themselves_give_no_gradient(mode: Any) -> None:
    method = method_with(qs_mode=mode, layers=[12], attend_from=0)
    keys, queries = maps(8, channels=16).requires_grad_(), maps(9, channels=16)
    key, query = attended_cells(keys, queries, method.options)
    head = method.heads[0]
    by_hand = patch_nce(head(query), head(key.detach()), method.options.tau).mean()
    wanted = torch.autograd.grad(by_hand, keys)
    torch.testing.assert_close(torch.autograd.grad(method.nce({12: keys}, {12: queries}), keys), wanted)


def test_without_attention_it_is_cut() -> None:
    assert method_with(attend_from=5).step(images(0)) == tiny_method("cut").step(images(0))


@pytest.mark.parametrize(("attend_from", "drawn"), [(3, 3), (0, 0), (5, 5)])
def test_first_taps_are_sampled_as_cuts(attend_from: int, drawn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_with(attend_from=attend_from)
    draws: list[Tensor] = []
    draw = torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *a, **k: draws.append(draw(*a, **k)) or draws[-1])
    method.step(batch_for(method, 0))
    assert len(draws) == 2 * drawn


def test_the_unused_pass_changes_time_but_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    terms, passes = [], []
    for time_compatible in (False, True):
        method = method_with(time_compatible=time_compatible)
        encoded: list[Tensor] = []
        encode = method.generator.encode
        monkeypatch.setattr(method.generator, "encode", lambda *a, _e=encode, _k=encoded: _k.append(a[0]) or _e(*a))
        terms.append(method.step(batch_for(method, 0)))
        passes.append(len(encoded))
    assert passes == [4, 5]
    assert terms[0] == terms[1]


def test_even_windows_are_refused() -> None:
    with pytest.raises(UserError, match="take an odd side"):
        create("qs_attn", window=4)
