"""Write environment.yml from pyproject.toml and requirements.lock: `python -m tests.support.conda`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADER = """\
# The environment of requirements.lock for conda users (written by `make lock`):
#   conda env create -f environment.yml && conda activate enco && pip install --no-deps -e .
name: enco
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def environment() -> str:
    """Return the text of environment.yml: every direct dependency at its locked version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[<>=]", d)[0] for d in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    return HEADER + "".join(f"      - {name}=={locked()[name]}\n" for name in names)


def locked() -> dict[str, str]:
    """Version by package for Python 3.11; lines for other versions are passed over."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if ">= '3.12'" not in line]
    return dict(line.split(" ;")[0].strip().split("==") for line in lines)


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment(), encoding="utf-8")
