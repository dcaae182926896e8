"""What Snakemake plans, and makes, after an edit of methods, drawings or metrics: real calls in a copy of the code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from enco.io.files import read_json, sha256

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "enco", "eval", "config", "profiles", "environment.yml", "pyproject.toml")
RUNS = Path("results", "tiny", "runs", "horse2zebra")
TARGETS = [RUNS / method / "seed0" / "run.json" for method in ("cut", "cyclegan")]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code in which two methods are trained."""
    folder = tmp_path_factory.mktemp("clone")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    shutil.copy(ROOT / "tests" / "support" / "tiny.yaml", folder / "tiny.yaml")
    snakemake(folder)
    return folder


def snakemake(clone: Path, *words: str, targets: Sequence[Path] = TARGETS) -> str:
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", *map(str, targets), "--configfile", "tiny.yaml", *words]
    environment = {**os.environ, "PATH": binaries, "PYTHONPATH": str(clone)}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_edited_method_is_trained_again_and_nothing_else_is(clone: Path) -> None:
    run, weights = clone / RUNS / "cut" / "seed0", sha256(clone / RUNS / "cut" / "seed0" / "generator.safetensors")
    edit(clone / "enco" / "methods" / "cut.py", '"""', '"""Other words. ')
    edit(clone / "eval" / "metrics" / "fid.py", "import numpy as np\n", "import numpy as np\n\nUNUSED = 1\n")
    assert "Nothing to be done" in snakemake(clone, "-n")

    edit(clone / "enco" / "methods" / "cut.py", "return (0.5 if", "return (0.25 if")
    planned = snakemake(clone, "-n")
    assert planned.count("Train ") == 1
    assert "Train cut on horse2zebra, seed 0 (the code in enco/methods/cut.py)" in planned
    assert "Nothing to be done" in snakemake(clone, "-n", "--config", "changed_code=keep")

    (clone / ".snakemake").rename(clone / "away")
    unnoticed = snakemake(clone, "-n")
    assert unnoticed.count("Train ") == 0
    assert "of the finished trainings 1 not as asked for (cut on horse2zebra first: the code in enco/" in unnoticed
    assert "Train cut" in snakemake(clone, "-n", "--forcerun", str(TARGETS[0]))
    shutil.rmtree(clone / ".snakemake")
    (clone / "away").rename(clone / ".snakemake")
    assert "taken as they are" not in snakemake(clone, "-n")

    snakemake(clone)
    assert (
        sha256(run / "generator.safetensors")
        != weights
        == sha256(run / "earlier-1" / "finished" / "generator.safetensors")
    )
    assert "Nothing to be done" in snakemake(clone, "-n")


def test_a_finished_training_is_finished_whatever_is_lost_or_made_again(clone: Path) -> None:
    folder = clone / RUNS / "cyclegan" / "seed0"
    before = sha256(folder / "generator.safetensors"), read_json(folder / "run.json")
    shutil.rmtree(folder / "checkpoints")
    settings = ["--config", "workers=1", "train={'log_every': 3, 'checkpoint_every': 4}"]
    assert "Nothing to be done" in snakemake(clone, "-n", *settings)
    snakemake(clone, "--force", *settings)
    assert (sha256(folder / "generator.safetensors"), read_json(folder / "run.json")) == before
    logs = [file.read_text() for file in (clone / "results" / "tiny" / "logs" / "train").glob("*cyclegan*")]
    assert any("is finished: its result is there, nothing is trained." in text for text in logs)
    assert not (folder / "checkpoints").exists()


def test_an_edited_metric_is_scored_again_and_nothing_is_trained(clone: Path) -> None:
    scores = RUNS / "cyclegan" / "seed0" / "eval" / "horse2zebra.final.json"
    snakemake(clone, targets=[scores])
    fid, known = clone / "eval" / "metrics" / "fid.py", read_json(clone / scores)
    edit(fid, '"""', '"""Other words. ')
    edit(clone / "eval" / "tables" / "marks.py", "from collections", "import sys as unused\nfrom collections")
    assert "Nothing to be done" in snakemake(clone, "-n", targets=[scores])

    edit(fid, "return ", "return 2.0 * ")
    planned = snakemake(clone, "-n", targets=[scores])
    assert planned.count("Translate and score ") == 1
    assert "Train " not in planned
    snakemake(clone, targets=[scores])
    made = read_json(clone / scores)
    assert made["protocol"]["code"] != known["protocol"]["code"]
    doubled = 2 * known["metrics"]["paired"]["frechet_distance"]
    assert made["metrics"]["paired"]["frechet_distance"] == pytest.approx(doubled)
    assert "Nothing to be done" in snakemake(clone, "-n", targets=[scores])


def test_the_code_of_a_table_is_its_own_and_its_templates(clone: Path) -> None:
    def codes() -> list[str]:
        ask = (
            "from eval.provenance import *; print(code_of('eval.tables.write'), code_of(*SCORES), code_of(*RESAMPLING))"
        )
        environment = {**os.environ, "PYTHONPATH": str(clone)}
        done = subprocess.run([sys.executable, "-c", ask], cwd=clone, env=environment, capture_output=True, check=True)
        return done.stdout.decode().split()

    before = codes()
    template = next(clone.glob("eval/tables/templates/*"))
    template.write_text(template.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    after = codes()
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_images_are_drawn_again_where_their_drawing_is_edited(clone: Path) -> None:
    drawings, image = clone / "enco" / "datasets" / "demo", Path("horse2zebra", "trainA", "horse_0000.png")
    edit(drawings / "afhq.py", "EAR = [(0.2, -0.8)", "EAR = [(0.3, -0.8)")
    edit(drawings / "horse2zebra.py", '"""', '"""Other words. ')
    assert "Nothing to be done" in snakemake(clone, "-n")

    drawn, trained = (clone / "results" / "tiny" / "data" / image), clone / RUNS / "cut" / "seed0" / "run.json"
    before = sha256(drawn), read_json(trained)["data_hash"]
    edit(drawings / "horse2zebra.py", "BRINDLE = 0.6", "BRINDLE = 0.1")
    snakemake(clone)
    assert sha256(drawn) != before[0]
    assert read_json(trained)["data_hash"] != before[1]
    assert "Nothing to be done" in snakemake(clone, "-n")
