"""The line of a table's protocol that says what was trained otherwise than its authors did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.cells import PlannedCell
from eval.training_settings import changed_settings, describe_settings
from tests.table_runs import TABLES


def cell(row: str, task: str) -> PlannedCell:
    return PlannedCell(row=row, task=task, metric="FID", seed=0, variant=row, scores=Path(row, task))


def described(table: str, settings: dict[tuple[str, str], dict[str, Any]]) -> str:
    scores = {Path(row, task): {"settings": changed} for (row, task), changed in settings.items()}
    return describe_settings(TABLES[table], [cell(*key) for key in settings], scores)


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


def test_nothing_changed_is_said_in_words() -> None:
    assert described("table1", {("cut", "cat2dog"): {}}) == "those of the methods' authors"


def test_settings_of_a_run_are_those_that_are_not_the_defaults() -> None:
    train = {"n_const": 3, "n_decay": 2}
    config = {"method": "enco", "options": {"ngf": 8, "k": 4, "beta": 0.75}, "train": train}
    assert changed_settings(config) == {"epochs": "3+2", "ngf": 8, "beta": 0.75}
