"""The two sets of real images, and the counts of the original results folders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.real_sets import real_set


@pytest.mark.parametrize(
    ("inputs", "targets", "distinct"),
    [(120, 140, 120), (140, 120, 120), (238, 309, 238), (751, 400, 400), (500, 500, 500), (106, 106, 106)],
)
def test_counts_of_the_papers_tasks(inputs: int, targets: int, distinct: int) -> None:
    paired = real_set(range(inputs), range(targets), "paired")
    assert len(paired) == inputs
    assert len(set(paired)) == distinct
    assert real_set(range(inputs), range(targets), "full") == list(range(targets))


def test_the_last_real_image_under_a_name_stays() -> None:
    assert real_set("abc", "vwxyz", "paired") == ["y", "z", "x"]
    assert real_set("abcde", "xy", "paired") == ["x", "y", "x", "y", "x"]


def test_equal_sizes_make_both_variants_the_same() -> None:
    assert real_set("abc", "xyz", "paired") == real_set("abc", "xyz", "full")


@given(st.integers(1, 40), st.integers(1, 40))
def test_is_what_writing_the_folder_leaves(inputs: int, targets: int) -> None:
    folder: dict[int, int] = {}
    for step in range(max(inputs, targets)):
        folder[step % inputs] = step % targets
    assert real_set(range(inputs), range(targets), "paired") == [folder[i] for i in range(inputs)]
