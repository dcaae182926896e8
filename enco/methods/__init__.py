"""The registry of methods: each has a file in this folder, and its settings in the file of that name in enco/options.

Names and settings are read without importing torch. A method's own file may hold the settings too, as `INFO`; that file
is imported to know the method. Methods of other packages come by entry point (enco/methods/outside.py).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from enco import options
from enco.config.base import parse
from enco.errors import UserError, unknown
from enco.methods.outside import Place, outside
from enco.options.base import MethodInfo, MethodOptions

if TYPE_CHECKING:
    import torch

    from enco.methods.base import Method
    from enco.methods.parts.schedule import Schedule

NO_METHODS = ("__main__", "base", "new", "outside")
"""Files of this folder that are no method's."""
NAME, NAMES = r"[a-z][a-z0-9_]*", "small letters, digits and _, a letter first"
"""What the name of a method is, as a pattern and in words: files, folders and commands have it."""


class BrokenFile(Exception):
    """A method's file that cannot be used; the message says why, as in 'enco/methods/mine.py has no INFO'."""


class Registry(Mapping[str, MethodInfo]):
    """The info of every method by name, except methods that cannot be used.

    A method of another package is imported when its name is asked for, or all are listed.
    """

    def __getitem__(self, name: str) -> MethodInfo:
        info = _look_up(name)
        if not isinstance(info, MethodInfo):
            raise KeyError(name)
        return info

    def __iter__(self) -> Iterator[str]:
        return (name for name in names() if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def infos() -> Registry:
    """Return the info of every method by name, except methods with broken files."""
    return Registry()


def broken() -> dict[str, str]:
    """Return the reason of each method that cannot be used, by name."""
    return {name: str(info) for name in names() if isinstance(info := _look_up(name), BrokenFile)}


def is_broken(name: str) -> bool:
    """Return whether there is a method of this name which cannot be used."""
    return isinstance(_look_up(name), BrokenFile)


@cache
def _look_up(name: str) -> MethodInfo | BrokenFile | None:
    """Return a method's info, or why it cannot be used; None for an unknown name, or a file without `INFO`."""
    places = _places(name)
    if places and not re.fullmatch(NAME, name):
        return BrokenFile(f"{places[0].owner} has to name it with {NAMES}")
    if len(places) > 1:
        owners = " and ".join(place.owner for place in places)
        return BrokenFile(f"{owners} have a method of this name: rename one, or uninstall its package")
    try:
        info = _find_info(places[0]) if places else None
    except BrokenFile as error:
        return error
    if info is None:
        return None
    label = places[0].label(places[0].module)
    if not isinstance(info, MethodInfo):
        return BrokenFile(f"{label} has an INFO that is no MethodInfo")
    if info.name != name:
        return BrokenFile(f"{label} has the INFO of another name, '{info.name}'")
    fault = _fault_of_defaults(info, places[0])
    return fault or info


def _fault_of_defaults(info: MethodInfo, place: Place) -> BrokenFile | None:
    """Return why a method's options cannot be used as they are; None if they can."""
    try:
        info.Options()
    except ValidationError as error:
        mistake = error.errors()[0]
        said = f"{'.'.join(map(str, mistake['loc']))} ({mistake['msg'].removeprefix('Value error, ')})"
        return BrokenFile(f"{place.label(place.settings)} needs another default of its option {said}")
    except Exception as error:  # whatever a validator of a user's own does
        return _broken(place.settings, place, error)
    return None


def names() -> list[str]:
    """List every name of a method, usable or not: files of ours first, in order, then entry points."""
    return list(dict.fromkeys([*_files(), *outside()]))


def _files() -> list[str]:
    """List the files that may be a method's, by module name."""
    files = [module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg]
    return [name for name in files if name not in NO_METHODS]


def _places(name: str) -> list[Place]:
    """Find the modules of a method: of ours, and of other packages."""
    settings, module = f"{options.__name__}.{name}", f"{__name__}.{name}"
    ours = [Place(module, settings if find_spec(settings) else module)] if name in _files() else []
    return [*ours, *outside().get(name, ())]


def _find_info(place: Place) -> Any:
    """Return the `INFO` of a method's settings, or else of the method's own file; BrokenFile for errors."""
    info = getattr(_import(place.settings, place), "INFO", None)
    if place.settings != place.module:
        if info is None:
            return getattr(_import(place.module, place), "INFO", None)
        _check_syntax(place)
    return info


def _import(module: str, place: Place) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever a user's own file does, the other methods work
        raise _broken(module, place, error) from error


def _check_syntax(place: Place) -> None:
    """Raise BrokenFile for a syntax error in a method's file, which is not imported, as that would import torch."""
    try:
        spec = find_spec(place.module)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"No module named '{place.module}'", name=place.module)
        compile(Path(spec.origin).read_bytes(), spec.origin, "exec")
    except (SyntaxError, ImportError) as error:
        raise _broken(place.module, place, error) from error


def _broken(module: str, place: Place, error: Exception) -> BrokenFile:
    """Describe an error in one line, as in 'enco/methods/mine.py has a SyntaxError in line 3: invalid syntax'."""
    if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
        return BrokenFile(f"{place.owner} has no module {module}, which its entry point names")
    line = error.lineno if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)[-1].lineno
    what = f"{type(error).__name__} in line {line}: {(str(error).splitlines() or [''])[0]}"
    return BrokenFile(f"{place.label(module)} has a {what}")


def info(name: str) -> MethodInfo:
    """Return a method's info; UserError with the valid names if there is none, or with the error of a broken file."""
    if name not in infos():
        raise broken_or_unknown(name)
    return infos()[name]


def broken_or_unknown(name: str, where: str = "") -> UserError:
    """Make the UserError for a method that is not available."""
    if isinstance(reason := _look_up(name), BrokenFile):
        return _unusable(name, reason, where)
    if places := _places(name):
        return _unusable(name, f"{places[0].label(places[0].module)} has no INFO", where)
    return unknown("method", name, infos(), where)


def package_version(name: str) -> dict[str, str]:
    """Return the package that has a method, with the package's version; empty for a method of this project."""
    return {place.package: place.version for place in outside().get(name, ())}


def _unusable(name: str, reason: object, where: str = "") -> UserError:
    at = f" of {where}" if where else ""
    return UserError(f"The method '{name}'{at} cannot be used: {reason}.")


def parse_options(name: str, values: Mapping[str, Any], where: str = "") -> MethodOptions:
    """Complete a method's options by defaults; UserError for an unknown method or option."""
    return parse(info(name).Options, dict(values), where or f"options of method {name}")


def get(name: str) -> type[Method]:
    """Import and return the class of a method; UserError as in `info`, or for a file without such a class."""
    info(name)
    place = _places(name)[0]
    try:
        classes = (value for value in vars(_import(place.module, place)).values() if isinstance(value, type))
    except BrokenFile as error:
        raise _unusable(name, error) from error
    method = next((c for c in classes if getattr(vars(c).get("info"), "name", None) == name), None)
    if method is None:
        raise _unusable(name, f"{place.label(place.module)} has no class with `info = INFO`")
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

    return _build(name, parse_options(name, options), schedule or Schedule(), as_device(device))


def on_paper(name: str, options: Mapping[str, Any], where: str = "") -> Method:
    """Build a method whose tensors have shapes and no content; errors as in `parse_options`."""
    import torch

    from enco.methods.parts.schedule import Schedule

    complete = parse_options(name, options, where)
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        return _build(name, complete, Schedule(), torch.device("meta"))


def _build(name: str, options: MethodOptions, schedule: Schedule, device: torch.device) -> Method:
    """Build a method; UserError where a network that translates is no part of its state."""
    method = get(name)(options, schedule, device)
    for network in method.translators:
        if network not in method.networks:
            cure = f"call `self.add_networks({network}=...)` in its constructor"
            raise UserError(f"The method '{name}' cannot be used: it has no network '{network}', so {cure}.")
    return method
