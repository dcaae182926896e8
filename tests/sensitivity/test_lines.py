"""The lines and the summary of the error budget, from numbers that are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from enco.io.files import write_json
from eval.sensitivity.lines import budget, measured_lines, summary
from eval.sensitivity.planned import PlannedAlternative, PlannedScores
from tests.support.table_runs import scores

ABOUT = {"choice": "k", "setting": "3", "default_setting": "5", "reason": ""}


def lines(task: str, metric: str, values: dict[str, tuple[float, float]], seed: int = 0) -> list[dict[str, Any]]:
    """Lines of rows with their default's number and the alternative's."""
    return [
        {**ABOUT, "task": task, "metric": metric, "row": row, "seed": seed, "default_value": old, "value": new}
        for row, (old, new) in values.items()
    ]


def test_a_number_has_its_difference_and_both_ranks_by_what_is_better() -> None:
    distances = {"a": (10.0, 12.0), "b": (20.0, 11.0), "c": (30.0, 30.0)}
    numbers = budget(pd.DataFrame([*lines("t", "FID", distances), *lines("t", "precision", distances)]))
    found = dict(iter(numbers.groupby("metric")))
    assert found["FID"]["delta"].tolist() == [2.0, -9.0, 0.0]
    assert found["FID"]["default_rank"].tolist() == [1, 2, 3] and found["FID"]["rank"].tolist() == [2, 1, 3]
    assert found["precision"]["default_rank"].tolist() == [3, 2, 1]
    assert found["precision"]["rank"].tolist() == [2, 3, 1]


def test_ranks_are_within_a_task_and_equal_numbers_share_one() -> None:
    one, other = {"a": (1.0, 5.0), "b": (2.0, 5.0)}, {"a": (9.0, 1.0), "b": (8.0, 2.0)}
    numbers = budget(pd.DataFrame([*lines("t", "FID", one), *lines("u", "FID", other)]))
    assert numbers["rank"].tolist() == [1, 1, 1, 2]
    assert numbers["default_rank"].tolist() == [1, 2, 2, 1]


def test_seeds_are_averaged() -> None:
    numbers = budget(pd.DataFrame([*lines("t", "FID", {"a": (1.0, 5.0)}), *lines("t", "FID", {"a": (3.0, 6.0)}, 1)]))
    assert numbers[["value", "default_value", "delta", "n"]].values.tolist() == [[5.5, 2.0, 3.5, 2]]


def test_a_summary_has_the_largest_and_the_median_change_and_kendalls_tau() -> None:
    one = {"a": (1.0, 1.0), "b": (2.0, 2.5), "c": (3.0, 2.25), "d": (4.0, 8.0)}
    two = {"a": (1.0, 2.0), "b": (2.0, 1.0)}
    short = summary(budget(pd.DataFrame([*lines("t", "FID", one), *lines("u", "FID", two)]))).iloc[0]
    assert (short["largest_delta"], short["median_delta"], short["numbers"]) == (4.0, 0.875, 6)
    assert short["ranks_changed"] == 4
    assert short["kendall_tau"] == pytest.approx(((5 - 1) / 6 + -1.0) / 2)


def test_one_row_has_no_order() -> None:
    short = summary(budget(pd.DataFrame(lines("t", "FID", {"a": (1.0, 2.0)})))).iloc[0]
    assert short["ranks_changed"] == 0 and math.isnan(short["kendall_tau"])


@pytest.fixture
def planned(tmp_path: Path) -> list[PlannedScores]:
    """Two rows on a task with label maps and one without; the other generator scores 7 more everywhere."""
    found = []
    for row, offset in (("a", 0.0), ("b", 3.0)):
        for task in ("cityscapes", "horse2zebra"):
            files = {kind: tmp_path / f"{row}-{task}-{kind}.json" for kind in ("scores", "measured", "other")}
            write_json(files["scores"], scores(task, offset=offset))
            write_json(files["other"], scores(task, offset=offset + 7))
            outcomes = {"k": {"3": {"values": {"precision": 40.0, "recall": 60.0 + offset}, "reason": ""}}}
            outcomes["k"]["900"] = {"values": {}, "reason": "too few images"}
            write_json(files["measured"], {"task": task, "outcomes": outcomes})
            found.append(PlannedScores(row=row, task=task, seed=0, **files))
    return found


def alternative(choice: str, setting: str, source: Any, **reasons: str) -> PlannedAlternative:
    return PlannedAlternative(choice=choice, setting=setting, default="-", source=source, reasons=reasons)


def values(found: pd.DataFrame, task: str, row: str) -> dict[str, tuple[float, float]]:
    chosen = found.query("task == @task and row == @row")
    return {line.metric: (line.value, line.default_value) for line in chosen.itertuples()}


def test_numbers_are_read_where_they_are(planned: list[PlannedScores]) -> None:
    full = measured_lines([alternative("real_set", "full", "scores")], planned)
    assert values(full, "horse2zebra", "b") == {"FID": (62.5, 63.25), "precision": (53.5,) * 2, "recall": (70.25,) * 2}
    exact = measured_lines([alternative("recall", "exact", "scores")], planned)
    assert values(exact, "horse2zebra", "a") == {"recall": (69.75, 70.25)}
    best = measured_lines([alternative("checkpoint", "best", "other")], planned)
    assert values(best, "cityscapes", "a")["mAP"] == (27.0, 20.0) and "mAP" not in values(best, "horse2zebra", "a")
    k = measured_lines([alternative("k", "3", "measured")], planned)
    assert values(k, "horse2zebra", "b") == {"precision": (40.0, 53.5), "recall": (63.0, 70.25)}


def test_what_cannot_be_tried_stands_there_with_its_reason(planned: list[PlannedScores]) -> None:
    asked = [
        alternative("drn_size", "64x64", "measured", cityscapes="not here", horse2zebra="no label maps"),
        alternative("k", "900", "measured"),
    ]
    numbers = budget(measured_lines(asked, planned))
    assert numbers["value"].isna().all() and numbers["rank"].isna().all()
    by_choice = numbers.groupby("choice")["reason"].agg(set).to_dict()
    assert by_choice == {"drn_size": {"not here", "no label maps"}, "k": {"too few images"}}
    assert len(numbers[numbers["choice"] == "k"]) == 2 * 2 * 2
    assert summary(numbers).empty
