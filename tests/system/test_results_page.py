"""docs/results.md is what its CSV files make; before anything is published there is neither."""

from __future__ import annotations

import csv
import re

from eval.publication.page import render_page
from tests.support.conda import ROOT

COLUMN = "Horse→Zebra FD (EfficientNet-Lite0)"
PAGE, FOLDER = ROOT / "docs" / "results.md", ROOT / "docs" / "results"


def test_the_page_is_that_of_its_files() -> None:
    assert PAGE.exists() == FOLDER.exists()
    if FOLDER.exists():
        assert PAGE.read_text(encoding="utf-8") == render_page(FOLDER), "write it anew by `snakemake publish`"


def test_every_picture_of_the_page_is_there_and_of_modest_size() -> None:
    pictures = list((ROOT / "docs" / "images").glob("results-*"))
    assert bool(pictures) <= PAGE.exists()
    assert [path.name for path in pictures if path.name not in PAGE.read_text(encoding="utf-8")] == []
    assert [path.name for path in pictures if path.stat().st_size > 400_000] == []


def test_the_readme_shows_the_published_numbers() -> None:
    with (FOLDER / "table1.csv").open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(line for line in file if not line.startswith("#"))
        published = {line["label"]: line[COLUMN] for line in lines if line[COLUMN] != "–"}
    shown = re.search(r"\| Horse→Zebra \|.*\n\|.*\n((?:\|.*\n)+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown is not None
    assert dict(re.findall(r"^\| (.+) \| (.+) \|$", shown[1], flags=re.MULTILINE)) == published
