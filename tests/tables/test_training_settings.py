"""The line of a table's protocol that says what was trained otherwise than its authors did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enco.config.run import TrainConfig
from enco.errors import UserError
from eval.metrics.scores import changed_settings
from eval.records import Scores
from eval.tables.planned import PlannedCell
from eval.tables.training_settings import describe_settings
from tests.support.table_runs import TABLES, finished_record, scores, some_config


def cell(row: str, task: str) -> PlannedCell:
    return PlannedCell(row=row, task=task, metric="FID", seed=0, variant=row, scores=Path(row, task))


def described(table: str, settings: dict[tuple[str, str], dict[str, Any]]) -> str:
    found = {
        Path(row, task): Scores.model_validate(scores(task) | {"settings": changed})
        for (row, task), changed in settings.items()
    }
    return describe_settings(TABLES[table], [cell(*key) for key in settings], found)


def test_what_all_share_is_said_once_and_the_rest_by_row_and_task() -> None:
    common = {"ngf": 8}
    settings = {
        ("cut", "cityscapes"): common | {"lr_g": 0.002},
        ("cut", "horse2zebra"): common | {"lr_g": 0.002},
        ("enco", "cityscapes"): common,
        ("enco", "horse2zebra"): common | {"k": 2},
    }
    assert described("table1", settings) == "every row ngf=8; CUT lr_g=0.002; EnCo k=2 (Horse→Zebra)"


def test_a_rows_own_options_are_not_repeated() -> None:
    settings = {("A", "cat2dog"): {"pairs": [[7, 24]], "ngf": 8}, ("F", "cat2dog"): {"ngf": 8}}
    assert described("table3", settings) == "every row ngf=8"


@pytest.mark.parametrize(("iterations", "length"), [(50, {"epochs": "3+2"}), (90, {"iterations": 90})])
def test_settings_of_a_run_are_its_length_and_what_is_not_the_default(iterations: int, length: dict[str, Any]) -> None:
    options = {"ngf": 8, "k": 4, "beta": 0.75, "max_iterations": 90}
    config = some_config("enco", options=options, train=TrainConfig(n_const=3, n_decay=2))
    run = finished_record(config=config, iterations=iterations)
    assert changed_settings(run) == {**length, "ngf": 8, "beta": 0.75, "max_iterations": 90}


def test_a_run_of_options_that_are_gone_is_named() -> None:
    run = finished_record(config=some_config("enco", options={"old": 1}))
    with pytest.raises(UserError, match=r"'old' in the run\.json of an enco training"):
        changed_settings(run)
