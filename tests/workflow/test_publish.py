"""What is published of a finished pipeline, and of one of which more seeds were asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from eval.publication.files import ABOUT, RUNS, read_lines, write_lines
from eval.publication.page import render_page
from eval.tables.cells import read_cells
from workflow.made import flat
from workflow.project import Project
from workflow.publish import publish

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())


def project(**settings: Any) -> Project:
    return Project.load(TINY | settings, base=ROOT)


@pytest.mark.slow
def test_everything_is_published_once_and_the_page_is_that_of_the_files(
    finished_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_pipeline)
    names = ("results/table9.csv", "images/results-lions.jpg", "images/mine.png")
    stale = [tmp_path / name for name in names]
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    written = publish(project(), tmp_path, "0123abc")
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {*written, stale[2]}, "what nobody made any more is gone, and only that"
    names = {path.name for path in written}
    assert names >= {"methods.csv", "sampling.csv", "cells.csv", "results-horse2zebra.jpg", "results-zebra2horse.jpg"}
    assert "results-curve-horse2zebra.svg" in names and "results-curve-cityscapes.svg" not in names
    page = (tmp_path / "results.md").read_text()
    assert page == render_page(tmp_path / "results")
    assert "9 of 9 trainings" in page and "No number" not in page and str(finished_pipeline) not in page
    assert all((tmp_path / link).exists() for link in re.findall(r"\]\(((?:images|results)[^)]*)\)", page))


@pytest.mark.slow
def test_seeds_that_are_not_there_are_said_and_nothing_else_changes(
    finished_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_pipeline)
    publish(project(seeds=[0, 1]), tmp_path, "0123abc")
    assert "9 of 18 trainings" in (page := (tmp_path / "results.md").read_text())
    assert "(n=1)" in page and "not trained yet: every row" in page
    cells = read_cells(tmp_path / "results" / "cells.csv")
    assert set(cells[cells["value"].notna()]["seed"]) == {0}
    assert {line["seed"] for line in read_lines(tmp_path / "results" / "runs.csv")} == {"0"}


def test_a_scale_without_a_training_has_nothing_to_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="Scale tiny has no training yet"):
        publish(project(), tmp_path, "0123abc")
    assert not list(tmp_path.iterdir())


def test_neither_a_part_of_the_tables_nor_another_scale_replaces_what_is_published(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leave out 'only'"):
        publish(project(only={"tables": ["methods"]}), tmp_path, "0123abc")
    write_lines(tmp_path / "results", ABOUT, [{"key": "scale", "value": "small"}])
    with pytest.raises(UserError, match="is of scale small, and this is scale tiny"):
        publish(project(), tmp_path, "0123abc")


@pytest.mark.slow
def test_trainings_that_are_gone_are_not_dropped_in_silence(
    finished_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_pipeline)
    publish(project(), tmp_path, "0123abc")
    runs = read_lines(tmp_path / "results" / RUNS)
    write_lines(tmp_path / "results", RUNS, [*runs, {**runs[0], "task": "cat2dog", "variant": "cut", "seed": 7}])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"has 1 of 10 trainings that results/ has not .*\(cut on cat2dog, seed 7\)"):
        publish(project(), tmp_path, "4567def")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    (tmp_path / "results").rename(tmp_path / "earlier")
    assert publish(project(), tmp_path, "4567def")


@pytest.mark.slow
def test_a_publication_that_fails_leaves_the_earlier_one_whole(
    finished_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_pipeline)
    monkeypatch.setattr("workflow.publish.render_page", lambda folder: 1 / 0)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "methods.csv").write_text("earlier")
    with pytest.raises(ZeroDivisionError):
        publish(project(), tmp_path, "0123abc")
    assert [path.read_text() for path in tmp_path.rglob("*.csv")] == ["earlier"]


def test_settings_are_said_by_dotted_keys() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [2, 3]}, "e": None}) == {"a.b.c": 1, "a.d": [2, 3], "e": None}
