"""Tables whose test sets are large enough to be resampled, through real Snakemake."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from eval.uncertainty.records import load_arrays
from tests.support.pipeline import launch, pipeline

pytestmark = pytest.mark.slow

ASKED = ("--config", "seeds=[0, 1]", "data={source: demo, size: 32, scale_counts: 0.6}")
DISTANCE = "FD (random Inception)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("differences")
    launch(folder, "results/sampling.md", "results/sampling.differences.csv", *ASKED)
    return folder / "results"


def test_a_difference_is_that_of_means_and_its_deviation_that_of_pairs_and_seeds(made: Path) -> None:
    cells = pd.read_csv(made / "tiny/seeds0-1/sampling.cells.csv").query("metric == @DISTANCE and real_set == 'paired'")
    means, stds = (cells.groupby("row")["value"].agg(name) for name in ("mean", "std"))
    table = pd.read_csv(made / "sampling.differences.csv").query("metric == @DISTANCE and real_set == 'paired'")
    best, other = means.drop("untranslated").sort_values().index
    line = table.set_index("row").loc[other]
    assert set(table["row"]) == {best, other} and set(table["best"]) == {best} and line["n"] == 2
    assert line["difference"] == pytest.approx(means[other] - means[best])
    files = {row: [Path(file) for file in cells[cells["row"] == row]["file"]] for row in (best, other)}
    drawn = {row: np.mean([replicates(made.parent / path) for path in paths], axis=0) for row, paths in files.items()}
    images = np.std(drawn[other] - drawn[best], ddof=1)
    assert images > 0
    assert line["difference_sd"] == pytest.approx(math.hypot(images, *(stds[[best, other]] / math.sqrt(2))))
    assert 0 <= line["p_better"] <= 0.5 and line["rank"] == 2


def replicates(scores: Path) -> NDArray[np.float64]:
    return load_arrays(scores.with_suffix(".replicates.npz"))["paired frechet_distance"]


def test_pages_have_both_deviations_and_how_sure_the_order_is(made: Path) -> None:
    page = (made / "sampling.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| uniform "))
    assert row.count(" ± ") == 2 and "(seeds ± " in row and ", n=2)" in row
    assert "What is better than every other row with P ≥ 0.95 is **bold**" in page
    block = page.partition("### Differences to the best")[2].partition("### Protocol")[0]
    assert "best, rank 1" in block and ", P " in block and "untranslated" not in block
    told = pd.read_csv(made / "sampling.differences.csv").query("metric == @DISTANCE and real_set == 'paired'")
    rows = [line for line in page.partition("### ")[0].splitlines() if line.startswith(("| default ", "| uniform "))]
    is_sure = (told["p_better"].dropna() <= 0.05).all()
    bold = ["**" in line for line in rows]
    italic = ["| *" in " ".join(line.split()) and "**" not in line for line in rows]
    assert (sum(bold), sum(italic)) == ((1, 0) if is_sure else (0, 2))


def test_the_copy_is_that_of_the_configuration_and_so_far_has_it_too(made: Path) -> None:
    own = made / "tiny/seeds0-1/sampling.differences.csv"
    assert own.read_bytes() == (made / "sampling.differences.csv").read_bytes()
    pipeline(made.parent, "tables_so_far", *ASKED)
    assert (made / "tiny/seeds0-1/so_far/sampling.differences.csv").read_bytes() == own.read_bytes()
