"""The registry: every file of this folder that defines a Method is a method, named after its file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import torch

from enco.errors import unknown
from enco.methods.base import Batch, Method, MethodInfo
from enco.schedule import Schedule
from enco.settings import parse

__all__ = ["Batch", "Method", "MethodInfo", "available", "create", "get"]


@cache
def available() -> dict[str, type[Method]]:
    """Every method by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if module.name != "__main__")
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    classes = (value for module in modules for value in vars(module).values())
    return {c.info.name: c for c in classes if isinstance(c, type) and issubclass(c, Method) and "info" in vars(c)}


def get(name: str) -> type[Method]:
    """The class of a method; UserError with the valid names if there is none."""
    if name not in available():
        raise unknown("method", name, available())
    return available()[name]


def create(
    name: str, *, schedule: Schedule | None = None, device: str | torch.device = "cpu", **options: Any
) -> Method:
    """Build a method with freshly initialised networks; weights come from torch's global random state."""
    cls = get(name)
    return cls(parse(cls.Options, options, f"options of method {name}"), schedule or Schedule(), torch.device(device))
