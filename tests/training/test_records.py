"""Records of a training as files: written and read without a difference, and named where another version wrote them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from enco.errors import UserError
from enco.io.files import read_json, write_json
from enco.records import FinishedRecord, RunRecord, StartedRecord, find_record, read_record
from enco.training.checkpoint import CheckpointFolder
from tests.support.tiny_runs import some_record
from tests.training.test_checkpoint import checkpoint

ODD = os.fsdecode(b"no\xffutf8")


@pytest.fixture
def finished() -> FinishedRecord:
    known = dict(some_record(Path(ODD)))
    return FinishedRecord(**known, iterations=2, wall_seconds=1.5, data_wait=0.1, begun="then", finished="now")


def test_a_record_comes_back_as_it_was(tmp_path: Path, finished: FinishedRecord) -> None:
    finished.write(tmp_path / "run.json")
    assert read_record(tmp_path / "run.json", FinishedRecord) == finished
    assert "mlflow_run_id" not in read_json(tmp_path / "run.json")
    assert read_json(tmp_path / "run.json")["git"] == {"commit": None, "dirty": None, "diff": None}


def test_the_file_that_says_most_is_found_first(tmp_path: Path, finished: FinishedRecord) -> None:
    assert find_record(tmp_path) is None
    StartedRecord(**dict(some_record()), begun="then").write(tmp_path / "config.json")
    assert find_record(tmp_path) == RunRecord(**dict(some_record()))
    finished.model_copy(update={"plan": "of the result"}).write(tmp_path / "run.json")
    assert find_record(tmp_path).plan == "of the result"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"plan": None}, "it has another 'plan'"), ({"changes": [{"iteration": 1}]}, r"it has no 'changes\.0\.exact'")],
)
def test_a_record_of_another_version_is_one_sentence(
    tmp_path: Path, finished: FinishedRecord, change: dict[str, object], said: str
) -> None:
    write_json(tmp_path / "run.json", finished.content() | change)
    with pytest.raises(UserError, match=rf"run\.json is no record of a training by this version \({said}.*: move"):
        read_record(tmp_path / "run.json", FinishedRecord)


def test_a_setting_that_a_later_version_dropped_keeps_a_finished_training(
    tmp_path: Path, finished: FinishedRecord
) -> None:
    content = finished.content()
    content["config"]["train"]["print_every"] = 10
    content["config"]["note"] = "dropped, too"
    write_json(tmp_path / "run.json", content)
    assert read_record(tmp_path / "run.json", FinishedRecord) == finished


@pytest.mark.parametrize("place", [".", "finished"])
def test_the_cure_for_a_record_of_another_version_moves_the_whole_run(tmp_path: Path, place: str) -> None:
    (tmp_path / "finished").mkdir()
    write_json(tmp_path / place / "run.json", {})
    with pytest.raises(UserError, match=rf"move {tmp_path} away"):
        find_record(tmp_path)


def test_a_checkpoint_of_another_version_is_not_skipped(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(7))
    content = torch.load(folder.files()[0], weights_only=True)
    torch.save(content | {"record": {}}, folder.files()[0])
    with pytest.raises(UserError, match=r"iter0000007\.pt is no record of a training by this version"):
        folder.newest()


def test_planning_reads_records_without_torch() -> None:
    code = (
        "import sys, enco.records, enco.training.identity, enco.training.sources, enco.training.run_folder\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
