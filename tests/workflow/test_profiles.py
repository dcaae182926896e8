"""The profiles name what exists, and none undoes what another says."""

from __future__ import annotations

import re
import subprocess
import sys
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


SLURM = ROOT / "profiles" / "slurm" / "config.yaml"
WITHOUT_GPU = re.compile(r"^  # (\w+): \{slurm_partition", re.MULTILINE)
"""The commented lines that send a rule to a partition without GPUs."""


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


def test_every_rule_that_is_submitted_has_a_gpu_or_a_line_for_another_partition(rules: dict[str, str]) -> None:
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    local = re.findall(r"^    (\w+),$", snakefile.partition("localrules:")[2].partition("\nrule ")[0], re.MULTILINE)
    submitted = {name for name, text in rules.items() if "    output:" in text and name not in local}
    listed = WITHOUT_GPU.findall(SLURM.read_text(encoding="utf-8"))
    assert sorted([*listed, *profile("slurm")["set-resources"]]) == sorted(submitted)


@pytest.mark.slow
def test_names_of_a_site_reach_slurm_as_they_are_written(tmp_path: Path) -> None:
    """Snakemake computes the values of resources: `all` is a function, and YAML takes 0123 for 83."""
    text = SLURM.read_text(encoding="utf-8").replace("'gpu'", "'all'").replace("'default'", "'0123'")
    text = re.sub(r"^  # (?=(constraint|gpu_model|qos): )", "  ", text, flags=re.MULTILINE)
    (tmp_path / "config.yaml").write_text(WITHOUT_GPU.sub(r"  \1: {slurm_partition", text), encoding="utf-8")
    rules = "".join(f"rule {name}:\n    output: '{name}'\n" for name in ("evaluate", "figure"))
    (tmp_path / "Snakefile").write_text(rules)
    placed = ("--snakefile", str(tmp_path / "Snakefile"), "--profile", str(tmp_path), "-n", "evaluate", "figure")
    done = subprocess.run([sys.executable, "-m", "snakemake", *placed], cwd=ROOT, capture_output=True, text=True)
    said = [line.strip() for line in done.stdout.splitlines() if "    resources: " in line]
    assert len(said) == 2, done.stdout + done.stderr
    assert any(
        "slurm_partition=all, slurm_account=0123, constraint=a100, gpu_model=a100, qos=normal" in x for x in said
    )
    assert any("slurm_partition=cpu, slurm_account=0123, constraint=, " in line for line in said)


def test_timing_has_its_machine_alone() -> None:
    assert profile("slurm")["set-resources"]["timing"]["slurm_extra"] == "'--exclusive'"
    workstation = profile("gpu")
    assert workstation["set-resources"]["timing"]["gpu"] == workstation["resources"]["gpu"]


def test_the_three_lines_to_edit_come_first() -> None:
    lines = (ROOT / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8").splitlines()
    keys = [match[1] for line in lines if (match := re.match(r" *(?:# )?(\w+): ", line))]
    assert keys[:3] == ["slurm_partition", "slurm_account", "constraint"]
