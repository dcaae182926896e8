"""The registry: a file of a method that cannot be used is named in one sentence, and costs no other method."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from enco import methods, options
from enco.errors import UserError
from tests.workflow.test_own_row import own_file as own_file

INFO = """
from enco.options.base import MethodInfo
from enco.options.cut import CutOptions
INFO = MethodInfo("{name}", "Mine", "unpublished", 2026, two_sided=False, Options=CutOptions)
"""
CLASS = """
from enco.methods.cut import Cut
class Mine(Cut):
    info = INFO
"""


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the file in enco/options of the settings of a method `mine`."""
    (tmp_path / "options").mkdir()
    monkeypatch.setattr(options, "__path__", [*options.__path__, str(tmp_path / "options")])
    yield tmp_path / "options" / "mine.py"
    sys.modules.pop("enco.options.mine", None)


def refused(name: str = "mine") -> str:
    with pytest.raises(UserError) as error:
        methods.get(name)
    assert len(methods.available()) == 12 and name not in methods.available()
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (INFO.format(name="other") + CLASS, "has the INFO of another name, 'other'"),
        (INFO.format(name="cut") + CLASS, "has the INFO of another name, 'cut'"),
        (INFO.format(name="mine"), "has no class with `info = INFO`"),
        ("def helper() -> None: ...\n", "has no INFO"),
    ],
)
def test_a_file_that_is_no_whole_method_says_what_it_lacks(own_file: Path, content: str, what: str) -> None:
    own_file.write_text(content)
    assert refused() == f"The method 'mine' cannot be used: enco/methods/mine.py {what}."
    assert methods.info("cut").label == "CUT"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("def (:\n", "SyntaxError in line 1: invalid syntax"),
        ("import no_such_package\n", "ModuleNotFoundError in line 1: No module named 'no_such_package'"),
    ],
)
def test_a_broken_file_with_settings_apart_is_named(
    own_file: Path, own_settings: Path, content: str, what: str
) -> None:
    own_settings.write_text(INFO.format(name="mine"))
    own_file.write_text(content)
    assert what in refused() and "enco/methods/mine.py has a" in refused()


def test_a_syntax_error_is_known_without_importing_the_method(own_file: Path, own_settings: Path) -> None:
    own_settings.write_text(INFO.format(name="mine"))
    own_file.write_text("def (:\n")
    assert "SyntaxError in line 1" in methods.broken()["mine"] and "mine" not in methods.infos()


def test_broken_settings_are_named(own_file: Path, own_settings: Path) -> None:
    own_settings.write_text("1 / 0\n")
    own_file.write_text(INFO.format(name="mine") + CLASS)
    assert "enco/options/mine.py has a ZeroDivisionError in line 1" in refused()


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("weight: float = Field('x', ge=0)", r"weight \(Input should be a valid number, unable to parse.*\)\."),
        ("weight: float = Field(-1, ge=0)", r"weight \(Input should be greater than or equal to 0\)\."),
        ("weight: float", r"weight \(Field required\)\."),
    ],
)
def test_a_default_that_its_option_does_not_take_is_named(own_file: Path, field: str, what: str) -> None:
    options_of_mine = f"from pydantic import Field\nclass MineOptions(CutOptions):\n    {field}\nINFO ="
    info = INFO.format(name="mine").replace("INFO =", options_of_mine).replace("Options=Cut", "Options=Mine")
    own_file.write_text(info + CLASS)
    assert re.search(rf"enco/methods/mine\.py needs another default of its option {what}", refused())


def test_a_method_may_have_the_name_of_a_helper_of_settings(own_file: Path) -> None:
    own_file.with_name("sizes.py").write_text(INFO.format(name="sizes") + CLASS)
    try:
        assert methods.get("sizes").info.name == "sizes"
    finally:
        sys.modules.pop("enco.methods.sizes", None)
