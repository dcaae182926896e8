"""Printed tables: marks, rounding, pending cells, protocol, and the four file formats."""

from __future__ import annotations

import math
import pkgutil
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import eval.tables
from enco.io.files import read_json, write_json
from eval.tables.cells import read_cells
from eval.tables.layout import Column, decimals_for, format_summary, seeds_spread, supplementary_columns
from eval.tables.marks import ranks
from eval.tables.planned import PlannedCell
from eval.tables.render import LATEX, MARKDOWN
from eval.tables.spec import load_tables
from eval.tables.summaries import Summary
from eval.tables.write import write_table
from tests.support.table_runs import (
    DEMO,
    NO_COMMIT,
    PAPER,
    PUBLISHED,
    TABLES,
    plan,
    reference,
    resampled,
    scores,
    timing,
    written,
)

GOLDEN = Path(__file__).parents[1] / "golden"
MEASURED = ["cyclegan", "cut", "enco"]


@pytest.fixture(scope="module")
def table1(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("table1")
    spec = TABLES["table1"]
    planned = resampled([*plan(folder, spec, MEASURED), *reference(folder, spec)], {"cityscapes": 1.0})
    return written(folder, spec, planned)


def test_a_distance_of_other_features_is_never_called_fid(table1):
    text = {kind: path.read_text(encoding="utf-8") for kind, path in table1.items()}
    heads = [text["md"].split("\n")[4], text["tex"].partition(r"\midrule")[0], text["html"].partition("<tbody>")[0]]
    heads += text["csv"].partition("\n")[0].replace("FID (paper)", "").split("\n")
    for head in heads:
        assert "FD (random Inception)" in head and "FID" not in head.replace("its distance FID", "")
    metrics = set(read_cells(table1["cells"])["metric"])
    assert DEMO.distance in metrics and "FID" not in metrics
    assert "- **FD (random Inception)**: the Fréchet distance of these features; FID is that of" in text["md"]


@pytest.mark.parametrize("kind", ["md", "tex"])
def test_table1_is_printed_as_the_golden_file(table1, kind):
    assert table1[kind].read_text(encoding="utf-8") == (GOLDEN / f"table1.{kind}").read_text(encoding="utf-8")


def test_two_selections_of_a_table_have_labels_apart(tmp_path):
    out = {kind: tmp_path / f"table1.best.{kind}" for kind in ("csv", "tex")}
    write_table(TABLES["table1"], plan(tmp_path, TABLES["table1"], ["enco"]), PUBLISHED, out, DEMO)
    assert r"\label{tab:table1.best}" in out["tex"].read_text(encoding="utf-8")


def test_csv_reads_back_without_its_protocol(table1):
    table = pd.read_csv(table1["csv"], comment="#").set_index("row")
    assert list(table.index) == [*(row.key for row in TABLES["table1"].rows), "untranslated"]
    assert table.loc["enco", "Cityscapes FD (random Inception)"].startswith("80.2 ± ")
    assert float(table.loc["enco", "Horse→Zebra sec/iter"]) == 0.3
    assert table.loc["enco", "Cityscapes FID (paper)"] == 47.6
    assert table.loc["munit", "Cityscapes FD (random Inception)"] == "–"
    assert table.loc["munit", "Cityscapes FID (paper)"] == 91.4
    assert not any(re.search(r"\bnan\b", path.read_text(encoding="utf-8"), re.I) for path in table1.values())


def test_csv_labels_keep_their_number_sign(tmp_path):
    spec = TABLES["table3"]
    out = written(tmp_path, spec, plan(tmp_path, spec, ["A", "F"]))
    table = pd.read_csv(out["csv"], comment="#").set_index("row")
    assert table.loc["A", "label"] == "(h7,h24 #128)"
    assert table.loc["F", "Cat→Dog P & R"] == "60.5 & 70.2"
    assert table.loc["F", "Cat→Dog P & R (paper)"] == "72.6 & 78.6"


def test_cells_without_a_number_are_counted_and_named(table1):
    names = "MUNIT, DRIT, DCLGAN, DistanceGAN, SelfDistance, GCGAN, FSeSim, NEG CUT, QS-Attn"
    for kind in ("csv", "md", "html", "tex"):
        assert f"45 of 60 cells: pending: {names}" in table1[kind].read_text(encoding="utf-8")


def missing(planned: list[PlannedCell], reason: str, **where: object) -> list[PlannedCell]:
    """The cells, those of a place without their files."""
    return [
        replace(cell, scores=None, timing=None, reason=reason)
        if all(getattr(cell, key) == value for key, value in where.items())
        else cell
        for cell in planned
    ]


def test_each_reason_is_told_once_with_the_rows_and_columns_that_it_holds_for(tmp_path):
    spec = TABLES["table1"]
    every = [row.key for row in spec.rows]
    planned = missing(plan(tmp_path, spec, every), "no data", task="cityscapes")
    planned = missing(planned, "diverged", row="drit", task="horse2zebra")
    planned = missing(planned, "diverged", row="munit", task="cat2dog")
    planned = missing(planned, "not trained yet", row="enco")
    text = written(tmp_path, spec, planned)["csv"].read_text(encoding="utf-8")
    assert (
        "# No number: 30 of 60 cells: no data: CycleGAN, MUNIT, DRIT, DCLGAN, DistanceGAN, SelfDistance, GCGAN, CUT, "
        "FSeSim, NEG CUT, QS-Attn (Cityscapes); diverged: MUNIT (Cat→Dog), DRIT (Horse→Zebra); not trained yet: EnCo\n"
    ) in text
    assert "no data: every row (Cityscapes)" in written(
        tmp_path, spec, missing(plan(tmp_path, spec, every), "no data", task="cityscapes")
    )["md"].read_text(encoding="utf-8")


def test_a_mean_of_fewer_seeds_than_asked_for_is_told(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, [row.key for row in spec.rows], seeds=(0, 1))
    text = written(tmp_path, spec, missing(planned, "diverged", row="uniform", task="cat2dog", seed=1))["csv"]
    assert '"60.2 (n=1)"' in text.read_text(encoding="utf-8")
    assert "Fewer seeds: 1 of 18 cells: diverged: uniform (k=1, β=0.0) (Cat→Dog)" in text.read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "cell"), [("csv", '"0.100 †"'), ("md", "0.100 †"), ("tex", r"0.100 $\dagger$")])
def test_seconds_of_a_busy_machine_are_marked_and_said(tmp_path, kind, cell):
    spec = TABLES["table1"]
    planned = plan(tmp_path, spec, MEASURED)
    content = timing(MEASURED)
    content["measured"]["cyclegan"] |= {"busy": True, "spread": 0.4}
    write_json(tmp_path / "timing.json", content)
    text = written(tmp_path, spec, planned)[kind].read_text(encoding="utf-8")
    assert cell in text and text.count("†" if kind != "tex" else "dagger") == 2
    assert re.search(r"Busy machine.*over 15\\?% of the median: cyclegan 40\\?%; time them again", text)


def test_a_training_that_was_changed_midway_is_told(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["uniform"])
    path = next(cell.scores for cell in planned if cell.scores)
    code = {"iteration": 500, "exact": False, "before": {"enco/methods/enco.py": "0a1b"}}
    longer = {"iteration": 400, "exact": True, "before": {"train.n_const": 3}}
    write_json(path, read_json(path) | {"run": "demo/cat2dog/enco/seed0", "changes": [longer, code]})
    text = written(tmp_path, spec, planned)["md"].read_text(encoding="utf-8")
    told = "demo/cat2dog/enco/seed0 from iteration 500 (enco/methods/enco.py): not the weights of one training"
    assert f"- **Changed midway**: {told}" in text


def test_a_joint_cell_counts_once(tmp_path):
    spec = TABLES["table2"]
    text = written(tmp_path, spec, plan(tmp_path, spec, ["enco"]))["md"].read_text(encoding="utf-8")
    assert "30 of 40 cells: pending: CycleGAN, CUT, DCLGAN" in text


def test_a_table_with_nothing_measured_is_still_written(tmp_path):
    spec = TABLES["table4"]
    text = written(tmp_path, spec, plan(tmp_path, spec, []))["md"].read_text(encoding="utf-8")
    assert "18 of 18 cells: pending: every row" in text and "Beside the headline" not in text


def test_several_seeds_print_mean_deviation_and_count(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["uniform"], (0, 1, 2))
    text = written(tmp_path, spec, planned)["md"].read_text(encoding="utf-8")
    assert "61.2 (seeds ± 1.0, n=3) (63.8)" in text and "'seeds ±' their sample standard deviation" in text
    out = written(tmp_path, spec, resampled(planned, {"cat2dog": 0.0}))
    text = out["md"].read_text(encoding="utf-8")
    assert "61.2 ± 1.9 (seeds ± 1.0, n=3) (63.8)" in text
    assert r"61.2 $\pm$ 1.9 (seeds $\pm$ 1.0, n=3)" in out["tex"].read_text(encoding="utf-8")
    assert (
        "- **±**: sampling standard deviation: how far other test images would move the number, from 200 draws" in text
    )


def test_numbers_of_one_cell_share_their_seeds(tmp_path):
    spec = TABLES["table3"]
    planned = resampled(plan(tmp_path, spec, ["A", "F"], (0, 1)), {"cat2dog": 0.0})
    table = pd.read_csv(written(tmp_path, spec, planned)["csv"], comment="#").set_index("row")
    assert table.loc["F", "Cat→Dog P & R"] == "61.0 ± 1.9 & 70.2 ± 1.9 (seeds ± 0.7 & 0.0, n=2)"


def test_the_scale_says_whether_numbers_compare(tmp_path, table1):
    assert "not comparable with the paper" in table1["csv"].read_text(encoding="utf-8")
    spec = TABLES["table1"]
    out = written(tmp_path, spec, plan(tmp_path, spec, MEASURED, scale="paper"), PAPER)
    assert "not comparable" not in out["csv"].read_text(encoding="utf-8")
    assert read_cells(out["cells"])["delta"].notna().any()


@pytest.mark.parametrize(("network", "comparable"), [("negcut", True), ("fyu", False), ("own", False)])
def test_the_protocol_says_whose_network_scored_and_its_ceiling(tmp_path, network, comparable):
    spec = TABLES["table1"]
    planned = plan(tmp_path, spec, ["enco"], scale="paper")
    for path in {cell.scores for cell in planned if cell.scores and cell.task == "cityscapes"}:
        content = scores("cityscapes", scale="paper")
        content["protocol"]["drn_network"] = network
        write_json(path, content)
    text = written(tmp_path, spec, planned, PAPER)["csv"].read_text(encoding="utf-8")
    assert ("not NEGCUT's network, so this column is not comparable with the paper's" not in text) == comparable
    assert "the real photos score mAP 61.5, pixAcc 55.5, classAcc 25.2 under this network; IoU: road 71.5" in text


def test_a_users_own_table_prints_no_paper_numbers(tmp_path):
    entry = {"rows": [{"key": "cut"}, {"key": "enco"}], "columns": [{"task": "photos", "metrics": ["FID"]}]}
    spec = load_tables({"photos": entry})["photos"]
    out = written(tmp_path, spec, plan(tmp_path, spec, ["cut", "enco"], scale="own"), replace(DEMO, scale="own"))
    table = pd.read_csv(out["csv"], comment="#")
    assert list(table.columns) == ["row", "label", f"photos {DEMO.distance}"]
    assert list(table[f"photos {DEMO.distance}"]) == [60.2, 70.2]
    assert "paper's number" not in out["html"].read_text(encoding="utf-8")


def test_a_table_of_seconds_alone_has_nothing_to_supplement(tmp_path):
    spec = load_tables({"own": {"rows": [{"key": "cut"}], "columns": [{"task": "t", "metrics": ["sec/iter"]}]}})["own"]
    text = written(tmp_path, spec, plan(tmp_path, spec, ["cut"]))["md"].read_text(encoding="utf-8")
    assert "0.100" in text and "Beside the headline" not in text


def test_what_the_headline_prints_is_not_supplemented():
    columns = [{"task": "t", "metrics": ["FID", "KID", "D&C"]}, {"task": "u", "metrics": ["FID"]}]
    spec = load_tables({"own": {"rows": [{"key": "cut"}], "columns": columns}})["own"]
    found = [(column.task, column.metrics) for column in supplementary_columns(spec)]
    assert not {("t", ("KID",)), ("t", ("density", "coverage"))} & set(found)
    assert {("u", ("KID",)), ("u", ("density", "coverage")), ("t", ("FID",))} <= set(found)
    assert Column("t", "t", ("FID",), "full") in supplementary_columns(spec), "against another set, and no repetition"


@pytest.mark.parametrize(
    ("texts", "better", "expected"),
    [
        (["3.0", "1.0", "2.0"], "lower", [0, 1, 2]),
        (["3.0", "1.0", "2.0"], "higher", [1, 0, 2]),
        (["1.0", "1.0", "2.0", "3.0"], "lower", [1, 1, 2, 0]),
        (["1.0", "2.0", "2.0"], "lower", [1, 2, 2]),
        (["", "10.0 ± 9.0", "9.5 ± 0.1"], "lower", [0, 2, 1]),
        (["", "1.0"], "lower", [0, 0]),
        (["1.0", "1.0", ""], "higher", [0, 0, 0]),
    ],
)
def test_best_and_second_are_ranked_as_printed(texts, better, expected):
    assert ranks(texts, better) == expected


@pytest.mark.parametrize(
    ("value", "metric", "decimals"),
    [
        *[(39.12, "FID", 1), (0.04, "precision", 1), (0.1364, "sec/iter", 3), (0.00123, "sec/iter", 4)],
        *[(45.3, "training_time_hours", 1), (0.0123, "training_time_hours", 3), (0.0, "training_time_hours", 1)],
        (14.455748, "model_size_millions", 3),
    ],
)
def test_decimals_are_the_papers_and_more_for_tiny_values(value, metric, decimals):
    assert decimals_for(value, metric) == decimals


def test_one_seed_prints_no_deviation():
    assert seeds_spread(Summary(39.06, math.nan, 1), "FID") == ""
    assert seeds_spread(Summary(39.06, 0.44, 3), "FID") == "0.4"


def test_a_number_has_the_deviation_over_images_where_it_is_known():
    assert format_summary(Summary(39.06, 0.44, 3), "FID") == "39.1"
    assert format_summary(Summary(39.06, 0.44, 3, sampling_sd=1.55), "FID") == "39.1 ± 1.6"


def test_a_table_is_written_without_importing_torch():
    rooms = [f"eval.tables.{module.name}" for module in pkgutil.iter_modules(eval.tables.__path__)]
    used = ", ".join([*rooms, "eval.timing.table", "enco.training.provenance", "workflow.script"])
    done = f"import sys, {used}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", done]).returncode == 0


def test_the_commits_of_the_trainings_are_named_apart_from_the_tables(tmp_path):
    spec = TABLES["table4"]
    planned = plan(tmp_path, spec, ["uniform"], seeds=(0, 1, 2))
    changed, unknown = {"commit": "a" * 40, "dirty": True, "diff": "b" * 64}, NO_COMMIT.model_dump()
    for seed, git in enumerate([changed, unknown]):
        path = tmp_path / "uniform" / "cat2dog" / f"{seed}.json"
        write_json(path, scores("cat2dog") | {"trained_at": git})
    text = written(tmp_path, spec, planned)["csv"].read_text(encoding="utf-8")
    assert "Trained at: commits aaaaaaaaaaaa with uncommitted changes bbbbbbbbbbbb, fedcba987654, unknown" in text
    assert "Table written at: commit 0123abc" in text


def test_each_variants_own_batch_size_is_named(tmp_path):
    spec = TABLES["table1"]
    planned = plan(tmp_path, spec, MEASURED)
    content = timing(MEASURED)
    content["measured"]["cut"]["batch_size"] = 4
    write_json(tmp_path / "timing.json", content)
    assert "64 × 64 pixels, batch 1 (cut 4))" in written(tmp_path, spec, planned)["md"].read_text(encoding="utf-8")


def test_special_characters_are_escaped():
    assert LATEX.escape(r"a_b & 5% #1 β=½ {x} ± \y") == r"a\_b \& 5\% \#1 $\beta$=½ \{x\} $\pm$ \textbackslash{}y"
    assert MARKDOWN.escape("a|b_c") == r"a\|b\_c"


def test_html_escapes_what_a_user_wrote(tmp_path):
    entry = {
        "title": "<b>",
        "rows": [{"key": "x", "label": "<script>"}],
        "columns": [{"task": "t", "metrics": ["FID"]}],
    }
    spec = load_tables({"own": entry})["own"]
    text = written(tmp_path, spec, plan(tmp_path, spec, ["x"]))["html"].read_text(encoding="utf-8")
    assert "<script>" not in text and "&lt;script&gt;" in text and "&amp;lt;" not in text


def test_tables_are_the_same_whenever_they_are_written(tmp_path):
    spec = TABLES["table2"]
    planned = plan(tmp_path, spec, ["cut", "enco"])
    first, second = (written(tmp_path / name, spec, planned) for name in ("a", "b"))
    for kind in ("csv", "md", "tex", "html"):
        assert first[kind].read_bytes() == second[kind].read_bytes()
