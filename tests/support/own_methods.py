"""Methods of one's own: packages with entry points, put where Python finds them, and copies of the project."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enco import methods
from enco.methods.outside import outside
from tests.support.pipeline import ENVIRONMENT, ROOT

MONCE = ROOT / "examples" / "monce"
UV = shutil.which("uv", path=ENVIRONMENT["PATH"])
INSTALL = [
    *([UV, "pip", "install", "--python", sys.executable] if UV else [sys.executable, "-m", "pip", "install"]),
    *("--quiet", "--no-index", "--no-deps", "--no-build-isolation"),
]
"""The command that installs a package from its folder, with what is there."""
COPIED = (
    "enco",
    "eval",
    "workflow",
    "config",
    "profiles",
    "examples",
    "Snakefile",
    "pyproject.toml",
    "environment.yml",
)


def forget() -> None:
    """Let the registry look again at files and entry points."""
    methods._look_up.cache_clear()
    outside.cache_clear()


@contextmanager
def on_path(folder: Path, *modules: str) -> Iterator[Path]:
    """Find what lies in a folder for the block, and forget these modules after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        forget()
        yield folder
    forget()
    for name in [name for name in sys.modules if name.partition(".")[0] in modules]:
        del sys.modules[name]


def write_package(folder: Path, name: str, entry_points: dict[str, str], version: str = "1.2", **files: str) -> None:
    """Write a package as an installation leaves it: modules, and the entry points by group and name."""
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("".join(f"[{group}]\n{line}\n" for group, line in entry_points.items()))
    for module, content in files.items():
        (folder / f"{module}.py").write_text(content)


def install_monce(target: Path, work: Path, *, link: bool = False) -> Path:
    """Install a copy of the example, or with `link` a link to the copy, into a folder, without a network."""
    source = shutil.copytree(MONCE, work / "monce", ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"))
    subprocess.run([*INSTALL, "--target", follow_links(target), *(["-e"] if link else []), source], check=True)
    return target


def follow_links(folder: Path) -> Path:
    """Make a folder from whose links to packages Python imports, where PYTHONPATH names the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"import site\nsite.addsitedir({str(folder)!r})\n")
    return folder


def copy_project(folder: Path) -> Path:
    """Copy what trains, scores and plans, so that a test may add files."""
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy2(source, folder)
    return folder
