"""Methods of other packages, found by entry points: their places, without importing them.

A package names the module of its method in the group `enco.methods`, under the method's name. The module of the
method's settings (`INFO`) may stand apart, in the group `enco.options`, so that planning imports no torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

METHODS, SETTINGS = "enco.methods", "enco.options"
"""Groups of entry points: modules with a method's class, and modules with its settings."""


@dataclass(frozen=True)
class Place:
    """The modules of a method's class and of its `INFO`, and the package that brings them: none for ours."""

    module: str
    settings: str
    package: str = ""
    version: str = ""

    @property
    def owner(self) -> str:
        """Name who has the method, for messages."""
        return f"the package {self.package} {self.version}".rstrip() if self.package else self.label(self.module)

    def label(self, module: str) -> str:
        """Name one of the modules, for messages: 'enco/methods/mine.py', or 'mine.method of the package mine 0.1'."""
        return f"{module} of {self.owner}" if self.package else f"{module.replace('.', '/')}.py"

    @property
    def roots(self) -> dict[str, Path]:
        """The folders of the package's code, or the file of a part that is one file, by name in imports."""
        modules = sorted({self.module, self.settings})
        return {module.partition(".")[0]: root for module in modules if (root := _root(module))}


@cache
def outside() -> Mapping[str, tuple[Place, ...]]:
    """Find the methods of installed packages by name: one for each package that has a method of that name."""
    settings = {(point.name, _package(point)): point.module for point in entry_points(group=SETTINGS)}
    found = defaultdict[str, list[Place]](list)
    for point in entry_points(group=METHODS):
        package = _package(point)
        apart = settings.get((point.name, package), point.module)
        found[point.name].append(Place(point.module, apart, *package))
    return {name: tuple(sorted(places, key=lambda place: place.package)) for name, places in found.items()}


def _package(point: EntryPoint) -> tuple[str, str]:
    """Return name and version of the package that has an entry point."""
    return (point.dist.name, point.dist.version) if point.dist else ("of an unknown name", "")


def _root(module: str) -> Path | None:
    """Find the folder or file of a module's first part, which is not imported; None where there is none.

    A package without an `__init__.py` may have several folders: of these, the one with the module.
    """
    top, _, inner = f"{module}.__init__".partition(".")
    spec = find_spec(top)
    if spec is None or spec.submodule_search_locations is None:
        return Path(spec.origin) if spec and spec.origin else None
    folders, part = map(Path, spec.submodule_search_locations), inner.partition(".")[0]
    return next((path for path in folders if (path / f"{part}.py").is_file() or (path / part).is_dir()), None)
