"""The profiles name what exists, and none undoes what another says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.parent.name for path in ROOT.glob("profiles/*/config.yaml"))
COMPUTES = re.compile(
    r"evaluate\.extractor\(|weights\.features_beside"
    r"|python -m (enco\.train|eval\.timing|eval drn-train|eval segmentation)"
)
"""What a rule has that extracts features, trains, times, or segments."""


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rules() -> dict[str, str]:
    """The text of every rule by name."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("workflow/rules/*.smk"))
    _, *parts = re.split(r"^(?:rule |checkpoint |use rule \w+ as )(\w+)(?: with)?:", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("name", PROFILES)
def test_rules_that_get_resources_exist(name: str, rules: dict[str, str]) -> None:
    content = profile(name)
    assert {*content.get("set-resources", {}), *content.get("set-threads", {})} <= rules.keys()


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "default"])
def test_the_default_profile_overrides_no_other_and_configurations_exist(name: str) -> None:
    content = profile(name)
    assert not content.keys() & profile("default").keys()
    assert (ROOT / content["configfile"]).is_file()


def test_every_rule_that_computes_on_a_gpu_asks_for_one(rules: dict[str, str]) -> None:
    slurm, gpu = profile("slurm")["set-resources"], profile("gpu")["set-resources"]
    assert slurm.keys() == gpu.keys() == {name for name, text in rules.items() if COMPUTES.search(text)}
    assert all(resources["gpu"] == 1 for resources in slurm.values())


def test_timing_has_its_machine_alone() -> None:
    assert profile("slurm")["set-resources"]["timing"]["slurm_extra"] == "'--exclusive'"
    workstation = profile("gpu")
    assert workstation["set-resources"]["timing"]["gpu"] == workstation["resources"]["gpu"]


def test_the_three_lines_to_edit_come_first() -> None:
    lines = (ROOT / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8").splitlines()
    keys = [match[1] for line in lines if (match := re.match(r" *(?:# )?(\w+): ", line))]
    assert keys[:3] == ["slurm_partition", "slurm_account", "constraint"]
