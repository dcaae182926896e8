"""Tidy cells: what lines there are, what stands in them, and what is refused."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enco.errors import UserError
from enco.io.files import read_json, write_json
from eval.published import read_published
from eval.tables.cells import COLUMNS, read_cells, save_cells, tidy
from eval.tables.columns import METRICS
from eval.tables.planned import PlannedCell
from eval.tables.protocol import Provenance
from eval.tables.sources import read_sources
from eval.tables.spec import TableSpec, load_tables
from eval.tables.write import published_for, write_cells
from tests.support.table_runs import DEMO, PAPER, PUBLISHED, TABLES, plan, uncertainty


def tidied(spec: TableSpec, planned: list[PlannedCell], made: Provenance = DEMO) -> pd.DataFrame:
    published = read_published(PUBLISHED)
    about = {"scale": made.scale, "comparable": made.comparable, "distance": made.distance}
    return tidy(spec, planned, read_sources(planned), published, **about)


def one(cells: pd.DataFrame, **where: object) -> pd.Series:
    chosen = cells[(cells[list(where)] == pd.Series(where)).all(axis="columns")]
    assert len(chosen) == 1, chosen
    return chosen.iloc[0]


def test_every_published_number_lands_in_exactly_one_cell():
    cells = pd.concat([tidied(spec, list(plan_pending(spec))) for spec in TABLES.values()])
    shown = cells.dropna(subset=["published"])
    landed = Counter(zip(shown["table"], shown["row"], shown["task"], shown["metric"], strict=True))
    assert set(landed) == set(read_published(PUBLISHED)) and set(landed.values()) == {1}
    assert len(landed) == 176


def test_a_table_of_ones_own_may_borrow_the_papers_numbers():
    published = read_published(PUBLISHED)
    own = TABLES["table1"].model_copy(update={"name": "mine", "number": None})
    assert published_for(own, published) == published
    known = published_for(own.model_copy(update={"published": 1}), published)
    assert known["mine", "enco", "horse2zebra", "FID"] == "39.1" and known["1", "enco", "horse2zebra", "FID"] == "39.1"
    assert known.keys() - published.keys() == {("mine", *place) for table, *place in published if table == "1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"table,row,label,task,metric,value\n1,cut,CUT,cat2dog,FID,7x.2\n",
            r"value '7x\.2' in line 2 of .*published\.csv",
        ),
        (b"table,row,label,task,metric,value\n1,cut,CUT,cat2dog\n", "value '' in line 2 of"),
        (b"table,row,label,task,value\n1,cut,CUT,cat2dog,76.2\n", "no column 'metric' for line 2 of"),
        (b"table,row,label,task,metric,value\n1,\xff\n", "not a readable CSV file"),
    ],
)
def test_published_numbers_that_cannot_be_read_are_named(tmp_path, content, message):
    path = tmp_path / "published.csv"
    with pytest.raises(UserError, match=r"published\.csv does not exist"):
        read_published(path)
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_published(path)


def plan_pending(spec: TableSpec):
    for row in spec.rows:
        for task, metric in spec.task_metrics():
            yield PlannedCell(row=row.key, task=task, metric=metric, seed=0)


def test_uncertainties_give_deviations_and_further_metrics(tmp_path):
    file = tmp_path / "u.json"
    write_json(file, uncertainty("cat2dog"))
    planned = plan(tmp_path, TABLES["table1"], ["cut", "enco"])
    known = [replace(cell, uncertainty=file if cell.scores and cell.task == "cat2dog" else None) for cell in planned]
    cells = tidied(TABLES["table1"], known).query("task == 'cat2dog' and row == 'cut'")
    assert one(cells, metric="FID", real_set="paired").sampling_sd == 1.5
    assert one(cells, metric="recall", real_set="full").sampling_sd == 1.5
    assert math.isnan(one(cells, metric="precision", real_set="full").sampling_sd)
    kid = one(cells, metric="KID", real_set="paired")
    assert (kid.value, kid.sampling_sd, kid.file, kid.reason) == (0.25, 1.5, str(file), "")
    assert one(cells, metric="content_cosine").sampling_sd == 0.125
    density = one(cells, metric="density", real_set="paired")
    assert math.isnan(density.value) and density.reason == "k = 5 needs more than 5 images"


def test_a_set_too_small_for_a_metric_is_a_gap_with_the_reason(tmp_path):
    spec, reason = TABLES["table1"], "k = 5 needs more than 5 images in each set, and one has 4"
    planned = plan(tmp_path, spec, ["cut"])
    cell = next(cell for cell in planned if (cell.row, cell.task, cell.metric) == ("cut", "cat2dog", "FID"))
    content = read_json(cell.scores)
    gaps = dict.fromkeys(("precision", "recall", "recall_exact"), reason)
    content["metrics"]["paired"] = {"frechet_distance": 1.5, "missing": gaps}
    write_json(cell.scores, content)
    own = replace(cell, metric="recall")
    cells = tidied(spec, [cell, own])
    assert one(cells, metric="FID", real_set="paired").value == 1.5
    assert one(cells, metric="recall", real_set="paired").reason == reason
    assert math.isnan(one(cells, metric="recall", real_set="paired").value)
    content["metrics"]["paired"] = {"frechet_distance": 1.5}
    write_json(cell.scores, content)
    with pytest.raises(UserError, match="neither a number 'precision' nor a reason"):
        tidied(spec, [cell])


def test_further_metrics_may_be_columns(tmp_path):
    tables = {"own": {"rows": [{"key": "enco"}], "columns": [{"task": "cat2dog", "metrics": ["KID", "content_l2"]}]}}
    spec, file = load_tables(tables)["own"], tmp_path / "u.json"
    write_json(file, uncertainty("cat2dog"))
    planned = [replace(cell, uncertainty=file) for cell in plan(tmp_path, spec, ["enco"])]
    own = PlannedCell(row="untranslated", task="cat2dog", metric="psnr_source", seed=0, reference=planned[0].scores)
    truth = replace(planned[0], metric="ssim_truth")
    further = replace(planned[0], metric="KID (DINOv2 ViT-B/14)")
    cells = tidied(spec, [*planned, truth, further, replace(own, uncertainty=file)])
    assert one(cells, row="enco", metric="KID", real_set="paired").value == 0.25
    assert one(cells, metric="ssim_truth").reason == "the true images are not known"
    assert one(cells, metric="psnr_source").reason == "the inputs are their own source"
    assert one(cells, metric="KID (DINOv2 ViT-B/14)").reason == "its extractor is not one of 'features: {beside: ...}'"


def test_labels_are_the_published_ones():
    printed = pd.read_csv(PUBLISHED, dtype=str)
    published = set(zip(printed["table"], printed["row"], printed["label"], strict=True))
    assert {(spec.key, row.key, row.label) for spec in TABLES.values() if spec.number for row in spec.rows} == published


def test_both_real_sets_and_all_beside_metrics_have_lines(tmp_path):
    cells = tidied(TABLES["table1"], plan(tmp_path, TABLES["table1"], ["enco"]))
    assert list(cells.columns) == COLUMNS
    assert one(cells, row="enco", task="cat2dog", metric="FID", real_set="paired")["published"] == 55.5
    full = one(cells, row="enco", task="cat2dog", metric="FID", real_set="full")
    assert full["value"] == 59.5 and math.isnan(full["published"])
    assert one(cells, row="enco", task="cat2dog", metric="recall_exact", real_set="paired")["value"] == 69.75
    assert one(cells, row="enco", metric="IoU road", real_set="")["value"] == 71.5
    assert one(cells, row="enco", metric="mAP_real")["value"] == 61.5
    assert not (cells["metric"] == "IoU train").any()
    assert not cells.duplicated(["table", "row", "task", "metric", "seed", "real_set"]).any()


def test_every_number_names_its_file_and_seconds_their_spread(tmp_path):
    cells = tidied(TABLES["table1"], plan(tmp_path, TABLES["table1"], ["cut", "enco"]))
    seconds = one(cells, row="cut", metric="sec/iter")
    assert (seconds["file"], seconds["iqr"], seconds["mark"]) == (str(tmp_path / "timing.json"), 0.004, "")
    fid = one(cells, row="cut", task="cat2dog", metric="FID", real_set="paired")
    assert fid["file"] == str(tmp_path / "cut" / "cat2dog" / "0.json") and math.isnan(fid["iqr"])
    assert (cells["file"] != "").equals(cells["value"].notna())


def test_seconds_of_a_busy_machine_are_marked(tmp_path):
    planned = plan(tmp_path, TABLES["table1"], ["cut", "enco"])
    content = read_json(tmp_path / "timing.json")
    content["measured"]["cut"] |= {"busy": True, "spread": 0.4}
    write_json(tmp_path / "timing.json", content)
    cells = tidied(TABLES["table1"], planned)
    marks = {row: one(cells, row=row, metric="sec/iter")["mark"] for row in ("cut", "enco")}
    assert marks == {"cut": "busy machine", "enco": ""}


def test_a_seed_without_a_number_leaves_what_seeds_cannot_change(tmp_path):
    spec = TABLES["table2"]
    planned = [
        replace(cell, scores=None, reason="diverged") if cell.seed == 0 else cell
        for cell in plan(tmp_path, spec, ["enco"], seeds=(0, 1))
    ]
    cells = tidied(spec, planned)
    assert one(cells, row="enco", metric="model_size_millions")["value"] == 0.532
    fid = cells[(cells["task"] == "dog2cat") & (cells["metric"] == "FID") & (cells["row"] == "enco")]
    assert list(fid[fid["real_set"] == "paired"]["reason"]) == ["diverged", ""]


def test_pending_cells_have_a_published_number_and_no_value(tmp_path):
    cells = tidied(TABLES["table1"], plan(tmp_path, TABLES["table1"], ["enco"]))
    munit = one(cells, row="munit", task="cat2dog", metric="FID")
    assert math.isnan(munit["value"]) and munit["n"] == 0 and munit["published"] == 104.4


def test_seeds_give_their_sample_deviation_and_count(tmp_path):
    spec = TABLES["table4"]
    cells = tidied(spec, plan(tmp_path, spec, ["default"], seeds=(0, 1, 2)))
    chosen = cells[(cells["row"] == "default") & (cells["task"] == "cat2dog") & (cells["metric"] == "FID")]
    paired = chosen[chosen["real_set"] == "paired"]
    assert list(paired["value"]) == [60.25, 61.25, 62.25]
    assert set(paired["std"]) == {1.0} and set(paired["n"]) == {3}
    single = tidied(spec, plan(tmp_path, spec, ["default"]))
    assert single["std"].isna().all() and set(single.dropna(subset=["value"])["n"]) == {1}


def test_what_seeds_cannot_change_is_kept_once(tmp_path):
    spec = TABLES["table2"]
    cells = tidied(spec, plan(tmp_path, spec, ["enco"], seeds=(0, 1)))
    assert one(cells, row="enco", metric="model_size_millions")["n"] == 1


@pytest.mark.parametrize("network", ["negcut", "fyu"])
def test_the_map_of_another_network_has_no_delta(tmp_path, network):
    planned = plan(tmp_path, TABLES["table1"], ["enco"], scale="paper")
    for path in {cell.scores for cell in planned if cell.scores}:
        content = read_json(path)
        write_json(path, content | {"protocol": content["protocol"] | {"drn_network": network}})
    cells = tidied(TABLES["table1"], planned, PAPER)
    delta = {
        name: one(cells, row="enco", task="cityscapes", metric=name, real_set=kind)["delta"]
        for name, kind in (("mAP", ""), ("FID", "paired"))
    }
    assert math.isnan(delta["mAP"]) == (network != "negcut") and not math.isnan(delta["FID"])


def test_delta_exists_only_where_the_scale_is_comparable(tmp_path):
    spec = TABLES["table1"]
    assert tidied(spec, plan(tmp_path / "demo", spec, ["enco"]))["delta"].isna().all()
    cells = tidied(spec, plan(tmp_path / "paper", spec, ["enco"], scale="paper"), PAPER)
    assert one(cells, row="enco", task="cat2dog", metric="FID", real_set="paired")["delta"] == pytest.approx(
        60.25 - 55.5
    )
    assert math.isnan(one(cells, row="munit", task="cat2dog", metric="FID")["delta"])


def test_numbers_of_other_features_have_no_delta(tmp_path):
    planned = plan(tmp_path, TABLES["table3"], ["F"], scale="paper")
    delta = {}
    for distance in ("FID", "FD (EfficientNet-Lite0)"):
        cells = tidied(TABLES["table3"], planned, replace(PAPER, distance=distance))
        lines = cells[(cells["row"] == "F") & cells["published"].notna()].set_index(["task", "metric"])
        delta[distance] = set(lines.index[lines["delta"].notna()])
    of_features = {(task, name) for task in ("cat2dog", "horse2zebra") for name in ("FID", "precision", "recall")}
    assert delta["FID"] - of_features == delta["FD (EfficientNet-Lite0)"] == {("horse2zebra", "sec/iter")}
    assert of_features < delta["FID"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, "12", True])
def test_a_number_that_is_not_finite_is_refused_by_file_and_key(tmp_path, bad):
    planned = plan(tmp_path, TABLES["table1"], ["enco"])
    path = tmp_path / "enco" / "cat2dog" / "0.json"
    content = read_json(path)
    content["metrics"]["paired"]["frechet_distance"] = bad
    write_json(path, content)
    with pytest.raises(UserError, match=rf"'metrics\.paired\.frechet_distance' in .*cat2dog.*0\.json is {bad}"):
        tidied(TABLES["table1"], planned)


def test_a_planned_metric_that_was_not_computed_is_refused(tmp_path):
    spec = load_tables({"own": {"rows": [{"key": "enco"}], "columns": [{"task": "cat2dog", "metrics": ["mAP"]}]}})[
        "own"
    ]
    with pytest.raises(UserError, match=r"no number 'metrics\.segmentation\.mAP'"):
        tidied(spec, plan(tmp_path, spec, ["enco"]))


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
maybe = st.one_of(st.just(math.nan), st.floats(allow_nan=False, allow_infinity=False))
whole = st.integers(0, 2**31)


@given(
    st.lists(
        st.tuples(
            *[words, words, words, words, words, whole, maybe, maybe, whole, maybe, maybe, words, words, words, words],
            *[maybe, maybe, words, words, words],
        )
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cells_survive_the_way_through_a_file(tmp_path, lines):
    cells = pd.DataFrame(lines, columns=COLUMNS)
    save_cells(cells, tmp_path / "cells.csv")
    again = read_cells(tmp_path / "cells.csv")
    pd.testing.assert_frame_equal(again, cells, check_exact=True, check_dtype=False)


def test_the_tables_cells_join_in_one_file(tmp_path):
    frames = {name: tidied(spec, list(plan_pending(spec))) for name, spec in TABLES.items()}
    for name, cells in frames.items():
        save_cells(cells, tmp_path / f"{name}.csv")
    write_cells([tmp_path / f"{name}.csv" for name in frames], tmp_path / "cells.csv")
    assert len(read_cells(tmp_path / "cells.csv")) == sum(map(len, frames.values()))
    assert "nan" not in (tmp_path / "cells.csv").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": [{"task": "cat2dog", "metrics": ["FIDD"]}]}, r"Unknown metric 'FIDD'.*FID, KID, .*P&R"),
        ({"columns": [{"task": "cat2dog", "metrics": ["FID"]}] * 2}, "column 'cat2dog FID' stands twice"),
        ({"columns": [{"task": "cat2dog", "metrics": ["P&R", "recall"]}]}, "column 'cat2dog recall' stands twice"),
        ({"columns": [{"task": "all", "metrics": ["model_size_millions"]}]}, "names a task"),
        ({"rows": [{"key": "cut"}, {"key": "cut"}]}, "row 'cut' stands twice"),
        ({"rows": [{"key": "cut", "option": {}}]}, r"Unknown key 'option' in row 'cut' .*options"),
        ({"rows": [{"label": "CUT"}]}, "row ''"),
        ({"rows": ["cut"]}, "must be keys with values, not 'cut'"),
        ({"rows": []}, "rows"),
        ({"colums": []}, "Unknown key 'colums'"),
    ],
)
def test_a_wrong_table_is_one_sentence_with_the_choices(change, message):
    good = {"rows": [{"key": "cut"}], "columns": [{"task": "cat2dog", "metrics": ["FID"]}]}
    with pytest.raises(UserError, match=message):
        load_tables({"mine": {**good, **change}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"tables:\n  mine: {rows: [\n", r"tables\.yaml is not readable YAML \(line 3: .*correct it"),
        (b"tables:\n\tmine:\n", r"\(line 2: found character '\\t'"),
        (b"tables: \xff\n", "not readable YAML"),
        (b"table:\n", "no mapping under the key 'tables'"),
    ],
)
def test_a_broken_yaml_file_is_one_sentence_with_the_line(tmp_path, content, message):
    path = tmp_path / "tables.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_tables(path)


def test_a_users_own_table_needs_rows_and_columns_only():
    entry = {"rows": [{"key": "cut"}, {"key": "mine", "method": "enco", "options": {"k": 2}}]}
    spec = load_tables({"photos": {**entry, "columns": [{"task": "photo2paint", "metrics": ["FID", "P&R"]}]}})["photos"]
    assert spec.key == "photos" and [row.method for row in spec.rows] == ["cut", "enco"]
    assert list(spec.task_metrics()) == [("photo2paint", name) for name in ("FID", "precision", "recall")]
    assert set(METRICS) >= {metric for _, metric in spec.task_metrics()}
