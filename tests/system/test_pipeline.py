"""What the finished pipeline has made."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from enco.io.files import read_json
from eval.figures.comparison import CAPTION, MARGIN
from tests.support.pipeline import weights

pytestmark = pytest.mark.slow


def test_every_cell_is_a_number(finished_pipeline: Path) -> None:
    cells = pd.read_csv(finished_pipeline / "results" / "cells.csv")
    headline = cells[cells["table"] == "methods"]
    assert headline["value"].notna().all()
    assert set(headline["row"]) == {"cyclegan", "cut", "enco"}


def test_tables_have_every_format_and_say_what_they_are(finished_pipeline: Path) -> None:
    for suffix in ("csv", "md", "tex", "html"):
        text = (finished_pipeline / "results" / f"methods.{suffix}").read_text()
        assert "No number" not in text and "CycleGAN" in text
    assert "not comparable" in (finished_pipeline / "results" / "methods.md").read_text()


def test_two_tables_and_two_directions_share_trainings(finished_pipeline: Path) -> None:
    assert set(weights(finished_pipeline)) == {
        f"results/tiny/runs/{run}/seed0"
        for run in (
            *("cityscapes/cyclegan", "cityscapes/cut", "cityscapes/enco"),
            *("horse2zebra/cyclegan", "horse2zebra/cut", "horse2zebra/enco", "horse2zebra/enco+k=1"),
            *("zebra2horse/cut", "zebra2horse/enco"),
        )
    }
    scores = read_json(finished_pipeline / "results/tiny/runs/horse2zebra/cyclegan/seed0/eval/zebra2horse.final.json")
    assert scores["task"] == "zebra2horse"


def test_figures_are_pictures(finished_pipeline: Path) -> None:
    from PIL import Image

    picture = Image.open(finished_pipeline / "results" / "figures" / "horse2zebra.png")
    assert picture.width > 5 * 128 and picture.height > 3 * 128
    source = picture.crop((MARGIN, CAPTION, MARGIN + 128, CAPTION + 128))  # as networks see it, at 32 pixels
    assert source == source.resize((32, 32), Image.Resampling.NEAREST).resize((128, 128), Image.Resampling.NEAREST)


def test_mlflow_holds_every_run_finished_and_with_its_scores(finished_pipeline: Path) -> None:
    client = MlflowClient(f"sqlite:///{finished_pipeline / 'results' / 'mlflow.db'}")
    runs = [run for e in client.search_experiments() for run in client.search_runs([e.experiment_id])]
    assert len(runs) == 9
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(any("paired/frechet_distance" in name for name in run.data.metrics) for run in runs)
    assert {"task", "method", "variant", "seed", "config_hash", "commit", "scale", "state"} <= set(runs[0].data.tags)
