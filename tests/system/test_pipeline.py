"""What the finished pipeline has made."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from PIL import Image

from enco.data.folders import list_images
from enco.data.images import test_image as load_test_image
from enco.data.images import to_uint8
from enco.io.files import read_json
from enco.tracking.mlflow_run import NOTE
from eval.__main__ import main
from eval.figures.comparison import CAPTION, MARGIN
from tests.support.pipeline import weights

pytestmark = pytest.mark.slow


def test_every_cell_is_a_number(finished_pipeline: Path) -> None:
    cells = pd.read_csv(finished_pipeline / "results" / "cells.csv")
    headline = cells[cells["table"] == "methods"]
    methods = headline[headline["row"] != "untranslated"]
    assert methods["value"].notna().all()
    assert set(methods["row"]) == {"cyclegan", "cut", "enco"}


def test_every_scored_set_is_resampled(finished_pipeline: Path) -> None:
    cells = pd.read_csv(finished_pipeline / "results" / "cells.csv", keep_default_na=False)
    for metric in ("KID", "density", "content_cosine", "ssim_source"):
        rows = cells[cells["metric"] == metric]
        assert (
            set(rows[rows["table"] == "methods"]["row"]) >= {"cyclegan", "cut", "enco"} and (rows["value"] != "").all()
        )
    truths = cells[cells["metric"] == "psnr_truth"]
    assert set(truths["task"]) == {"cityscapes"} and "untranslated" in set(truths["row"])
    scored = {path.stem for path in finished_pipeline.glob("results/tiny/runs/*/*/*/eval/*.final.json")}
    resampled = {path.name.removesuffix(".uncertainty.json") for path in finished_pipeline.rglob("*.uncertainty.json")}
    assert scored <= resampled


def test_sets_too_small_to_be_resampled_have_their_best_in_bold(finished_pipeline: Path) -> None:
    results = finished_pipeline / "results"
    table = pd.read_csv(results / "methods.differences.csv")
    assert set(table["row"]) == {"cyclegan", "cut", "enco"}, "the untranslated inputs are no method"
    assert table["difference_sd"].isna().all() and table["rank"].min() == 1
    page = (results / "methods.md").read_text()
    assert "\n\nBest **bold**.\n" in page and "Differences to the best" not in page and "±" not in page
    own = results / "tiny" / "seed0" / "methods.differences.csv"
    assert own.read_bytes() == (results / "methods.differences.csv").read_bytes()


def test_untranslated_inputs_are_scored_once_for_all_tables_as_by_hand(
    finished_pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = finished_pipeline / "results" / "tiny"
    cells = pd.read_csv(finished_pipeline / "results" / "cells.csv").query("row == 'untranslated'")
    assert set(cells[cells["value"].isna()]["reason"]) == {"nothing is trained"}
    assert cells[cells["metric"] == "mAP"]["value"].notna().all()
    found = cells.query("task == 'horse2zebra' and metric == 'FD (random Inception)' and real_set == 'full'")
    assert set(found["table"]) == {"methods", "sampling"} and found["file"].nunique() == 1
    images, real = results / "untranslated/horse2zebra/images", results / "real/horse2zebra/full.npz"
    main(["fid", str(images), str(real), "--size", "32", "--extractor", "random-inception", "--input-size", "75"])
    by_hand = re.search(r"^FD \(random Inception\) +([\d.]+)$", capsys.readouterr().out, re.MULTILINE)
    assert by_hand and float(by_hand[1]) == pytest.approx(found["value"].iloc[0], abs=1e-3)
    sources = list_images(results / "data/horse2zebra/testA")
    copies = [np.asarray(Image.open(images / f"{source.stem}.png")) for source in sources]
    assert len(sources) == len(list_images(images))
    assert all((to_uint8(load_test_image(s, 32, "bicubic")) == c).all() for s, c in zip(sources, copies, strict=True))


def test_no_distance_is_called_fid_without_the_published_inception(finished_pipeline: Path) -> None:
    text = {kind: (finished_pipeline / "results" / f"methods.{kind}").read_text() for kind in ("csv", "md", "html")}
    for head in (
        text["csv"].split("\n")[0],
        text["md"].partition("### Protocol")[0],
        text["html"].partition("<dl>")[0],
    ):
        assert "FD (random Inception)" in head and "FID" not in head
    scores = read_json(finished_pipeline / "results/tiny/runs/horse2zebra/cut/seed0/eval/horse2zebra.final.json")
    assert scores["protocol"]["distance"] == "FD (random Inception)" and "FID" not in scores["metrics"]["full"]
    cells = pd.read_csv(finished_pipeline / "results" / "cells.csv")
    assert "FID" not in set(cells["metric"])


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
    picture = Image.open(finished_pipeline / "results" / "figures" / "horse2zebra.png")
    assert picture.width > 5 * 128 and picture.height > 3 * 128
    source = picture.crop((MARGIN, CAPTION, MARGIN + 128, CAPTION + 128))  # as networks see it, at 32 pixels
    assert source == source.resize((32, 32), Image.Resampling.NEAREST).resize((128, 128), Image.Resampling.NEAREST)


def test_mlflow_holds_every_run_finished_and_with_its_scores(finished_pipeline: Path) -> None:
    client = MlflowClient(f"sqlite:///{finished_pipeline / 'results' / 'mlflow.db'}")
    found = {e.name: list(client.search_runs([e.experiment_id])) for e in client.search_experiments()}
    assert "Default" not in found
    (tables,) = found.pop("tiny/tables")
    runs = [run for several in found.values() for run in several]
    assert len(runs) == 9
    assert {run.info.status for run in [tables, *runs]} == {"FINISHED"}
    assert all(run.info.run_id in tables.data.tags[NOTE] and tables.info.run_id in run.data.tags[NOTE] for run in runs)
    assert all("FD_random_inception" in run.data.metrics for run in runs)
    artifacts = finished_pipeline / "results" / "mlartifacts" / runs[0].info.run_id / "artifacts"
    assert {"config.json", "run.json", "metrics.jsonl", "train.log"} <= {path.name for path in artifacts.iterdir()}
    assert {"task", "method", "variant", "seed", "config_hash", "commit", "scale", "state"} <= set(runs[0].data.tags)
