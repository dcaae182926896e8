"""Trainings of a scale that start from generator files: which runs they are, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from enco.io.files import sha256
from enco.methods.parts.generator_file import save_generator
from enco.training.identity import settings_of
from tests.support.tiny_methods import tiny_method
from workflow.plan.plan import Plan

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "g.safetensors"
    save_generator(tiny_method("cut"), path)
    return path


def variants(init: dict[str, Any], base: Path = ROOT) -> dict[tuple[str, str], str]:
    runs = Plan.load({**TINY, "tables": {"t": TINY["tables"]["methods"]}, "init": init}, base).grid.runs
    return {(run.task, run.config.method): run.variant for run in runs}


def test_a_methods_runs_have_the_digest_in_their_name_and_settings(file: Path) -> None:
    found = variants({"cut": str(file)})
    named = f"cut+init={sha256(file)[:8]}"
    assert {found[task, "cut"] for task in ("cityscapes", "horse2zebra", "zebra2horse")} == {named}
    assert found["horse2zebra", "enco"] == "enco"
    runs = Plan.load({**TINY, "init": {"cut": str(file)}}, ROOT).grid.runs
    assert {settings_of(run.config)["init"] for run in runs if run.variant == named} == {sha256(file)}


def test_a_file_of_one_task_is_of_no_other(file: Path) -> None:
    found = variants({"cut": {"horse2zebra": str(file)}})
    assert found["horse2zebra", "cut"].startswith("cut+init=") and found["zebra2horse", "cut"] == "cut"


def test_the_digest_names_the_run_and_the_path_does_not(file: Path, tmp_path: Path) -> None:
    shutil.copy(file, tmp_path / "copy")
    assert variants({"cut": str(file)}) == variants({"cut": str(tmp_path / "copy")})
    shutil.copy(file, tmp_path / "in the folder of the project")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    assert variants({"cut": str(file)}) == variants({"cut": "in the folder of the project"}, tmp_path)
    save_generator(tiny_method("cut", seed=5), tmp_path / "copy")
    assert variants({"cut": str(file)}) != variants({"cut": str(tmp_path / "copy")})


def test_a_file_whose_digest_is_given_in_full_may_be_gone(file: Path) -> None:
    init = {"cut": {"path": str(file), "sha256": sha256(file)}}
    planned = variants(init)
    file.unlink()
    assert variants(init) == planned
    with pytest.raises(UserError, match=r"is no file: name a .* or give the full sha256"):
        variants({"cut": {"path": str(file), "sha256": init["cut"]["sha256"][:63]}})


def test_a_run_of_both_directions_has_one_file(file: Path) -> None:
    with pytest.raises(UserError, match=r"'init' of zebra2horse .* cannot hold for cyclegan"):
        variants({"cyclegan": {"zebra2horse": str(file)}})
    assert variants({"cyclegan": {"horse2zebra": str(file)}})["horse2zebra", "cyclegan"].startswith("cyclegan+init=")


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ({"cuts": "g"}, r"Unknown method 'cuts' in 'init' of scale tiny"),
        ({"cut": {"horses": "g"}}, r"Unknown task 'horses' in 'init.cut' of scale tiny"),
        ({"cut": "nothing"}, r"The generator to start from, .*/nothing, is no file"),
        ({"cut": {"path": "g", "sha256": "0123abcd"}}, r"SHA-256 begins with \w{12}, not with 0123abcd"),
    ],
)
def test_mistakes_are_one_sentence(file: Path, init: dict[str, Any], message: str) -> None:
    base = file.parent
    shutil.copytree(ROOT / "config", base / "config")
    shutil.copy(file, base / "g")
    shutil.copy(file, base / "horses")
    with pytest.raises(UserError, match=message):
        variants(init, base)
