"""Methods of other packages: found by entry points, imported when asked for, recorded, and named where they fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest

from enco import methods
from enco.errors import UserError
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.training.sources import changed_files, method_sources
from tests.methods.test_registry import CLASS, INFO
from tests.support.own_methods import forget, install_monce, on_path, write_package
from tests.support.pipeline import ENVIRONMENT, ROOT
from tests.support.tiny_methods import tiny_method
from tests.support.tiny_runs import write_images
from tests.workflow.test_own_row import plan

METHOD = INFO.format(name="far") + CLASS
POINT = {"enco.methods": "far = far_method"}
TINY = ("ngf=4", "ndf=4", "n_blocks=1", "crop_size=32", "load_size=32", "patches=16", "head_width=16")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder where Python finds packages; their methods are called `far`."""
    with on_path(tmp_path / "packages", "far_method", "far_settings") as found:
        yield found


@pytest.fixture(scope="module")
def monce(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example, and return where."""
    return install_monce(tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("work"))


def python(packages: Path, *words: str | Path) -> str:
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{packages}:{ROOT}"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


def refused(name: str = "far") -> str:
    assert name not in methods.available() and "cut" in methods.infos()
    with pytest.raises(UserError) as error:
        methods.get(name)
    return str(error.value)


def test_a_package_of_one_file_has_a_method(folder: Path) -> None:
    write_package(folder, "far-away", POINT, far_method=METHOD)
    assert methods.get("far").info is methods.info("far") is methods.infos()["far"]
    assert len(methods.infos()) == 13 and methods.broken() == {}
    assert methods.package_version("far") == {"far-away": "1.2"} and methods.package_version("cut") == {}


def test_nothing_of_a_package_is_imported_before_its_name_is_asked_for(folder: Path) -> None:
    write_package(folder, "far-away", POINT, far_method="raise SystemError('imported')\n")
    assert plan().grid.faults == {} and "cut" in methods.infos() and "far_method" not in sys.modules
    with pytest.raises(UserError, match="SystemError in line 1: imported"):
        methods.info("far")


@pytest.mark.parametrize(
    ("points", "files", "what"),
    [
        (POINT, {}, "the package far-away 1.2 has no module far_method, which its entry point names"),
        (
            POINT,
            {"far_method": "import no_such"},
            "far_method of the package far-away 1.2 has a ModuleNotFoundError in",
        ),
        (POINT, {"far_method": "def (:\n"}, "far_method of the package far-away 1.2 has a SyntaxError in line 1"),
        (POINT, {"far_method": "INFO = 3\n"}, "far-away 1.2 has an INFO that is no MethodInfo"),
        (POINT, {"far_method": "SIZE = 3\n"}, "far_method of the package far-away 1.2 has no INFO"),
        (POINT, {"far_method": INFO.format(name="near")}, "far-away 1.2 has the INFO of another name, 'near'"),
        (POINT, {"far_method": INFO.format(name="far")}, "far-away 1.2 has no class with `info = INFO`"),
        (
            POINT | {"enco.options": "far = far_settings"},
            {"far_settings": INFO.format(name="far"), "far_method": "def (:\n"},
            "far_method of the package far-away 1.2 has a SyntaxError in line 1",
        ),
        (
            POINT | {"enco.options": "far = far_settings"},
            {"far_settings": INFO.format(name="far")},
            "the package far-away 1.2 has no module far_method, which its entry point names",
        ),
    ],
)
def test_an_entry_point_that_does_not_load_is_one_sentence(
    folder: Path, points: dict[str, str], files: dict[str, str], what: str
) -> None:
    write_package(folder, "far-away", points, **files)
    said = refused()
    assert said.startswith("The method 'far' cannot be used: ") and what in said and said.count("\n") == 0
    fault = plan({"key": "far"}).faults
    assert len(fault) == (0 if "no class" in what else 1)


@pytest.mark.parametrize("name", ["A/b+c", "Far", "2far", "far-away"])
def test_a_name_that_is_none_is_refused(folder: Path, name: str) -> None:
    write_package(folder, "far-away", {"enco.methods": f"{name} = far_method"}, far_method=INFO.format(name=name))
    assert f"the package far-away 1.2 has to name it with {methods.NAMES}." in refused(name)


def test_the_contract_of_a_broken_method_fails_with_the_reason(folder: Path) -> None:
    write_package(folder, "far-away", POINT, far_method="def (:\n")
    asked = ("-p", "no:cacheprovider", "--pyargs", "enco.contract", "-k", "[far] and registered")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        python(folder, "-m", "pytest", *asked)
    said = failed.value.stdout
    assert "The method 'far' cannot be used: far_method of the package far-away 1.2 has a SyntaxError" in said
    assert "1 failed" in said


def test_two_owners_of_a_name_are_refused(folder: Path) -> None:
    write_package(folder, "far-away", POINT, far_method=METHOD)
    write_package(folder, "farther", POINT)
    said = "the package far-away 1.2 and the package farther 1.2 have a method of this name"
    assert said in refused()


def test_a_package_cannot_take_the_name_of_a_method_of_ours(folder: Path) -> None:
    write_package(folder, "far-away", {"enco.methods": "enco = far_method"}, far_method=METHOD)
    with pytest.raises(UserError, match=r"enco/methods/enco\.py and the package far-away 1\.2 have a method of this"):
        methods.get("enco")


def test_a_scale_may_have_options_for_a_broken_method(folder: Path) -> None:
    write_package(folder, "far-away", POINT, far_method="def (:\n")
    from workflow.plan.grid import check_options
    from workflow.plan.scale import ScaleConfig, load_scale

    demo = load_scale(ROOT / "config" / "demo.yaml").model_dump()
    check_options(ScaleConfig(**demo | {"options": {"far": {"lr": 1}}}), methods.infos())
    with pytest.raises(UserError, match="Unknown method 'near'"):
        check_options(ScaleConfig(**demo | {"options": {"near": {"lr": 1}}}), methods.infos())


def test_the_code_of_a_package_counts_and_its_comments_do_not(folder: Path) -> None:
    files = {"far_method": "from far_settings import INFO\n" + CLASS, "far_settings": INFO.format(name="far")}
    write_package(folder, "far-away", POINT | {"enco.options": "far = far_settings"}, **files)
    before = method_sources("far")
    assert {"far_method.py", "far_settings.py", "enco/methods/cut.py"} <= before.keys()
    (folder / "far_method.py").write_text("# a comment\n" + files["far_method"])
    assert changed_files(before, method_sources("far")) == []
    (folder / "far_method.py").write_text(files["far_method"] + "    size = 3\n")
    assert changed_files(before, method_sources("far")) == ["far_method.py"]


def test_the_code_of_a_package_without_an_init_file_counts(tmp_path: Path, folder: Path) -> None:
    write_package(folder, "far-away", {"enco.methods": "far = far_parts.method"})
    for parts, file in ((tmp_path / "other" / "far_parts", "other.py"), (folder / "far_parts", "method.py")):
        parts.mkdir(parents=True)
        (parts / file).write_text(METHOD)
    with on_path(tmp_path / "other", "far_parts"), on_path(folder, "far_parts"):
        sys.path.sort(key=str(tmp_path / "other").__ne__)
        assert {"far_parts/method.py", "enco/methods/cut.py"} <= method_sources("far").keys()


def test_an_edit_of_a_linked_package_counts(tmp_path: Path) -> None:
    packages = install_monce(tmp_path / "packages", tmp_path, link=True)
    code = "from enco.training.sources import method_sources; print(method_sources('monce'))"
    before = literal_eval(python(packages, "-c", code))
    method = tmp_path / "monce" / "enco_monce" / "method.py"
    method.write_text(method.read_text() + "\n\nTWICE = 2\n")
    assert changed_files(before, literal_eval(python(packages, "-c", code))) == ["enco_monce/method.py"]


def test_a_generator_of_a_package_that_is_gone_names_it(folder: Path, tmp_path: Path) -> None:
    write_package(folder, "far-away", POINT, far_method=METHOD)
    save_generator(tiny_method("far"), tmp_path / "generator.safetensors")
    assert load_generator(tmp_path / "generator.safetensors").method_name == "far"
    shutil.rmtree(folder / "far-away-1.2.dist-info")
    forget()
    with pytest.raises(UserError, match=r"generator\.safetensors is a .* 'far' of the package far-away 1\.2: install"):
        load_generator(tmp_path / "generator.safetensors")


def test_planning_a_row_of_a_package_imports_no_torch(monce: Path) -> None:
    code = (
        "import sys; from tests.workflow.test_own_row import plan; made = plan({'key': 'monce'})\n"
        "print([run.variant for run in made.grid.runs if run.config.method == 'monce'], made.faults)\n"
        "print([name for name in ('torch', 'enco_monce.method') if name in sys.modules])"
    )
    runs, heavy = python(monce, "-c", code).splitlines()
    assert runs == "['monce', 'monce', 'monce'] []" and heavy == "[]"


def test_a_training_records_the_package_and_its_code(monce: Path, tmp_path: Path) -> None:
    options = [word for option in TINY for word in ("--set", option)]
    where = ["--data", write_images(tmp_path / "data"), "--out", tmp_path / "run", "--device", "cpu", "--workers", "0"]
    python(monce, "-m", "enco.train", "--method", "monce", *where, "--epochs", "1", "1", "--threads", "1", *options)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["versions"]["enco-monce"] == "0.1.0"
    assert {"enco_monce/__init__.py", "enco_monce/method.py"} <= record["sources"].keys()


@pytest.mark.slow
def test_the_example_does_what_every_method_must(monce: Path) -> None:
    said = python(monce, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "enco.contract", "-k", "[monce]")
    assert "15 passed" in said
