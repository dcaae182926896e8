"""The registry of methods: each has a file in this folder, and its settings in the file of that name in enco/options.

Names and settings are read without importing torch. A method's own file may hold the settings too, as `INFO`; that file
is imported to know the method.
"""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from enco import options
from enco.config.base import parse
from enco.errors import UserError, unknown
from enco.options.base import MethodInfo, MethodOptions

if TYPE_CHECKING:
    import torch

    from enco.methods.base import Method
    from enco.methods.parts.schedule import Schedule


def infos() -> dict[str, MethodInfo]:
    """Return the info of every method by name, except methods with broken files."""
    return _registry()[0]


def broken() -> dict[str, str]:
    """Return the error of each file that cannot be imported, by module name."""
    return _registry()[1]


@cache
def _registry() -> tuple[dict[str, MethodInfo], dict[str, str]]:
    found, errors = dict[str, MethodInfo](), dict[str, str]()
    for name in (module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg):
        try:
            info = None if name == "__main__" else getattr(_settings_module(name), "INFO", None)
        except Exception as error:  # whatever a user's own file does, the other methods work
            errors[name] = _import_error(error)
            continue
        found |= {info.name: info} if info else {}
    return found, errors


def _settings_module(name: str) -> ModuleType:
    """Import the file with a method's settings: the one in enco/options, or else the method's own."""
    own = f"{options.__name__}.{name}"
    return importlib.import_module(own if find_spec(own) else f"{__name__}.{name}")


def _import_error(error: Exception) -> str:
    """Describe an import error in one line, as in 'SyntaxError in line 3: invalid syntax'."""
    line = error.lineno if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)[-1].lineno
    return f"{type(error).__name__} in line {line}: {(str(error).splitlines() or [''])[0]}"


def info(name: str) -> MethodInfo:
    """Return a method's info; UserError with the valid names if there is none, or with the error of a broken file."""
    if name not in infos():
        raise broken_or_unknown(name)
    return infos()[name]


def broken_or_unknown(name: str, where: str = "") -> UserError:
    """Make the UserError for a method that is not available."""
    if name in broken():
        at = f" of {where}" if where else ""
        return UserError(f"The method '{name}'{at} cannot be used: enco/methods/{name}.py has a {broken()[name]}.")
    return unknown("method", name, infos(), where)


def parse_options(name: str, values: Mapping[str, Any], where: str = "") -> MethodOptions:
    """Complete a method's options by defaults; UserError for an unknown method or option."""
    return parse(info(name).Options, dict(values), where or f"options of method {name}")


def get(name: str) -> type[Method]:
    """Import and return the class of a method; UserError as in `info`."""
    module = importlib.import_module(f"{__name__}.{info(name).name}")
    classes = (value for value in vars(module).values() if isinstance(value, type))
    return next(c for c in classes if getattr(vars(c).get("info"), "name", None) == name)


def available() -> dict[str, type[Method]]:
    """Import and return the class of every method, by name."""
    return {name: get(name) for name in infos()}


def create(
    name: str, *, schedule: Schedule | None = None, device: str | torch.device = "cpu", **options: Any
) -> Method:
    """Build a method with freshly initialised networks; weights come from torch's global random state."""
    from enco.methods.parts.schedule import Schedule
    from enco.runtime.devices import as_device

    return get(name)(parse_options(name, options), schedule or Schedule(), as_device(device))
