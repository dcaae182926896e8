"""Snakemake's own report of a finished pipeline, in a real Chromium."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.pipeline import pipeline

pytestmark = pytest.mark.slow
TARGETS = ("all_tables", "figures", "paper_figures", "results/curves/horse2zebra.csv")


def test_it_opens_on_a_description_and_has_tables_figures_cells_and_curves(
    finished_pipeline: Path, tmp_path: Path, browser: Browser
) -> None:
    """The rule of the same name as Snakemake's `report()` does not stand in its way."""
    folder = Path(shutil.copytree(finished_pipeline, tmp_path / "copied", symlinks=True))
    pipeline(folder, "--cores", "1", "paper_figures")
    pipeline(folder, *TARGETS, "--report", "report.zip")
    with zipfile.ZipFile(folder / "report.zip") as archive:
        archive.extractall(tmp_path)
    page = browser.new_page()
    page.goto((tmp_path / "report" / "report.html").as_uri())
    expect(page.get_by_text("rebuilt: methods for unpaired image translation")).to_be_visible()
    expect(page.get_by_text("Figures 1, 2, 5, 6, 8, 9 and 10")).to_be_visible()
    expect(page.get_by_text("The scale tiny is the one of this report")).to_be_visible()
    for category, label in {
        "Tables": "methods",
        "Figures": "cityscapes",
        "Figures of the paper": "figure8",
        "Cells": "all tables",
        "Curves": "horse2zebra",
    }.items():
        page.get_by_text(category, exact=True).first.click()
        expect(page.get_by_text(label, exact=True).first).to_be_visible()
        page.reload()
    page.close()
