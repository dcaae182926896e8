"""Files that other tools read: the citation, and the hooks of pre-commit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["references"][0]["identifiers"][0]["value"] == "arXiv:2211.10867"


def test_pre_commit_runs_what_make_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["entry"].removeprefix(".venv/bin/") for hook in hooks}
    script = (ROOT / "tests" / "run.sh").read_text()
    checks = re.findall(
        r"(?:^|[{&] )(ruff[^.\n&]*?|snakefmt --check|snakemake --lint|lint-imports|mypy)(?= \.| Snakefile|;|\n)",
        script,
        re.M,
    )
    assert len(checks) == 6 and set(checks) <= entries
    assert "make check" in entries
