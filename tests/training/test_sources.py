"""Which edits of the code make a finished training one of other code, and which do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from enco.methods import available
from enco.training.sources import PACKAGE, changed_files, method_sources
from workflow.inputs.train import sources_of
from workflow.plan.scale import load_scale
from workflow.project import Project

Edit = Callable[[str, str, str], None]
as_it_is = cache(method_sources)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return shutil.copytree(PACKAGE, tmp_path / "enco", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def edit(package: Path) -> Edit:
    def replace(file: str, old: str, new: str) -> None:
        text = (package / file).read_text(encoding="utf-8")
        assert old in text
        (package / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def changed(package: Path, method: str) -> list[str]:
    return changed_files(as_it_is(method), method_sources(method, package))


def test_how_files_are_read_and_users_are_told_decides_no_weights() -> None:
    found = {file for name in available() for file in method_sources(name)}
    assert not [file for file in found if Path(file).parent.name in ("enco", "io", "config")]


def test_a_copy_elsewhere_has_the_same_digests(package: Path) -> None:
    assert all(not changed(package, name) for name in available())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("methods/cut.py", "class Cut(Method):", "# a comment\nclass Cut(Method):"),
        ("methods/cut.py", '"""', '"""Another docstring. '),
        ("options/cut.py", 'description="', 'description="In other words: '),
        (
            "methods/cut.py",
            "from enco.methods.parts.optim import adam, frozen, minimize",
            "from enco.methods.parts.optim import adam, minimize, frozen",
        ),
        ("methods/base.py", "This {self.info.label} is one-sided", "{self.info.label} has one side"),
        ("methods/base.py", "def set_rates(self) -> None:", "def set_rates(self) -> Any:"),
        ("methods/cut.py", "import torch\n", "import torch\nfrom collections.abc import Iterable\n"),
        ("methods/munit.py", "lr_gamma**cuts", "lr_gamma**(cuts + 1)"),
        ("methods/__init__.py", "def infos(", "from enco.methods import mine\n\n\ndef infos("),
        ("losses/terms.py", "def mode_seeking(", "def new_loss() -> None: ...\n\n\ndef mode_seeking("),
        ("config/run.py", "class RunConfig(Settings):", "class RunConfig(Settings):\n    note: str = ''\n"),
        ("tracking/follower.py", "FOLLOW_SECONDS = 10.0", "FOLLOW_SECONDS = 20.0"),
        ("train.py", "DIVERGED = 3", "DIVERGED = 4"),
        ("losses/distance.py", "import torch\n", "import torch\n\nUNUSED = 1\n"),
    ],
)
def test_what_does_not_touch_cut(file: str, old: str, new: str, package: Path, edit: Edit) -> None:
    edit(file, old, new)
    assert changed(package, "cut") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "methods"),
    [
        (
            "methods/cut.py",
            "def update(self, batch: Batch)",
            "def update(self, batch: Batch, unused: int = 0)",
            {"cut", "negcut", "qs_attn"},
        ),
        ("methods/munit.py", "lr_gamma**cuts", "lr_gamma**(cuts + 1)", {"munit"}),
        ("options/drit.py", "self.batch_size * self.d_iter", "self.batch_size", {"drit"}),
        (
            "options/sampling.py",
            "DEFAULT_BETA = 0.5",
            "DEFAULT_BETA = 0.6",
            {"cut", "dclgan", "enco", "negcut", "qs_attn"},
        ),
        ("methods/parts/optim.py", "fused=", "foreach=False, fused=", set(available())),
        ("training/iterations.py", "if step == 1:", "if step == 2:", set(available())),
        (
            "training/train_step.py",
            "self.method.begin_epoch(epoch)",
            "self.method.begin_epoch(epoch + 1)",
            set(available()),
        ),
        ("data/unpaired.py", "rng.random() < 0.5", "rng.random() < 0.6", set(available())),
        ("data/folders.py", "ImageOps.exif_transpose(image, in_place=True)", "pass", set(available())),
        ("losses/terms.py", "def mode_seeking(", "def mode_seeking(unused: int, ", {"drit"}),
        ("methods/parts/schedule.py", "self.n_decay + 1", "self.n_decay + 2", set(available())),
    ],
)
def test_what_touches_whom(file: str, old: str, new: str, methods: set[str], package: Path, edit: Edit) -> None:
    edit(file, old, new)
    assert {name: files for name in available() if (files := changed(package, name))} == {
        name: [f"enco/{file}"] for name in methods
    }


def test_a_method_in_its_own_file_and_what_only_it_imports(package: Path, edit: Edit) -> None:
    (package / "networks" / "mine.py").write_text("SIZE = 3\nOTHER = 4\n")
    text = (
        "from .base import Method\nfrom ..networks import mine as nets\n\nclass Mine(Method):\n    size = nets.SIZE\n"
    )
    (package / "methods" / "mine.py").write_text(text)
    before = method_sources("mine", package)
    assert {"enco/methods/mine.py", "enco/methods/base.py", "enco/networks/mine.py"} <= before.keys()
    assert all(not changed(package, name) for name in available())
    edit("networks/mine.py", "SIZE = 3", "SIZE = 5")
    assert changed_files(before, method_sources("mine", package)) == ["enco/networks/mine.py"]


def test_an_import_within_a_function_counts(package: Path, edit: Edit) -> None:
    (package / "networks" / "late.py").write_text("VALUE = 1\n")
    edit(
        "methods/cut.py",
        "    def build_optimizers(",
        "    def late(self):\n        from enco.networks.late import VALUE\n\n    def build_optimizers(",
    )
    before = method_sources("cut", package)
    edit("networks/late.py", "1", "2")
    assert changed_files(before, method_sources("cut", package)) == ["enco/networks/late.py"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from math import sin as found", "from math import cos as found"),
        ("import math as found", "import cmath as found"),
        (
            "from enco.losses.terms import l1 as found, summed as rest",
            "from enco.losses.terms import summed as found, l1 as rest",
        ),
    ],
)
def test_what_a_name_stands_for_counts(before: str, after: str, package: Path, edit: Edit) -> None:
    edit("methods/cut.py", "class Cut(Method):", f"{before}\n\nclass Cut(Method):\n    used = found\n")
    known = method_sources("cut", package)
    edit("methods/cut.py", before, after)
    assert changed_files(known, method_sources("cut", package)) == ["enco/methods/cut.py"]


def test_a_definition_within_a_try_counts(package: Path, edit: Edit) -> None:
    (package / "networks" / "mine.py").write_text(
        "try:\n    from math import tau\nexcept ImportError:\n    tau = 6\nelse:\n    def found(): return 1\n"
    )
    edit(
        "methods/cut.py",
        "class Cut(Method):",
        "from enco.networks.mine import found\n\n\nclass Cut(Method):\n    used = found\n",
    )
    known = method_sources("cut", package)
    edit("networks/mine.py", "return 1", "return 2")
    assert changed_files(known, method_sources("cut", package)) == ["enco/networks/mine.py"]


def test_asking_needs_no_torch() -> None:
    code = "import sys; from enco.training.sources import method_sources; method_sources('enco')"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_version_of_python_says_the_same(version: str) -> None:
    python = shutil.which(f"python{version}")
    code = "from enco.training.sources import method_sources; print(method_sources('drit'))"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    if not python or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"needs a Python {version}")
    said = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(method_sources("drit"))


def test_planning_reads_the_code_of_a_method_once_for_all_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reached(modules: list[str], package: Path, aside: set[str]) -> list[Any]:
        read.append(modules[0])
        return []

    sources_of.cache_clear()
    monkeypatch.setattr("enco.training.sources._reached", reached)
    project = Project.load(load_scale(PACKAGE.parent / "config" / "paper.yaml").model_dump(), base=PACKAGE.parent)
    for run in project.plan.grid.runs:
        project.train.plan_id(SimpleNamespace(task=run.task, variant=run.variant, seed=str(run.seed)))  # type: ignore[arg-type]
    project.timing.code()
    sources_of.cache_clear()
    assert sorted(read) == sorted(f"enco.methods.{name}" for name in available())
