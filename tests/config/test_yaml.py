"""YAML of users, read in one place: every mistake is one sentence with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from enco.config.yaml import parse_yaml, read_yaml, section
from enco.errors import UserError


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"my\.yaml does not exist: name a YAML file such as config/paper\.yaml"),
        (b"a: [\n", r"my\.yaml is not readable YAML \(line 2: .*correct it there"),
        (b"\xff\n", r"my\.yaml is not readable YAML \(.*correct it there"),
        (b"words\n", r"my\.yaml holds no mapping of keys to values: see config/paper\.yaml"),
    ],
)
def test_a_file_that_is_no_mapping_is_one_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "my.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_yaml(path, "config/paper.yaml")
    assert "\n" not in str(error.value)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path} cannot be read"):
        read_yaml(tmp_path)


def test_json_is_yaml() -> None:
    assert parse_yaml('{"a": [1, 2]}', "--set") == {"a": [1, 2]}


def test_a_section_is_a_mapping_or_missing() -> None:
    assert section({"tasks": {"a": 1}}, "tasks", "here") == {"a": 1}
    assert section({}, "tasks", "here") == {}
    with pytest.raises(UserError, match="'tasks' in here is no mapping of names to settings"):
        section({"tasks": None}, "tasks", "here")
