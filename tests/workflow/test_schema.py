"""The schemas that editors read, and the page of settings: those of the classes, and true of every file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from enco import methods
from workflow import schema

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "config").glob("*.yaml"), ROOT / "examples" / "monce" / "monce.yaml"])


def named_schema(path: Path) -> dict[str, Any]:
    """Read the schema that a configuration file names in its first line."""
    found = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", path.read_text().partition("\n")[0])
    assert found, path
    return dict(json.loads((path.parent / found[1]).read_text()))


def test_what_is_committed_is_what_the_classes_say(tmp_path: Path) -> None:
    for written in schema.write(tmp_path):
        assert written.read_text() == (ROOT / written.relative_to(tmp_path)).read_text(), (
            "run python -m workflow.schema"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_of_the_schema_that_it_names(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    jsonschema.Draft202012Validator(named_schema(path)).validate(content)


@pytest.mark.parametrize(
    "mistake",
    [
        {"optoins": {}},
        {"options": {"enco": {"lambda_nce": 1, "lambda_idt_typo": 2}}},
        {"options": {"cut": {"ngf": "many"}}},
        {"options": {"all": {"tau": 0.07}}},
        {"train": {"tracking": "sometimes"}},
        {"seeds": []},
        {"task_options": {"horse2zebra": {"cut": {"nonsense": 1}}}},
        {"tables": {"mine": {"rows": 3}}},
        {"tables": {"mine": {"rows": [{"key": "cut"}], "columns": [{"task": "cat2dog", "metrics": ["nope"]}]}}},
        {"tasks": {"mine": {"folder": "photos", "way": "AtoB"}}},
        {"epochs": {"horse2zebra": [1, 1]}},
    ],
    ids=str,
)
def test_a_mistake_is_seen_by_an_editor(mistake: dict[str, Any]) -> None:
    path = ROOT / "config" / "demo.yaml"
    wrong = yaml.safe_load(path.read_text()) | mistake
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(named_schema(path)).validate(wrong)


def test_a_method_of_ones_own_has_options_and_changes_no_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "config" / "demo.yaml"
    config = yaml.safe_load(path.read_text()) | {"options": {"mine": {"alpha": 1}}}
    jsonschema.Draft202012Validator(named_schema(path)).validate(config)
    before = schema.scale_schema()
    known = methods.infos()
    monkeypatch.setattr(methods, "infos", lambda: {**known, "mine": known["cut"]})
    assert schema.scale_schema() == before


def test_a_part_of_the_grid_may_be_named_by_one_word() -> None:
    path = ROOT / "config" / "demo.yaml"
    config = yaml.safe_load(path.read_text()) | {"only": {"tables": "table1"}}
    jsonschema.Draft202012Validator(named_schema(path)).validate(config)


def test_the_page_explains_every_key() -> None:
    lines = [line for line in schema.page().splitlines() if line.startswith("| `")]
    assert len(lines) > 80
    assert not [line for line in lines if line.endswith("|  |")], "a key without a description"
