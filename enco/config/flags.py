"""Flags of a command line that are made of settings: each field's name, type, bounds, default and description."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic.fields import FieldInfo

from enco.config.base import Settings, parse
from enco.config.bounds import Real, Whole
from enco.config.yaml import parse_yaml
from enco.errors import UserError

T = TypeVar("T", bound=Settings)
Group = argparse.ArgumentParser | argparse._ArgumentGroup
BOUNDS = ("ge", "gt", "le", "lt")


def add_flags(command: Group, model: type[Settings], *names: str, prefix: str = "", **changes: Any) -> None:
    """Add a flag for each named field of a settings class: `--batch-size` for `batch_size`.

    `prefix` goes before each name: `drn` makes `--drn-size` of `size`. `changes` replace what argparse is told of every
    one of the flags. Raises KeyError for a name that is no field, and TypeError for a field of a type without a flag.
    """
    for name in names:
        field = model.model_fields[name]
        options = _options(field, field.annotation, list(field.metadata))
        command.add_argument(flag(name, prefix), **(_described(field) | options | changes))


def flag(name: str, prefix: str = "") -> str:
    """Return the flag of a field: `-k` of `k`, `--drn-size` of `size` with the prefix `drn`."""
    words = f"{prefix}_{name}" if prefix else name
    return f"--{words.replace('_', '-')}" if len(words) > 1 else f"-{words}"


def from_flags(args: argparse.Namespace, model: type[T], prefix: str = "") -> T:
    """Return the settings that the flags of a class's fields give; fields without a flag are at their defaults.

    Raises UserError for values that are valid one by one but not together.
    """
    found = {name: f"{prefix}_{name}" if prefix else name for name in model.model_fields}
    values = {name: getattr(args, dest) for name, dest in found.items() if hasattr(args, dest)}
    return parse(model, values, "the command line")


def as_flags(settings: Settings, *names: str, prefix: str = "") -> list[str]:
    """Return the named fields as words of a command line, quoted for a shell.

    A field that is None, False or an empty text has no flag.
    """
    words = []
    for name in names:
        value = getattr(settings, name)
        if value is None or value is False or value == "":
            continue
        values = [] if value is True else value if isinstance(value, tuple) else [value]
        words += [flag(name, prefix), *(shlex.quote(str(one)) for one in values)]
    return words


def named_value(text: str) -> tuple[str, Any]:
    """Split the words of `--set NAME=VALUE`, where the value is YAML; UserError for words without a value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text} has no value: write --set NAME=VALUE, such as --set k=2.")
    return name, parse_yaml(value, f"--set {text}")


def _described(field: FieldInfo) -> dict[str, Any]:
    """Return the default and the help text, which ends with that default."""
    text = (field.description or "").rstrip(".").replace("%", "%%")
    text = text if text[:2].isupper() else text[:1].lower() + text[1:]
    shown = _shown(field.default)
    return {"default": field.default, "help": f"{text} (default {shown})".strip() if shown else text or None}


def _shown(default: Any) -> str:
    """Return a default as a user would type it; nothing for a flag that is off or has no value."""
    if default is None or default is False:
        return ""
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _options(field: FieldInfo, annotation: Any, metadata: list[Any]) -> dict[str, Any]:
    """Return what argparse is told of a field's type."""
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = metadata + [part for info in more for part in getattr(info, "metadata", [info])]
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) is Literal:
        return {"choices": kinds}
    if get_origin(annotation) is tuple:
        return _options(field, kinds[0], metadata) | {"nargs": len(kinds)}
    if len(kinds) == 1:  # a type or None
        return _options(field, kinds[0], metadata)
    if annotation is bool:
        return {"action": "store_true"}
    if annotation is Path:
        return {"type": Path, "metavar": "PATH"}
    return {} if annotation is str else {"type": _number(annotation, metadata)}


def _number(kind: Any, metadata: Iterable[Any]) -> Callable[[str], int | float]:
    """Return the type of an argument within a number's bounds."""
    bounds = {name: getattr(part, name) for part in metadata for name in BOUNDS if hasattr(part, name)}
    if kind is int:
        least = bounds["ge"] if "ge" in bounds else bounds["gt"] + 1
        return Whole(least, bounds["le"] if "le" in bounds else bounds["lt"] - 1)
    if kind is float:
        return Real(bounds["gt"], bounds["le"])
    raise TypeError(f"no flag for a field of type {kind}")
