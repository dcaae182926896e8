"""The protocol's error budget through real Snakemake: two rows on one task with label maps."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from enco.io.files import read_json, sha256
from eval.sensitivity.choices import MOVES
from tests.support.pipeline import launch, pipeline

pytestmark = pytest.mark.slow

PART = "only={tables: [methods], tasks: [cityscapes], rows: [cut, enco]}"
TARGET = ("results/protocol.csv", "--config", PART)
RUN = Path("results/tiny/runs/cityscapes/cut/seed0")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("budget")
    launch(folder, *TARGET)
    return folder


def test_every_choice_is_in_the_file_with_a_number_or_a_reason(made: Path) -> None:
    numbers = pd.read_csv(made / "results" / "protocol.csv")
    assert set(numbers["choice"]) == set(MOVES)
    assert (numbers["value"].notna() != numbers["reason"].notna()).all()
    assert set(numbers[numbers["choice"] == "drn_size"]["setting"]) == {"16x16", "64x64"}
    assert numbers[numbers["choice"] == "drn_weights"]["reason"].str.contains("are missing: put").all()
    known = numbers[numbers["value"].notna()]
    assert set(known["row"]) == {"cut", "enco"} and known["rank"].isin([1, 2]).all()
    assert ((known["value"] - known["default_value"]) - known["delta"]).abs().max() < 1e-9


def test_numbers_are_those_of_the_scores_files(made: Path) -> None:
    numbers = pd.read_csv(made / "results" / "protocol.csv").query("row == 'cut'")
    final, best = (read_json(made / RUN / "eval" / f"cityscapes.{name}.json")["metrics"] for name in ("final", "best"))
    for choice, metrics, real_set in (("real_set", final, "full"), ("checkpoint", best, "paired")):
        line = numbers[(numbers["choice"] == choice) & (numbers["metric"] == "FD (random Inception)")].iloc[0]
        assert line["value"] == pytest.approx(metrics[real_set]["frechet_distance"])
        assert line["default_value"] == pytest.approx(final["paired"]["frechet_distance"])
    sizes = numbers.query("choice == 'drn_size'")
    assert (sizes["default_value"] - final["segmentation"]["mAP"]).abs().max() < 1e-9
    assert sizes["delta"].abs().max() > 0


def test_the_page_has_the_summary_the_gaps_and_the_default_protocol(made: Path) -> None:
    page = (made / "results" / "protocol.md").read_text()
    short = pd.read_csv(made / "results" / "protocol.summary.csv")
    assert {"largest_delta", "median_delta", "ranks_changed", "kendall_tau"} <= set(short.columns)
    assert all(text in page for text in ("Kendall τ |", "largest change |", "## Not tried\n\n- ", "- P & R: k = 5"))


def test_a_second_call_computes_nothing_and_another_k_neither_trains_nor_translates(made: Path) -> None:
    assert "Nothing to be done" in pipeline(made, *TARGET, "--cores", "2")
    before = sha256(made / RUN / "eval" / "cityscapes.final.json")
    planned = pipeline(made, "-n", *TARGET, "protocol={choices: {k: [2, 4]}}")
    counted = {line.split()[0] for line in planned.splitlines() if line and line.split()[-1].isdigit()}
    assert {"measure_alternatives", "protocol_table"} <= counted
    assert not {"train", "evaluate", "real_features", "real_alternatives", "select"} & counted
    assert sha256(made / RUN / "eval" / "cityscapes.final.json") == before
