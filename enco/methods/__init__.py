"""The registry: every file of this folder that defines a Method is a method, named after its file."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from functools import cache
from typing import Any

import torch

from enco.errors import UserError, unknown
from enco.methods.base import Batch, Method, MethodInfo
from enco.schedule import Schedule
from enco.settings import parse

__all__ = ["Batch", "Method", "MethodInfo", "available", "broken", "broken_or_unknown", "create", "get"]


def available() -> dict[str, type[Method]]:
    """Every method by name, but those whose files are broken."""
    return _registry()[0]


def broken() -> dict[str, str]:
    """What is wrong with each file that cannot be imported, by its module's name."""
    return _registry()[1]


@cache
def _registry() -> tuple[dict[str, type[Method]], dict[str, str]]:
    found, errors = dict[str, type[Method]](), dict[str, str]()
    for name in (module.name for module in pkgutil.iter_modules(__path__) if module.name != "__main__"):
        try:
            classes = vars(importlib.import_module(f"{__name__}.{name}")).values()
        except Exception as error:  # whatever a user's own file does, the other methods work
            errors[name] = _what_broke(error)
            continue
        methods = (c for c in classes if isinstance(c, type) and issubclass(c, Method) and "info" in vars(c))
        found |= {method.info.name: method for method in methods}
    return found, errors


def _what_broke(error: Exception) -> str:
    """'SyntaxError in line 3: invalid syntax': an error of a file's import, on one line."""
    line = error.lineno if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)[-1].lineno
    return f"{type(error).__name__} in line {line}: {(str(error).splitlines() or [''])[0]}"


def get(name: str) -> type[Method]:
    """The class of a method; UserError with the valid names if there is none, or with what its file is broken by."""
    if name not in available():
        raise broken_or_unknown(name)
    return available()[name]


def broken_or_unknown(name: str, where: str = "") -> UserError:
    """The error for a method that is not available."""
    if name in broken():
        at = f" of {where}" if where else ""
        return UserError(f"The method '{name}'{at} cannot be used: enco/methods/{name}.py has a {broken()[name]}.")
    return unknown("method", name, available(), where)


def create(
    name: str, *, schedule: Schedule | None = None, device: str | torch.device = "cpu", **options: Any
) -> Method:
    """Build a method with freshly initialised networks; weights come from torch's global random state."""
    cls = get(name)
    return cls(parse(cls.Options, options, f"options of method {name}"), schedule or Schedule(), torch.device(device))
