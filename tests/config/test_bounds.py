"""Every number that a user can give has bounds: on command lines, and in settings."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import math
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

import enco
import eval as evaluation
import workflow
from enco.config.base import Settings
from enco.config.bounds import Real, Whole
from enco.errors import UserError

ROOT = Path(__file__).parents[2]
FOLDERS = ("enco", "eval", "workflow", "benchmarks", "examples")
PARSERS = (
    "enco.training.arguments:_parser",
    "enco.datasets.__main__:parser",
    "enco.tracking.__main__:_parser",
    "eval.__main__:parser",
    "eval.timing.__main__:_parser",
    "workflow.__main__:parser",
)
BOUNDS = {"Ge", "Gt"}
ANY_SIGN = {"nce_diag"}
"""A logit: any finite number is one."""


def arguments_of(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Where a file declares an argument that has a type, and that type."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "type":
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", keyword.value


def test_no_argument_is_a_number_without_bounds() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = [(place, kind) for path in files for place, kind in arguments_of(path)]
    assert len(found) > 40
    assert not [place for place, kind in found if isinstance(kind, ast.Name) and kind.id in ("int", "float")]


def numbers(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and its commands that are numbers."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from numbers(command)
        elif isinstance(action.type, Whole | Real):
            yield action


@pytest.mark.parametrize("name", PARSERS)
def test_every_number_of_a_command_line_is_checked(name: str) -> None:
    module, _, function = name.partition(":")
    actions = list(numbers(getattr(importlib.import_module(module), function)()))
    assert actions
    for action in actions:
        kind = action.type
        assert isinstance(kind, Whole | Real)
        assert kind(str(kind.most)) == kind.most
        low = kind.least - 1 if isinstance(kind, Whole) else kind.above
        for bad in (str(low), "-1", f"{10 * kind.most:g}", "9" * 30, "x", "", "nan", "inf", "-inf", "1e400"):
            with pytest.raises(argparse.ArgumentTypeError, match=r"is no (whole )?number"):
                kind(bad)
        for default in action.default if isinstance(action.default, tuple | list) else [action.default]:
            assert default is None or kind(str(default)) == default, (action.option_strings, "its own default")


@pytest.mark.parametrize("given", ["-1", "0", "9" * 30, "many"])
@pytest.mark.parametrize("option", ["--batch-size", "--threads", "-k", "--input-size"])
def test_a_bad_number_is_one_sentence(option: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    from eval.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(["pr", "a", "b", option, given])
    assert ended.value.code == 2
    assert f"{option}: {given} is no whole number from " in capsys.readouterr().err.splitlines()[-1]


def models() -> list[type[Settings]]:
    """All settings classes of the packages."""
    for package in (enco, evaluation, workflow):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in found.name for part in ("__main__", ".scripts", ".executor")):
                importlib.import_module(found.name)
    known = [Settings]
    for model in known:
        known += [inner for inner in model.__subclasses__() if inner not in known]
    return known[1:]


def unbounded(annotation: Any, metadata: tuple[Any, ...] = ()) -> bool:
    """Whether a type has a number in it that nothing bounds from below."""
    kinds = {type(part).__name__ for part in metadata} | {
        type(part).__name__ for field in metadata for part in getattr(field, "metadata", ())
    }
    if get_origin(annotation) is typing.Literal or kinds & BOUNDS:
        return False
    if get_origin(annotation) is typing.Annotated:
        inner, *more = get_args(annotation)
        return unbounded(inner, (*metadata, *more))
    if get_args(annotation):
        return any(unbounded(part, metadata) for part in get_args(annotation))
    return annotation in (int, float)


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_number_of_settings_has_bounds(model: type[Settings]) -> None:
    missing = [
        name
        for name, field in model.model_fields.items()
        if name not in ANY_SIGN and unbounded(field.annotation, tuple(field.metadata))
    ]
    assert not missing


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_settings_are_finite(bad: float) -> None:
    from eval.config import DrnConfig

    with pytest.raises(ValueError, match="lr"):
        DrnConfig(lr=bad)


@pytest.mark.parametrize(("key", "bad"), [("seed", 2**70), ("train.n_const", 10**30), ("train.log_every", 10**30)])
def test_a_number_of_a_settings_file_has_the_command_lines_bounds(key: str, bad: int) -> None:
    from enco.training.arguments import load_settings

    settings: dict[str, Any] = {"method": "cut", "task": "t", "data": {"root": "d"}, "train": {}}
    place, _, name = key.rpartition(".")
    (settings[place] if place else settings)[name] = bad
    with pytest.raises(UserError, match=rf"Invalid setting '{key}' in the settings: Input should be less than"):
        load_settings(json.dumps(settings))
