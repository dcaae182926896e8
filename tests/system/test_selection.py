"""Tables by the final generators and by those chosen on the test set, of the same trainings, through real Snakemake."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from enco.io.files import read_json, sha256
from tests.support.pipeline import launch, pipeline

pytestmark = pytest.mark.slow

ASKED = (
    "--config",
    "selection=both",
    "only={tables: [methods], tasks: [horse2zebra, zebra2horse], rows: [cyclegan, cut]}",
)
DISTANCE = "FD (random Inception)"
RUNS = Path("results/tiny/runs/horse2zebra")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    launch(folder, "all_tables", "curves", *ASKED)
    return folder


def cells_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results" / "cells.csv", keep_default_na=False)


def test_both_stand_in_the_cells_and_the_best_is_at_most_the_final(made: Path) -> None:
    cells = cells_of(made)
    of_runs = cells[cells["row"] != "untranslated"]
    places = ["row", "task", "metric", "real_set"]
    counted = of_runs.groupby(places)["selection"].agg(sorted)
    assert len(counted) > 20 and {tuple(found) for found in counted} == {("best", "final")}
    distances = of_runs.query("metric == @DISTANCE and real_set == 'paired'")
    values = distances.assign(value=distances["value"].astype(float)).pivot(
        index=["row", "task"], columns="selection", values="value"
    )
    assert list(values.index) == [(row, task) for row in ("cut", "cyclegan") for task in ("horse2zebra", "zebra2horse")]
    assert (values["best"] <= values["final"]).all()
    assert not cells.duplicated().any(), "untranslated inputs belong to no generator, and stand there once"


def test_a_number_is_that_of_its_generator(made: Path) -> None:
    found = cells_of(made).query(
        "row == 'cut' and task == 'horse2zebra' and metric == @DISTANCE and real_set == 'paired'"
    )
    report = read_json(made / RUNS / "cut/seed0/selected/horse2zebra.json")
    chosen = next(one for one in report["candidates"] if one["file"] == report["chosen"])
    final = report["candidates"][-1]
    values = found.set_index("selection")["value"].astype(float)
    assert values["best"] == pytest.approx(chosen["frechet_distance"], rel=1e-5)
    assert values["final"] == pytest.approx(final["frechet_distance"], rel=1e-5)
    assert values["best"] == pytest.approx(min(one["frechet_distance"] for one in report["candidates"]), rel=1e-5)


def test_each_table_says_in_title_and_footer_which_generators_it_is_of(made: Path) -> None:
    final, best = ((made / "results" / f"{name}.md").read_text() for name in ("methods", "methods.best"))
    label = "generators chosen on the test set"
    assert label in best.splitlines()[0] and label not in final
    assert "best: the saved one with the lowest FD (random Inception), chosen on the test set" in best
    assert "final: the last one of every training" in final
    for kind in ("csv", "md", "tex", "html", "cells.csv"):
        assert (made / "results" / f"methods.best.{kind}").is_file()
    for kind in ("tex", "html"):
        assert label in (made / "results" / f"methods.best.{kind}").read_text()


def test_curves_have_each_metric_and_content_goes_with_the_sources(made: Path) -> None:
    curves = pd.read_csv(made / "results" / "curves" / "horse2zebra.csv")
    assert set(curves["metric"]) == {DISTANCE, "KID", "content_cosine", "content_l2"}
    assert curves.groupby("metric")["iteration"].nunique().to_list() == [2] * 4
    cells = cells_of(made).query("row == 'cut' and task == 'horse2zebra' and selection == 'final'")
    final = curves.query("row == 'cut'").sort_values("iteration").groupby("metric")["value"].last()
    for metric in ("KID", "content_cosine", "content_l2"):
        same = cells.query("metric == @metric and real_set in ['paired', '']")["value"].astype(float)
        assert final[metric] == pytest.approx(same.iloc[0], rel=1e-4)


def test_a_second_call_does_nothing_and_one_selection_alone_trains_nothing(made: Path) -> None:
    assert "Nothing to be done" in pipeline(made, "all_tables", "curves", *ASKED)
    said = pipeline(made, "-n", "all_tables", ASKED[0], ASKED[2])
    assert "Train " not in said and not re.search(r"rule (evaluate|select):", said)
    weights = made / RUNS / "cut/seed0/selected/horse2zebra.safetensors"
    assert sha256(weights) in {sha256(path) for path in (made / RUNS / "cut/seed0").glob("snapshots/*")} | {
        sha256(made / RUNS / "cut/seed0/generator.safetensors")
    }
