"""YAML and JSON that users write, in files and on command lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enco.errors import UserError


def read_yaml(path: Path, example: str = "config/datasets.yaml") -> dict[str, Any]:
    """Read a YAML file that holds a mapping; `example` is a file of that kind, for the message.

    Raises UserError for a file that is missing, cannot be read, is no YAML (with the line), or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: name a YAML file such as {example}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}): name a YAML file such as {example}.") from error
    except UnicodeDecodeError as error:
        raise _unreadable(str(path), str(error)) from error
    content = parse_yaml(text, str(path))
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no mapping of keys to values: see {example}.")
    return content


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML, which JSON is too; UserError, with the place in the text, for anything else."""
    import yaml  # only here: a program that is given no YAML needs torch and pydantic alone

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _unreadable(where, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the parser's reason, with the line where the parser knows one."""
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', '')}" if mark else str(error).partition("\n")[0]


def _unreadable(where: str, reason: str) -> UserError:
    return UserError(f"{where} is not readable YAML ({reason}): correct it there.")


def section(content: Mapping[str, Any], key: str, where: object) -> dict[str, Any]:
    """Return the mapping of names under a key, empty without such a key; UserError for another kind of value."""
    entries = content.get(key, {})
    if not isinstance(entries, dict):
        raise UserError(f"'{key}' in {where} is no mapping of names to settings: write one, or leave the key out.")
    return entries
