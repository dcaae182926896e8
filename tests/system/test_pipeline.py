"""The whole pipeline through real Snakemake, at the size of tests/support/tiny.yaml."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from enco.io.files import read_json, sha256
from eval.tables.figure import CAPTION, MARGIN
from workflow.plan.part import EXAMPLE
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "support" / "tiny.yaml"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def snakemake(*arguments: str | Path, cwd: Path = ROOT, check: bool = True) -> str:
    """Run Snakemake as a user does and return all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def pipeline(folder: Path, *arguments: str, config: Path = TINY, check: bool = True) -> str:
    """The pipeline with its results in a folder."""
    return snakemake(*_placed(folder, config), *arguments, check=check)


def _placed(folder: Path, config: Path) -> list[str]:
    return ["--configfile", str(config), "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]


def weights(folder: Path) -> dict[str, str]:
    """SHA-256 of every trained generator, by run."""
    files = sorted((folder / "results").rglob("seed*/generator.safetensors"))
    return {str(file.relative_to(folder).parent): sha256(file) for file in files}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything was made, undisturbed."""
    folder = tmp_path_factory.mktemp("pipeline")
    pipeline(folder, "all_tables", "figures")
    return folder


def test_every_cell_is_a_number(done: Path) -> None:
    cells = pd.read_csv(done / "results" / "cells.csv")
    headline = cells[cells["table"] == "methods"]
    assert headline["value"].notna().all()
    assert set(headline["row"]) == {"cyclegan", "cut", "enco"}


def test_tables_have_every_format_and_say_what_they_are(done: Path) -> None:
    for suffix in ("csv", "md", "tex", "html"):
        text = (done / "results" / f"methods.{suffix}").read_text()
        assert "No number" not in text and "CycleGAN" in text
    assert "not comparable" in (done / "results" / "methods.md").read_text()


def test_two_tables_and_two_directions_share_trainings(done: Path) -> None:
    assert set(weights(done)) == {
        f"results/tiny/runs/{run}/seed0"
        for run in (
            *("cityscapes/cyclegan", "cityscapes/cut", "cityscapes/enco"),
            *("horse2zebra/cyclegan", "horse2zebra/cut", "horse2zebra/enco", "horse2zebra/enco+k=1"),
            *("zebra2horse/cut", "zebra2horse/enco"),
        )
    }
    scores = read_json(done / "results/tiny/runs/horse2zebra/cyclegan/seed0/eval/zebra2horse.final.json")
    assert scores["task"] == "zebra2horse"


def test_figures_are_pictures(done: Path) -> None:
    from PIL import Image

    picture = Image.open(done / "results" / "figures" / "methods.png")
    assert picture.width > 5 * 128 and picture.height > 6 * 128
    source = picture.crop((MARGIN, CAPTION, MARGIN + 128, CAPTION + 128))  # as networks see it, at 32 pixels
    assert source == source.resize((32, 32), Image.Resampling.NEAREST).resize((128, 128), Image.Resampling.NEAREST)


def test_mlflow_holds_every_run_finished_and_with_its_scores(done: Path) -> None:
    client = MlflowClient(f"sqlite:///{done / 'results' / 'mlflow.db'}")
    runs = [run for e in client.search_experiments() for run in client.search_runs([e.experiment_id])]
    assert len(runs) == 9
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(any("FID" in name for name in run.data.metrics) for run in runs)
    assert {"task", "method", "variant", "seed", "config_hash", "commit", "scale", "state"} <= set(runs[0].data.tags)


def test_a_second_call_does_nothing(done: Path) -> None:
    begin = time.monotonic()
    said = pipeline(done, "all_tables")
    assert "Nothing to be done" in said
    assert time.monotonic() - begin < 30


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    """A copy of the finished pipeline, to change."""
    return Path(shutil.copytree(done, tmp_path / "copied", symlinks=True))


def with_rows(folder: Path, *rows: dict[str, Any]) -> Path:
    """The tiny scale with more rows in its table of samplings."""
    config = yaml.safe_load(TINY.read_text())
    config["tables"]["sampling"]["rows"] += rows
    (folder / "rows.yaml").write_text(yaml.safe_dump(config))
    return folder / "rows.yaml"


def test_a_part_of_a_table_keeps_the_whole_and_the_current_one_follows(copied: Path) -> None:
    whole, current = copied / "results" / "tiny" / "seed0" / "sampling.csv", copied / "results" / "sampling.csv"
    before = whole.read_bytes()
    pipeline(copied, "results/sampling.csv", "--config", "only={tables: [sampling], rows: [default]}")
    assert list(pd.read_csv(current, comment="#")["row"]) == ["default"]
    assert "# Part of the table: only tables sampling; rows default" in current.read_text()
    assert set(pd.read_csv(copied / "results" / "sampling.cells.csv")["row"]) == {"default"}
    assert whole.read_bytes() == before
    said = pipeline(copied, "results/sampling.csv")
    assert current.read_bytes() == before
    assert "Train " not in said and "Write sampling" not in said, "only the copy is made again"


def test_one_diverged_row_of_ones_own_costs_no_other(copied: Path) -> None:
    """The row fails loudly, is told of in the table as far as it can be made, and trains no other row again."""
    rows = with_rows(
        copied,
        {"key": "wild", "label": "wild", "options": {"k": 2, "lr_g": 1e30}},
        {"key": "mine", "label": "mine", "method": "mine"},
    )
    before = weights(copied)
    part = ("--config", "only={tables: [sampling]}")
    said = pipeline(copied, "all_tables", *part, config=rows, check=False)
    assert said.count("Train ") == 1 and "Train enco+k=2+lr_g=1e+30 on horse2zebra" in said
    assert "Unknown method 'mine' in row 'mine' of sampling" in said
    assert "became" in said and "so the training in" in said and "`snakemake tables_so_far`" in said
    assert "failed: enco+k=2+lr_g=1e+30 on horse2zebra, seed 0: diverged (The loss" in said
    assert not (copied / "results/tiny/seed0-only-sampling/sampling.csv").exists()

    said = pipeline(copied, "tables_so_far", *part, config=rows)
    assert "sampling: 2 of 4 cells: results/tiny/seed0-only-sampling/so_far/sampling.md" in said
    assert "Train " not in said and weights(copied) == before
    table = pd.read_csv(copied / "results/tiny/seed0-only-sampling/so_far/sampling.csv", comment="#").set_index("row")
    assert table["horse2zebra FID"].str.match(r"\d+\.\d").to_list() == [True, True, False, False]
    cells = pd.read_csv(copied / "results/tiny/seed0-only-sampling/so_far/sampling.cells.csv").set_index("row")
    assert cells.loc["wild", "reason"].startswith("diverged (The loss")
    assert cells.loc["mine", "reason"].startswith("Unknown method 'mine'")


def test_a_changed_row_trains_its_run_and_no_other(done: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(TINY.read_text())
    config["tables"]["sampling"]["rows"][1] = {"key": "uniform", "label": "k = 2", "options": {"k": 2}}
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(config))
    said = pipeline(done, "all_tables", "-n", "--quiet", "rules", config=changed)
    jobs = pipeline(done, "all_tables", "-n", config=changed)
    assert jobs.count("Train ") == 1 and "Train enco+k=2 on horse2zebra" in jobs, said


def test_killed_in_the_middle_it_goes_on_to_the_same_weights(done: Path, tmp_path: Path) -> None:
    """As `make tables` does it: the launcher's process is killed outright, its trainings live on as orphans."""
    command = [sys.executable, "-m", "workflow.jobs.launch", *_placed(tmp_path, TINY), "all_tables"]
    with (tmp_path / "said.txt").open("w") as said:
        process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=said, stderr=said)
        _wait_for(lambda: any(tmp_path.rglob("checkpoints/*.pt")) and _finished(tmp_path) >= 2)
        process.kill()
        process.wait()
    assert len(weights(tmp_path)) < len(weights(done))
    again = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "going on from what it left" in again.stdout
    assert weights(tmp_path) == weights(done)


def _finished(folder: Path) -> int:
    return len(list(folder.rglob("seed*/run.json")))


def _wait_for(condition: object, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["results/table9.csv"], ["table9", "table3"]),
        (["all_tabels"], ["all_tabels", "all_tables"]),
        (["result/table3.csv"], ["result/table3.csv", "results/table3.csv"]),
        (["results/figures/tabel1.png"], ["tabel1", "table1"]),
        (["results/demo/runs/cat2dgo/enco/seed0/run.json"], ["cat2dgo", "cat2dog"]),
        (["results/demo/runs/cat2dog/enko/seed0/run.json"], ["enko", "enco+k=2"]),
        (["all_tables", "--config", "epochz=3"], ["epochz", "epochs"]),
    ],
)
def test_a_mistyped_target_is_answered_with_the_choices(arguments: list[str], words: list[str]) -> None:
    said = snakemake("-n", *arguments, check=False)
    assert all(word in said for word in words)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("results/table3.csv",),
        ("results/facades.csv",),
        ("all_tables", "--configfile", "config/paper.yaml"),
        ("all_tables", "--config", EXAMPLE),
        ("--profile", "slurm", "all_tables"),
        ("results/photos.csv", "--configfile", "config/photos.yaml"),
    ],
)
def test_the_literal_commands_plan(arguments: tuple[str, ...]) -> None:
    assert "This was a dry-run" in snakemake("-n", "--forceall", *arguments)


def test_the_paper_plan_is_that_of_the_grid() -> None:
    said = snakemake("-n", "all_tables", "--configfile", "config/paper.yaml")
    plan = Plan.load(load_scale(ROOT / "config" / "paper.yaml").model_dump(), ROOT)
    assert f"train {len(plan.only(plan.headline).grid.runs)}" in " ".join(said.split())
    assert "results/demo" not in said
