"""Unpack wheels of what this machine lacks into a folder, with Python alone.

python -m benchmarks.gpu.wheels FOLDER TARGET
"""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import BadZipFile, ZipFile

GLIBC = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
"""The glibc 2.x that tags of older names need; those of `manylinux_2_28` are in the tag."""


def unpack(folder: Path, target: Path) -> None:
    """Unpack the wheel of each package that is not here; name those that are torn, or for another machine."""
    for wheel in sorted(folder.glob("*.whl")):
        if _is_here(wheel.name.partition("-")[0]):
            continue
        try:
            if not fits(wheel):
                raise BadZipFile("it is for another Python or system")
            with ZipFile(wheel) as file:
                file.extractall(target)
        except (BadZipFile, OSError) as error:
            print(f"{wheel.name} cannot be installed here ({error}): what needs it is left out.", file=sys.stderr)


def fits(wheel: Path) -> bool:
    """Return whether the tags at the end of a wheel's name (PEP 425, PEP 600) are of this Python and of this Linux."""
    pythons, abis, systems = (part.split(".") for part in wheel.stem.split("-")[-3:])
    return any(_runs(python, abi) for python in pythons for abi in abis) and any(map(_loads, systems))


def _is_here(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _runs(python: str, abi: str) -> bool:
    """Say whether this Python runs what is built for another one's tags."""
    minor = sys.version_info.minor
    if abi == "none":
        return python in ("py3", f"py3{minor}", f"cp3{minor}")
    if abi == "abi3":  # that one, or any later
        found = re.fullmatch(r"cp3(\d*)", python)
        return found is not None and int(found[1] or 0) <= minor
    return python == abi == f"cp3{minor}"


def _loads(system: str) -> bool:
    """Say whether this system loads libraries that are built for a tag's."""
    found = re.fullmatch(rf"(manylinux\d*|linux)(?:_2_(\d+))?_{platform.machine()}", system)
    if system == "any" or found is None:
        return system == "any"
    needed = int(found[2] or GLIBC.get(found[1], 0))
    name, glibc = platform.libc_ver()
    return name == "glibc" and needed <= int(glibc.split(".")[1])


if __name__ == "__main__":
    unpack(*map(Path, sys.argv[1:]))
