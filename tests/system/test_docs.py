"""The pages: lines that fit, links that lead somewhere, and names of files and commands that exist."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import pytest

import enco.methods.enco
from tests.support.conda import ROOT

WIDTH = 120
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "results/README.md", "workflow/executor/*.md")
    for path in ROOT.glob(pattern)
)
FOLDERS = ("enco", "eval", "workflow", "tests", "benchmarks", "config", "docs", "profiles", "examples", ".ci")
"""Folders of the repository; what stands below `data` or `results` is made by users and by the pipeline."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*")
MODULE = re.compile(r"python -m ((?:enco|eval|workflow|benchmarks|tests)[\w.]*)")

HISTORY = Path("CHANGELOG.md")
"""Names what was, too."""

pages = pytest.mark.parametrize("page", PAGES, ids=str)
pages_of_today = pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY], ids=str)


def read(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_and_commands(page: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, but those of tables and of blocks that show what a program printed."""
    language = None
    for number, line in enumerate(read(page).splitlines(), 1):
        if line.lstrip().startswith("```"):
            language = line.strip()[3:] if language is None else None
        elif language != "" and not line.lstrip().startswith("|"):
            yield number, line


def anchors(page: Path) -> set[str]:
    """Make the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_lines_fit(page: Path) -> None:
    assert [f"{page}:{number}" for number, line in prose_and_commands(page) if len(line) > WIDTH] == []


@pages
def test_links_lead_to_what_exists(page: Path) -> None:
    for target in LINK.findall(read(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (ROOT / page.parent / name).resolve() if name else ROOT / page
        assert found.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(found), f"{page} links to {target}"


@pages_of_today
def test_named_files_exist(page: Path) -> None:
    for code in CODE.findall(read(page)):
        for path in PATH.findall(code):
            assert list(ROOT.glob(path.rstrip("/."))), f"{page} names {path}"


@pages_of_today
def test_named_modules_exist(page: Path) -> None:
    for module in MODULE.findall(read(page)):
        assert find_spec(module.rstrip(".")), f"{page} names {module}"


def test_the_diagram_of_encos_step_names_what_the_step_calls() -> None:
    section = read(Path("docs/methods.md")).partition("## A step of EnCo")[2].partition("\n## ")[0]
    names = set(re.findall(r"(\w+(?:\.\w+)*)\(\)", section))
    called = inspect.getsource(enco.methods.enco)
    assert len(names) > 10
    for name in names:
        assert callable(attrgetter(name)(enco.methods.enco)), name
        assert f"{name.rpartition('.')[2]}(" in called, name
