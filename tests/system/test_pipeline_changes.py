"""What the pipeline makes anew after a change, a failure or a kill, and what it leaves alone."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.support.pipeline import ENVIRONMENT, TINY, launcher, of_runs, pipeline, weights

pytestmark = pytest.mark.slow


@pytest.fixture
def copied(finished_pipeline: Path, tmp_path: Path) -> Path:
    """Make a copy of the finished pipeline, to change."""
    return Path(shutil.copytree(finished_pipeline, tmp_path / "copied", symlinks=True))


def test_a_second_call_does_nothing(copied: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Nothing to be done" in pipeline(copied, "all_tables")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 30


def with_rows(folder: Path, *rows: dict[str, Any]) -> Path:
    """Return the tiny scale with more rows in its table of samplings."""
    config = yaml.safe_load(TINY.read_text())
    config["tables"]["sampling"]["rows"] += rows
    (folder / "rows.yaml").write_text(yaml.safe_dump(config))
    return folder / "rows.yaml"


def test_a_part_of_a_table_keeps_the_whole_and_the_current_one_follows(copied: Path) -> None:
    whole, current = copied / "results" / "tiny" / "seed0" / "sampling.csv", copied / "results" / "sampling.csv"
    before = whole.read_bytes()
    pipeline(copied, "results/sampling.csv", "--config", "only={tables: [sampling], rows: [default]}")
    assert list(pd.read_csv(current, comment="#")["row"]) == ["default", "untranslated"]
    assert "# Part of the table: only tables sampling; rows default" in current.read_text()
    assert set(pd.read_csv(copied / "results" / "sampling.cells.csv")["row"]) == {"default", "untranslated"}
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
    assert table["horse2zebra FD (random Inception)"].str.match(r"\d+\.\d").to_list() == [
        True,
        True,
        False,
        False,
        True,
    ]
    cells = pd.read_csv(copied / "results/tiny/seed0-only-sampling/so_far/sampling.cells.csv").set_index("row")
    assert cells.loc["wild", "reason"].startswith("diverged (The loss")
    assert cells.loc["mine", "reason"].startswith("Unknown method 'mine'")


def test_a_changed_row_trains_its_run_and_no_other(finished_pipeline: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(TINY.read_text())
    config["tables"]["sampling"]["rows"][1] = {"key": "uniform", "label": "k = 2", "options": {"k": 2}}
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(config))
    said = pipeline(finished_pipeline, "all_tables", "-n", "--quiet", "rules", config=changed)
    jobs = pipeline(finished_pipeline, "all_tables", "-n", config=changed)
    assert jobs.count("Train ") == 1 and "Train enco+k=2 on horse2zebra" in jobs, said


def test_killed_in_the_middle_it_goes_on_to_the_same_weights(finished_pipeline: Path, tmp_path: Path) -> None:
    """As `make tables` does it: the launcher's process is killed outright, its trainings live on as orphans."""
    command = [*launcher(tmp_path), "all_tables"]
    with (tmp_path / "said.txt").open("w") as said:
        process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=said, stderr=said)
        _wait_for(lambda: of_runs(tmp_path, "checkpoints/*.pt") and len(of_runs(tmp_path, "run.json")) >= 2)
        process.kill()
        process.wait()
    assert len(weights(tmp_path)) < len(weights(finished_pipeline))
    again = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "going on from what it left" in again.stdout
    assert weights(tmp_path) == weights(finished_pipeline)


def _wait_for(condition: Callable[[], object], seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
