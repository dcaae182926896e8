"""What `python -m enco.methods new` begins with: one file is found, planned and trained."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from enco import methods
from enco.errors import UserError
from enco.methods.new import renamed
from tests.support.tiny_methods import batch_for, tiny_method
from tests.support.tiny_runs import write_images
from tests.workflow.test_own_row import ROOT, plan
from tests.workflow.test_own_row import own_file as own_file

EXAMPLE = renamed("mine.py", "mine")
TINY = ["ngf=4", "ndf=4", "n_blocks=1", "crop_size=32", "load_size=32"]


@pytest.fixture
def mine(own_file: Path) -> None:
    """Write the example as the file of a method `mine`."""
    own_file.write_text(EXAMPLE)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Copy the package, with the example added."""
    copy = shutil.copytree(ROOT / "enco", tmp_path / "enco", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "methods" / "mine.py").write_text(EXAMPLE)
    return copy


def python(package: Path, *arguments: str | Path) -> str:
    """Run Python where the copy is the package that is found first; return stdout."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{ROOT}"}
    return subprocess.run(
        command, cwd=package.parent, env=environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


@pytest.mark.usefixtures("mine")
def test_the_example_is_found() -> None:
    assert methods.broken() == {}
    assert methods.info("mine").label == "Mine"
    assert methods.get("mine").info is methods.info("mine")


@pytest.mark.usefixtures("mine")
def test_a_row_of_the_example_is_planned() -> None:
    made = plan({"key": "mine", "label": "Mine"})
    assert made.grid.faults == {}
    added = set(made.grid.runs) - set(plan().grid.runs)
    assert added and {run.config.method for run in added} == {"mine"}
    assert all(run.config.options["lambda_l1"] == 10 for run in added)


@pytest.mark.parametrize(
    ("returned", "what"),
    [
        ("None", "returns nothing: return a dict"),
        ("g_terms['l1']", "returns a tensor of shape []: return a dict"),
        ("d_terms | {'a': 1.0}", "returns a value of type float as 'a': return a dict"),
        ("d_terms | {'a': fake}", "returns a tensor of shape [1, 3, 32, 32] as 'a': return a dict"),
        ("d_terms | {'a': None}", "returns nothing as 'a': return a dict"),
    ],
)
def test_an_update_that_returns_no_scalars_is_told_by_method_and_term(own_file: Path, returned: str, what: str) -> None:
    own_file.write_text(EXAMPLE.replace("return d_terms | g_terms", f"return {returned}"))
    method = tiny_method("mine")
    with pytest.raises(UserError) as error:
        method.step(batch_for(method, 0))
    assert str(error.value).startswith(f"`update` of the method 'mine' {what}")


def test_a_method_that_adds_no_networks_is_refused_once_it_is_built(own_file: Path) -> None:
    own_file.write_text(EXAMPLE.replace("self.add_networks(", "dict("))
    for build in (tiny_method, lambda name: methods.on_paper(name, {})):
        with pytest.raises(
            UserError, match=r"'mine' cannot be used: it has no network 'generator', so call `self\.add_n"
        ):
            build("mine")


def test_the_example_trains_by_the_command(package: Path, tmp_path: Path) -> None:
    data, out = write_images(tmp_path / "data"), tmp_path / "run"
    options = [word for option in TINY for word in ("--set", option)]
    where = ["--data", data, "--out", out, "--device", "cpu", "--threads", "1", "--workers", "0"]
    python(package, "-m", "enco.train", "--method", "mine", *where, "--epochs", "1", "1", *options)
    record = json.loads((out / "run.json").read_text())
    assert record["config"]["method"] == "mine" and "enco/methods/mine.py" in record["sources"]
    assert "l1" in (out / "metrics.jsonl").read_text()
    assert (out / "generator.safetensors").is_file()


def test_settings_apart_plan_without_torch(package: Path) -> None:
    imports, rest = EXAMPLE.split("class MineOptions")
    settings, method = rest.split("class Mine(")
    apart = [line for line in imports.splitlines() if "torch" not in line and "enco." not in line]
    settings_file = "\n".join(
        [*apart, "from enco.options.base import MethodInfo, MethodOptions", f"class MineOptions{settings}"]
    )
    (package / "options" / "mine.py").write_text(settings_file)
    (package / "methods" / "mine.py").write_text(
        f"{imports}from enco.options.mine import INFO, MineOptions\nclass Mine({method}"
    )
    say = "import sys; from enco import methods; print(methods.info('mine').label, 'torch' in sys.modules)"
    assert python(package, "-c", say).split() == ["Mine", "False"]
    assert "lambda_l1" in python(package, "-m", "enco.methods", "mine")
