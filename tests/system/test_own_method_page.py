"""docs/own-method.md: each of its commands, in its order, in a copy of the project, on smaller images."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from enco.io.files import read_json
from tests.support.own_methods import INSTALL, copy_project, follow_links
from tests.support.pipeline import ENVIRONMENT, ROOT, TINY

pytestmark = pytest.mark.slow

SHORT = {key: yaml.safe_load(TINY.read_text())[key] for key in ("data", "epochs", "train", "features", "timing")}
SIZES = {"all": {"ngf": 4, "ndf": 4, "crop_size": 32, "load_size": 36}}


def commands() -> list[str]:
    """The commands of the page, by lines."""
    page = (ROOT / "docs" / "own-method.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines()]


class Walk:
    """A copy of the project, in which commands of the page are run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.packages = copy_project(folder / "project"), follow_links(folder / "packages")
        self.environment = {**ENVIRONMENT, "PYTHONPATH": f"{self.packages}:{self.folder}:{ROOT}"}

    def run(self, command: str) -> str:
        """Run a command; an installation goes to a folder of its own, and Snakemake forks its jobs, which is fast."""
        words = shlex.split(command)
        if words[0] == "snakemake":
            words = [sys.executable, "-m", "workflow.jobs.launch", *words[1:]]
        if words[:3] == ["uv", "pip", "install"]:
            words = [*INSTALL, "--target", str(self.packages), *words[4:]]
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"
        return done.stdout

    def shorten(self, config: str) -> None:
        """Make a scale as small as tests/support/tiny.yaml, of one seed, without seconds, which cost most."""
        path = self.folder / config
        scale = yaml.safe_load(path.read_text()) | {"seeds": [0]}
        for table in scale["tables"].values():
            table["columns"] = [column | {"metrics": ["FID"]} for column in table["columns"]]
        options = {
            name: {k: 16 if k == "patches" else v for k, v in own.items()} for name, own in scale["options"].items()
        }
        options = {**options, **SIZES, "enco": {**options["enco"], "load_size": 32}}
        path.write_text(
            yaml.safe_dump(scale | SHORT | {"options": options, "copy_steps": {"default": 2}}, allow_unicode=True)
        )

    def add_row(self) -> None:
        """Add the row that the page adds to Table 1."""
        path = self.folder / "config" / "tables.yaml"
        before = "      - {key: cyclegan,     label: CycleGAN}\n"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, f"      - {{key: mine, label: Mine}}\n{before}", 1))


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Walk, dict[str, str]]:
    """Walk the page; return where, and what each command said."""
    walk, said = Walk(tmp_path_factory.mktemp("walk")), {}
    for command in commands():
        if "paper.yaml" in command:
            walk.add_row()
        if "monce.yaml" in command:
            walk.shorten("examples/monce/monce.yaml")
        said[command] = walk.run(command)
        if " new " in command:
            walk.shorten("config/mine.yaml")
    return walk, said


def of(said: dict[str, str], *words: str) -> str:
    (found,) = (text for command, text in said.items() if all(word in command for word in words))
    return found


def test_both_methods_pass_the_contract_and_have_right_gradients(walked: tuple[Walk, dict[str, str]]) -> None:
    _, said = walked
    for name in ("mine", "monce"):
        assert "15 passed" in of(said, "enco.contract", f"[{name}]")
        assert "2 passed, 0 failed" in of(said, f"enco.selftest --methods {name}")
    assert "lambda_l1" in of(said, "python -m enco.methods mine")
    assert "epsilon" in of(said, "python -m enco.methods monce")


def test_the_row_stands_beside_the_papers_numbers(walked: tuple[Walk, dict[str, str]]) -> None:
    walk, _ = walked
    for name in ("mine", "monce"):
        table = pd.read_csv(walk.folder / "results" / f"{name}.csv", comment="#", index_col=0)
        (paper,) = (column for column in table if column.endswith("FID (paper)"))
        assert str(table.loc["enco", paper]) == "39.1" and str(table.loc["cut", paper]) == "45.5"
        assert pd.isna(table.loc[name, paper])
    assert (walk.folder / "results" / "figures" / "horse2zebra.png").stat().st_size > 0


def test_three_seeds_train_six_more_and_print_their_spread(walked: tuple[Walk, dict[str, str]]) -> None:
    walk, said = walked
    assert len(re.findall(r": Train \w+ on horse2zebra", of(said, "config/mine.yaml", "seeds="))) == 6
    assert "n=3" in (walk.folder / "results" / "mine.md").read_text()


def test_nothing_is_trained_twice(walked: tuple[Walk, dict[str, str]]) -> None:
    _, said = walked
    assert "Train " not in of(said, "snakemake -n", "mine.yaml")


def test_the_plan_at_the_papers_scale_has_both_rows(walked: tuple[Walk, dict[str, str]]) -> None:
    _, said = walked
    planned = of(said, "paper.yaml")
    assert {name: planned.count(f": Train {name} on horse2zebra") for name in ("mine", "enco", "cut")} == {
        "mine": 3,
        "enco": 3,
        "cut": 0,
    }


def test_the_run_of_a_package_says_which_and_has_its_code(walked: tuple[Walk, dict[str, str]]) -> None:
    walk, _ = walked
    (record,) = (read_json(path) for path in walk.folder.glob("results/monce/runs/*/monce/seed0/run.json"))
    assert record["versions"]["enco-monce"] == "0.1.0" and "enco_monce/method.py" in record["sources"]


def test_an_edited_package_trains_again_and_nothing_else_does(walked: tuple[Walk, dict[str, str]]) -> None:
    walk, _ = walked
    plan = "snakemake -n results/monce.csv --configfile examples/monce/monce.yaml"
    assert ": Train " not in walk.run(plan)
    method = walk.folder / "examples" / "monce" / "enco_monce" / "method.py"
    text = method.read_text()
    method.write_text(text.replace("torch.stack(losses).mean()", "2 * torch.stack(losses).mean()"))
    try:
        assert re.findall(r": Train (\w+) on", walk.run(plan)) == ["monce"]
    finally:
        method.write_text(text)
