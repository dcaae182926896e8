"""The registry of methods: each has a file in this folder, and its settings in the file of that name in enco/options.

Names and settings are read without importing torch. A method's own file may hold the settings too, as `INFO`; that file
is imported to know the method.
"""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
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


class BrokenFile(Exception):
    """A method's file that cannot be used; the message says why, as in 'enco/methods/mine.py has no INFO'."""


def infos() -> dict[str, MethodInfo]:
    """Return the info of every method by name, except methods with broken files."""
    return _registry()[0]


def broken() -> dict[str, str]:
    """Return the reason of each file that cannot be used, by module name."""
    return _registry()[1]


@cache
def _registry() -> tuple[dict[str, MethodInfo], dict[str, str]]:
    found, errors = dict[str, MethodInfo](), dict[str, str]()
    for name in _files():
        try:
            info = _find_info(name)
        except BrokenFile as error:
            errors[name] = str(error)
            continue
        if info and info.name != name:
            errors[name] = f"enco/methods/{name}.py has the INFO of another name, '{info.name}'"
        elif info:
            found[name] = info
    return found, errors


def _files() -> list[str]:
    """List the files that may be a method's, by module name."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg]
    return [name for name in names if name not in ("__main__", "base")]


def _find_info(name: str) -> MethodInfo | None:
    """Return the `INFO` of a method's file in enco/options, or else of the method's own file; BrokenFile for errors."""
    settings = f"{options.__name__}.{name}"
    info = getattr(_import(settings), "INFO", None) if find_spec(settings) else None
    if info is None:
        return getattr(_import(f"{__name__}.{name}"), "INFO", None)
    _check_syntax(name)
    return info


def _import(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever a user's own file does, the other methods work
        raise _broken(module, error) from error


def _check_syntax(name: str) -> None:
    """Raise BrokenFile for a syntax error in a method's file, which is not imported, as that would import torch."""
    path = next(path for folder in __path__ if (path := Path(folder, f"{name}.py")).is_file())
    try:
        compile(path.read_bytes(), path, "exec")
    except SyntaxError as error:
        raise _broken(f"{__name__}.{name}", error) from error


def _broken(module: str, error: Exception) -> BrokenFile:
    """Describe an error in one line, as in 'enco/methods/mine.py has a SyntaxError in line 3: invalid syntax'."""
    line = error.lineno if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)[-1].lineno
    what = f"{type(error).__name__} in line {line}: {(str(error).splitlines() or [''])[0]}"
    return BrokenFile(f"{module.replace('.', '/')}.py has a {what}")


def info(name: str) -> MethodInfo:
    """Return a method's info; UserError with the valid names if there is none, or with the error of a broken file."""
    if name not in infos():
        raise broken_or_unknown(name)
    return infos()[name]


def broken_or_unknown(name: str, where: str = "") -> UserError:
    """Make the UserError for a method that is not available."""
    if name in broken():
        return _unusable(name, broken()[name], where)
    if name in _files():
        return _unusable(name, f"enco/methods/{name}.py has no INFO", where)
    return unknown("method", name, infos(), where)


def _unusable(name: str, reason: object, where: str = "") -> UserError:
    at = f" of {where}" if where else ""
    return UserError(f"The method '{name}'{at} cannot be used: {reason}.")


def parse_options(name: str, values: Mapping[str, Any], where: str = "") -> MethodOptions:
    """Complete a method's options by defaults; UserError for an unknown method or option."""
    return parse(info(name).Options, dict(values), where or f"options of method {name}")


def get(name: str) -> type[Method]:
    """Import and return the class of a method; UserError as in `info`, or for a file without such a class."""
    info(name)
    try:
        classes = (value for value in vars(_import(f"{__name__}.{name}")).values() if isinstance(value, type))
    except BrokenFile as error:
        raise _unusable(name, error) from error
    method = next((c for c in classes if getattr(vars(c).get("info"), "name", None) == name), None)
    if method is None:
        raise _unusable(name, f"enco/methods/{name}.py has no class with `info = INFO`")
    return method


def available() -> dict[str, type[Method]]:
    """Import and return the class of every method by name, except methods with broken files."""
    found: dict[str, type[Method]] = {}
    for name in infos():
        with suppress(UserError):
            found[name] = get(name)
    return found


def create(
    name: str, *, schedule: Schedule | None = None, device: str | torch.device = "cpu", **options: Any
) -> Method:
    """Build a method with freshly initialised networks; weights come from torch's global random state."""
    from enco.methods.parts.schedule import Schedule
    from enco.runtime.devices import as_device

    return get(name)(parse_options(name, options), schedule or Schedule(), as_device(device))


def on_paper(name: str, options: Mapping[str, Any], where: str = "") -> Method:
    """Build a method whose tensors have shapes and no content; errors as in `parse_options`."""
    import torch

    from enco.methods.parts.schedule import Schedule

    complete = parse_options(name, options, where)
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        return get(name)(complete, Schedule(), torch.device("meta"))
