"""The paper's figures through real Snakemake: made, made again with the same bytes, and said where nothing is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from eval.figures.paper.options import NAMES
from tests.support.pipeline import launch, of_runs, pipeline

pytestmark = pytest.mark.slow

PART = "only={tables: [methods, sampling], tasks: [horse2zebra], rows: [enco, cut, uniform]}"
MADE = ("figure1", "figure2", "figure5", "figure6", "figure8")
KINDS = ("pdf", "png", "txt")


def call(folder: Path, *words: str) -> str:
    return pipeline(folder, *words, "--cores", "2", "--config", PART)


@pytest.fixture(scope="module")
def said(made: Path) -> str:
    return (made / "said").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    (folder / "said").write_text(launch(folder, "paper_figures", "--config", PART))
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The finished folder, to change."""
    return shutil.copytree(made, tmp_path / "copy", symlinks=True)


def shown(folder: Path) -> dict[str, bytes]:
    """The files of all figures, but for the commit, which changes as the code is edited."""
    files = (folder / "results" / "paper_figures").iterdir()
    return {file.name: re.sub(rb"drawn at commit [^;]*", b"drawn at commit", file.read_bytes()) for file in files}


def caption(folder: Path, name: str) -> str:
    return shown(folder)[f"{name}.txt"].decode()


def test_every_figure_is_there_with_its_caption_and_what_is_not_is_said(made: Path, said: str) -> None:
    assert set(shown(made)) == {f"{name}.{kind}" for name in MADE for kind in KINDS}
    for name in set(NAMES) - set(MADE):
        assert f"{name} is not made: No table of scale tiny has the task" in said
    for name in MADE:
        assert "Choices that the paper leaves open" in caption(made, name)
        assert "Scale tiny: these numbers are not comparable with the paper's" in caption(made, name)
        assert re.search(r"; drawn at commit; seed 0\.", caption(made, name))
    assert "No table of scale tiny has cyclegan, dclgan, negcut, qs_attn on horse2zebra." in caption(made, "figure8")
    assert "Probe image: horse_0000.png; EnCo: epochs 1 to 2, 2 draws; EnCo (k=1): epochs" in caption(made, "figure2")
    assert "No map" not in caption(made, "figure1")


def test_a_second_call_draws_nothing_and_figures_that_were_lost_come_back_with_the_same_bytes(copy: Path) -> None:
    before = shown(copy)
    assert "Nothing to be done" in call(copy, "paper_figures")
    for folder in (copy / "results" / "paper_figures", *(copy / "results" / "tiny").glob("seed0*/paper_figures")):
        shutil.rmtree(folder)
    call(copy, "paper_figures")
    assert shown(copy) == before


def test_another_choice_draws_its_figure_alone(copy: Path) -> None:
    planned = pipeline(copy, "-n", "paper_figures", "--config", PART, "paper_figures={figure1: {colour_map: jet}}")
    assert "Draw figure1 of the paper" in planned
    assert "Draw figure6 of the paper" not in planned and "Train " not in planned


def test_heads_and_positions_that_are_lost_are_said_and_the_rest_is_drawn(copy: Path) -> None:
    for run in of_runs(copy, ""):
        shutil.rmtree(run / "checkpoints")
        shutil.rmtree(run / "probe", ignore_errors=True)
    call(copy, "--forcerun", "paper_figure", "--until", "current_paper_figure", "paper_figures")
    assert "No map of CUT: results/tiny/runs/horse2zebra/cut/seed0 has no checkpoint" in caption(copy, "figure1")
    assert "was trained without a probe, and positions cannot be found again" in caption(copy, "figure2")
    assert "No box: no positions of enco" in caption(copy, "figure2")
    cures = "".join(caption(copy, name) for name in ("figure1", "figure2"))
    for folder in set(re.findall(r"remove (\S+) and call again with --forcerun paper_figure\.", cures)):
        shutil.rmtree(copy / folder)
    call(copy, "paper_figures", "--forcerun", "paper_figure")
    assert "No map" not in caption(copy, "figure1") and "No positions" not in caption(copy, "figure2")


def test_what_is_there_is_drawn_so_far_and_nothing_is_made(copy: Path) -> None:
    shutil.rmtree(copy / "results/tiny/runs/horse2zebra/cut")
    (figures,) = (copy / "results" / "tiny").glob("seed0*/paper_figures")
    told = call(copy, "paper_figures_so_far")
    drawn = figures.parent / "so_far"
    assert {file.name for file in drawn.iterdir()} == {f"{name}.{kind}" for name in MADE for kind in KINDS}
    assert "Not there yet on horse2zebra: CUT (not trained yet)." in (drawn / "figure1.txt").read_text()
    assert (drawn / "figure2.png").read_bytes() == (figures / "figure2.png").read_bytes()
    assert "figure9 is not made" in told and not (copy / "results/tiny/runs/horse2zebra/cut").exists()
