"""The paper's precisions and recalls as whole fractions of test sets, and what notes and decision 0001 say of that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from enco.datasets.catalogue import CATALOGUE, load_datasets, load_tasks
from eval.published import read_published
from tests.support.table_runs import PUBLISHED, ROOT, TABLES

DECISION = Path(ROOT, "docs", "decisions", "0001-fid.md")


class Printed(NamedTuple):
    """A printed percentage, and whether it fits the counts of the paired and of the full real set."""

    table: str
    value: str
    fits_paired: bool
    fits_full: bool


def fits(value: str, images: int) -> bool:
    """Return whether a percentage of one decimal is a whole number of images, rounded or truncated."""
    tenths = round(10 * float(value))
    near = tenths * images // 1000
    return any(
        tenths in (1000 * count // images, (2000 * count + images) // (2 * images)) for count in (near, near + 1)
    )


def printed() -> Iterator[Printed]:
    tasks, datasets = load_tasks(ROOT / CATALOGUE), load_datasets(ROOT / CATALOGUE)
    for (table, _, task, metric), value in read_published(PUBLISHED).items():
        if metric in ("precision", "recall"):
            counts = datasets[tasks[task].dataset].counts
            sources, targets = (counts["testA"], counts["testB"])[:: 1 if tasks[task].direction == "AtoB" else -1]
            fits_paired = fits(value, sources)
            yield Printed(table, value, fits_paired, fits_paired if metric == "precision" else fits(value, targets))


FOUND = list(printed())


@pytest.mark.parametrize("table", ["2", "3"])
def test_notes_name_the_numbers_that_fit_no_test_set(table: str) -> None:
    notes = " ".join(TABLES[f"table{table}"].notes)
    named = re.search(r"The paper's ([\d., and]+) \([^)]*\) fit no size of the test set", notes)
    odd = {one.value for one in FOUND if one.table == table and not (one.fits_paired or one.fits_full)}
    assert named and set(re.findall(r"\d+\.\d", named[1])) == odd


def test_the_decision_counts_the_numbers_that_fit() -> None:
    text = " ".join(DECISION.read_text(encoding="utf-8").split())
    odd = [one for one in FOUND if not one.fits_paired]
    assert f"{len(FOUND) - len(odd)} of the {len(FOUND)} precisions and recalls" in text
    neither = ", ".join(sorted(one.value for one in odd if not one.fits_full))
    assert f"({neither}) fit neither" in text
    assert all(one.value in text for one in odd)
