"""`python -m enco.methods new`: what it writes is a method and its scale, and what it refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enco import methods
from enco.errors import UserError
from enco.methods.__main__ import main
from enco.methods.new import NAMED, RESERVED, begin, renamed
from tests.support.own_methods import forget
from tests.support.pipeline import ROOT
from tests.workflow.test_own_row import own_file as own_file
from workflow import paths
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a clone of the project."""
    (tmp_path / "config").mkdir()
    for file in NAMED:
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "enco" / "methods").mkdir(parents=True)
    return tmp_path


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_a_method_and_its_scale_are_written(clone: Path) -> None:
    before = content(clone)
    method, config = begin("my_cut2", clone)
    assert content(clone).keys() - before.keys() == {"enco/methods/my_cut2.py", "config/my_cut2.yaml"}
    assert "class MyCut2(Method)" in method.read_text() and 'MethodInfo("my_cut2", "MyCut2"' in method.read_text()
    assert "mine" not in method.read_text().lower() and "mine" not in config.read_text().lower()


def test_the_scale_has_a_table_with_the_method_beside_the_papers_numbers(own_file: Path, clone: Path) -> None:
    _, config = begin("mine", clone)
    own_file.write_text(renamed("mine.py", "mine"))
    forget()
    assert config.read_text().startswith("# yaml-language-server: $schema=schemas/scale.json\n")
    plan = Plan.load(load_scale(config).model_dump(), ROOT)
    assert plan.faults == [] and list(plan.tables) == ["mine"] and plan.tables["mine"].published == 1
    assert [run.variant for run in plan.grid.runs] == ["mine", "cut", "enco"]
    demo = Plan.load(load_scale(ROOT / "config" / "demo.yaml").model_dump(), ROOT)
    known = {run.variant: run.config.options for run in demo.grid.runs if run.task == "horse2zebra"}
    for run in plan.grid.runs[1:]:
        assert run.config.options == known[run.variant], "the rows beside are trained as in the demo"


@pytest.mark.parametrize(
    "name",
    [
        "Mine",
        "2mine",
        "my-cut",
        "my cut",
        "",
        "class",
        "true",
        "mine.py",
        "../mine",
        "naïve",
        "on",
        "off",
        "yes",
        "no",
        "null",
    ],
)
def test_a_name_that_is_none_is_refused(clone: Path, name: str) -> None:
    before = content(clone)
    with pytest.raises(UserError, match="cannot be the name of a method"):
        begin(name, clone)
    assert content(clone) == before


@pytest.mark.parametrize("name", ["method", "method_options", "tensor", "field", "batch", "schedule"])
def test_a_class_that_the_template_imports_is_refused(clone: Path, name: str) -> None:
    with pytest.raises(UserError, match="another meaning"):
        begin(name, clone)


@pytest.mark.parametrize(
    ("name", "what"), [("table1", "tables of config/tables.yaml"), ("horse2zebra", "tasks of config/datasets.yaml")]
)
def test_the_name_of_a_table_or_task_is_refused(clone: Path, name: str, what: str) -> None:
    before = content(clone)
    with pytest.raises(UserError, match=f"'{name}' is one of the {what}: choose another name"):
        begin(name, clone)
    assert content(clone) == before


@pytest.mark.parametrize("name", ["enco", "cut", *sorted(RESERVED), "base", "new", "outside"])
def test_a_name_that_is_taken_is_refused(clone: Path, name: str) -> None:
    before = content(clone)
    with pytest.raises(UserError, match=r"already|another meaning|no word of Python"):
        begin(name, clone)
    assert content(clone) == before


@pytest.mark.parametrize("name", ["untranslated", "default"])
def test_a_row_and_a_key_of_every_scale_are_no_methods(clone: Path, name: str) -> None:
    with pytest.raises(UserError, match="another meaning"):
        begin(name, clone)


def test_what_lies_directly_in_the_results_is_reserved() -> None:
    templates = [
        text for value in vars(paths).values() for text in (value.values() if type(value) is dict else [value])
    ]
    flat = [Path(text) for text in templates if isinstance(text, str) and re.fullmatch(r"results/[^/{]+", text)]
    assert Path(paths.CURRENT_CELLS) in flat
    assert {file.name.partition(".")[0] for file in flat} | paths.SHARED | {paths.RELEASED_TABLE} <= RESERVED


def test_the_name_of_a_broken_method_is_taken(own_file: Path, clone: Path) -> None:
    own_file.write_text("def (:\n")
    with pytest.raises(UserError, match="There is a method 'mine' already"):
        begin("mine", clone)


@pytest.mark.parametrize("file", ["enco/methods/mine.py", "config/mine.yaml"])
def test_nothing_is_written_over(clone: Path, file: str) -> None:
    (clone / file).write_text("mine")
    before = content(clone)
    with pytest.raises(UserError, match=rf"{file} is there already"):
        begin("mine", clone)
    assert content(clone) == before


def test_an_installed_copy_takes_no_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no clone of the project.*make a package"):
        begin("mine", tmp_path)
    assert content(tmp_path) == {}


@given(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
def test_every_name_gives_code_that_compiles(name: str) -> None:
    compile(renamed("mine.py", name), name, "exec")


def test_the_command_says_what_to_do_next(capsys: pytest.CaptureFixture[str], monkeypatch, clone: Path) -> None:
    monkeypatch.setattr("enco.methods.new.ROOT", clone)
    main(["new", "mine"])
    said = capsys.readouterr().out
    assert "pytest --pyargs enco.contract -k '[mine]'" in said
    assert "snakemake results/mine.csv --configfile config/mine.yaml" in said
    with pytest.raises(SystemExit):
        main(["new"])
    assert methods.infos().keys() & {"mine"} == set()
