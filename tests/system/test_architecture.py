"""docs/architecture.md names the folders, the import contracts and the files that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.conda import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = ("enco", "eval", "workflow")
BLOCKS = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def named_in_tree() -> list[Path]:
    """Return what the page's tree names, as paths from the root."""
    paths: list[Path] = []
    parents: list[str] = []
    for line in filter(None, BLOCKS[0].splitlines()):
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        parents[depth:] = [name]
        paths.append(Path(*parents[: depth + 1]))
    return paths


def folders_of(package: str) -> set[Path]:
    """Return the folders of a package that hold a file of the project; the executor's own are not looked at."""
    found = {path.parent for path in (ROOT / package).rglob("*") if path.suffix in {".py", ".smk", ".rst"}}
    relative = {path.relative_to(ROOT) for path in found}
    return {path for path in relative if path.parts[:2] != ("workflow", "executor") and path.name != "__pycache__"}


def test_the_tree_names_what_exists() -> None:
    assert [str(path) for path in named_in_tree() if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tree_names_every_folder(package: str) -> None:
    assert folders_of(package) - set(named_in_tree()) == set()


@pytest.mark.parametrize(("package", "block"), list(zip(PACKAGES, BLOCKS[1:], strict=True)), ids=PACKAGES)
def test_the_page_has_the_import_contracts(package: str, block: str) -> None:
    layers = next(contract["layers"] for contract in CONTRACTS if contract.get("containers") == [package])
    assert block.splitlines() == layers


def test_the_life_of_a_number_takes_48_files_at_most() -> None:
    steps = re.findall(r"^(\d+)\. `([\w./]+)`: ", PAGE.partition("## The life of a number")[2], re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) <= 48
    assert [path for _, path in steps if not (ROOT / path).is_file()] == []
