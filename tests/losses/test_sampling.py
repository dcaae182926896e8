"""Discriminative attention-guided sampling, Algorithm 1 of EnCo."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enco.losses.sampling import dag_positions, dag_split, resize_scores, uniform_positions
from enco.networks.features import gather_cells

SCORES = torch.tensor([0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.8, 0.4])
ORDER = torch.tensor([3, 0, 6, 1, 7, 2, 5, 4])


def ramp(cells: int) -> torch.Tensor:
    """Make scores equal to the position, for one image."""
    return torch.arange(cells, dtype=torch.float)[None, None, None]


@pytest.mark.parametrize(
    ("patches", "k", "beta", "least", "most"), [(2, 3, 0.5, {1}, {0}), (4, 2, 0.75, {1, 5, 3}, {0})]
)
def test_worked_examples(patches: int, k: int, beta: float, least: set[int], most: set[int]) -> None:
    least_real, most_real = dag_split(SCORES, ORDER[: k * patches], patches, beta)
    assert set(least_real.tolist()) == least
    assert set(most_real.tolist()) == most


@pytest.mark.parametrize(
    ("k", "beta", "n_least", "n_most"),
    [
        (4, 0.5, 128, 128),
        (4, 0.75, 192, 64),
        (4, 1.0, 256, 0),
        (2, 0.5, 128, 128),
        (8, 0.5, 128, 128),
        (4, 0.0, 0, 256),
    ],
)
def test_sizes_of_the_two_shares_at_64_by_64(k: int, beta: float, n_least: int, n_most: int) -> None:
    scores = torch.rand(4096)
    pool = uniform_positions(4096, k * 256)
    assert len(pool) == k * 256
    least_real, most_real = dag_split(scores, pool, 256, beta)
    assert (len(least_real), len(most_real)) == (n_least, n_most)
    assert len(set(least_real.tolist()) | set(most_real.tolist())) == 256


@settings(max_examples=60, deadline=None)
@given(
    cells=st.integers(1, 80),
    patches=st.integers(1, 24),
    k=st.integers(1, 6),
    beta=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_the_shares_are_the_ends_of_the_sorted_pool(cells: int, patches: int, k: int, beta: float, seed: int) -> None:
    torch.manual_seed(seed)
    patches = min(patches, cells)
    scores = torch.randn(cells)
    pool = uniform_positions(cells, k * patches)
    least_real, most_real = dag_split(scores, pool, patches, beta)
    chosen = least_real.tolist() + most_real.tolist()
    assert len(chosen) == len(set(chosen)) == patches
    assert len(least_real) == round(beta * patches)
    left = [position for position in pool.tolist() if position not in chosen]
    assert set(chosen) | set(left) == set(pool.tolist())
    for position in left:
        assert all(scores[low] <= scores[position] for low in least_real)
        assert all(scores[high] >= scores[position] for high in most_real)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3), side=st.integers(1, 9), patches=st.integers(1, 40), k=st.integers(1, 5),
    beta=st.floats(0, 1), seed=st.integers(0, 999),
)  # fmt: skip
def test_positions_are_unique_and_on_the_map(
    batch: int, side: int, patches: int, k: int, beta: float, seed: int
) -> None:
    torch.manual_seed(seed)
    positions = dag_positions(torch.randn(batch, 1, side, side), patches, k, beta)
    assert positions.shape == (batch, min(patches, side * side))
    for image in positions.tolist():
        assert len(set(image)) == len(image)
        assert all(0 <= position < side * side for position in image)


def test_a_map_smaller_than_the_pool_is_the_pool() -> None:
    positions = dag_positions(ramp(10), patches=4, k=5, beta=0.5)
    assert sorted(positions[0].tolist()) == [0, 1, 8, 9]


def test_a_map_smaller_than_the_sample_is_the_sample() -> None:
    assert sorted(dag_positions(ramp(5), patches=256, k=4, beta=0.5)[0].tolist()) == list(range(5))


@pytest.mark.parametrize("beta", [0.0, 0.25, 0.5, 1.0])
def test_with_k_1_the_sample_is_uniform_whatever_beta_is(beta: float) -> None:
    torch.manual_seed(3)
    expected = sorted(uniform_positions(100, 10).tolist())
    torch.manual_seed(3)
    assert sorted(dag_positions(ramp(100), patches=10, k=1, beta=beta)[0].tolist()) == expected


def test_rest_uniform_draws_the_rest_from_all_positions() -> None:
    torch.manual_seed(0)
    draws = torch.stack([dag_positions(ramp(64), 16, 4, 0.5, rest="uniform")[0] for _ in range(300)])
    # k * patches covers the map, so the lower share is exactly its eight least real positions.
    assert (draws[:, :8].sort().values == torch.arange(8)).all()
    counts = torch.bincount(draws[:, 8:].flatten(), minlength=64)
    assert counts.min() > 10
    assert counts.max() < 75


def test_images_of_a_batch_get_their_own_positions() -> None:
    torch.manual_seed(0)
    first, second = dag_positions(torch.randn(2, 1, 16, 16), 32, 4, 0.5)
    assert set(first.tolist()) != set(second.tolist())


def test_equal_scores_leave_the_choice_to_chance() -> None:
    torch.manual_seed(0)
    draws = torch.cat([dag_positions(torch.zeros(1, 1, 8, 8), 8, 2, 0.5)[0] for _ in range(400)])
    counts = torch.bincount(draws, minlength=64)
    assert counts.min() > 20
    assert counts.max() < 90


def test_a_seed_means_the_same_positions() -> None:
    torch.manual_seed(5)
    first = uniform_positions(4096, 256)
    torch.manual_seed(5)
    assert torch.equal(first, uniform_positions(4096, 256))


def test_scores_are_resized_like_an_image() -> None:
    scores = torch.tensor([[0.0, 4.0], [0.0, 4.0]])[None, None]
    assert resize_scores(scores, (4, 4))[0, 0, 0].tolist() == [0, 1, 3, 4]


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 3), channels=st.integers(1, 4), side=st.integers(1, 6), seed=st.integers(0, 99))
def test_gathered_cells_are_those_of_the_positions(batch: int, channels: int, side: int, seed: int) -> None:
    torch.manual_seed(seed)
    features = torch.randn(batch, channels, side, side)
    positions = torch.stack([uniform_positions(side * side, 5) for _ in range(batch)])
    cells = gather_cells(features, positions)
    assert cells.shape == (batch, min(5, side * side), channels)
    for b in range(batch):
        for p, position in enumerate(positions[b].tolist()):
            assert torch.equal(cells[b, p], features[b, :, position // side, position % side])
    same = gather_cells(features, positions[0])
    assert torch.equal(same[-1, 0], features[-1].flatten(1)[:, positions[0, 0]])
