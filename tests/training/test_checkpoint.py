from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from enco.errors import NonFiniteLoss, UserError
from enco.runtime.randomness import forked_rng, random_state, set_random_state
from enco.training.checkpoint import Checkpoint, CheckpointFolder, read_checkpoint
from enco.training.run_files import finish_moving, move_aside
from tests.support.tiny_runs import CPU, assert_same, some_record


def checkpoint(iteration: int, value: float = 1.0) -> Checkpoint:
    return Checkpoint(
        iteration=iteration,
        method={"epoch": 1, "networks": {"generator": {"weight": torch.full((9,), value)}}, "extra": {"pool": []}},
        random=random_state(CPU),
        window=[(iteration, {"gan": 0.1})],
        wall_seconds=1.5,
        wait_seconds=0.0,
        begun="2026-01-01T00:00:00+00:00",
        saved="2026-01-01T00:00:00+00:00",
        record=some_record(),
    )


def names(folder: CheckpointFolder) -> list[str]:
    return [path.name for path in folder.files()]


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(given := checkpoint(7))
    found = CheckpointFolder(tmp_path).newest()
    assert found is not None
    assert_same(vars(found), vars(given))


def test_keeps_the_last_two(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for iteration in (5, 10, 15, 20):
        folder.save(checkpoint(iteration))
    assert names(folder) == ["iter0000015.pt", "iter0000020.pt"]
    assert not list(folder.folder.glob(".*"))


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"PK\x03\x04" + b[4:200]])
def test_a_damaged_one_is_skipped_and_replaced(tmp_path: Path, damage: Any, capsys: Any) -> None:
    folder = CheckpointFolder(tmp_path)
    for iteration in (10, 20):
        folder.save(checkpoint(iteration))
    newest = folder.files()[-1]
    newest.write_bytes(damage(newest.read_bytes()))
    after = CheckpointFolder(tmp_path)
    found = after.newest()
    assert found is not None
    assert found.iteration == 10
    assert str(newest) in capsys.readouterr().out
    after.save(checkpoint(15))
    assert names(after) == ["iter0000010.pt", "iter0000015.pt"]


def test_one_that_was_written_by_another_version_is_skipped(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.folder.mkdir()
    torch.save({"epoch": 3, "weights": torch.ones(2)}, folder.folder / "iter0000003.pt")
    assert folder.newest() is None


def test_a_pickled_object_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    folder = CheckpointFolder(tmp_path)
    folder.folder.mkdir()
    torch.save({"iteration": Evil()}, folder.folder / "iter0000003.pt")
    assert folder.newest() is None
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(10))
    with pytest.raises(NonFiniteLoss, match=r"'generator'.*iteration 20"):
        folder.save(checkpoint(20, float("nan")))
    assert names(folder) == ["iter0000010.pt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_leaves_the_last_good_one_and_no_half_file(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(10))
    (folder.folder / f".iter0000020.pt.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"Disk full while writing .*iter0000020\.pt"):
        folder.save(checkpoint(20))
    assert [path.name for path in folder.folder.iterdir()] == ["iter0000010.pt"]
    assert read_checkpoint(folder.files()[0]).iteration == 10


def test_moving_aside_takes_all_that_a_training_made(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path).save(checkpoint(10))
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    (tmp_path / "samples").mkdir()
    (tmp_path / "history.jsonl").write_text("{}\n")
    aside = move_aside(tmp_path)
    assert sorted(path.name for path in aside.iterdir()) == ["checkpoints", "history.jsonl", "metrics.jsonl", "samples"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier-1"]


@pytest.mark.parametrize("fatal", ["snapshots", "config.json", "checkpoints", ".earlier"])
def test_moving_aside_goes_on_after_a_kill(fatal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CheckpointFolder(tmp_path).save(checkpoint(10))
    for name in ("metrics.jsonl", "config.json"):
        (tmp_path / name).write_text("old")
    (tmp_path / "snapshots").mkdir()
    rename = os.rename

    def dying(source: Path, target: Path) -> None:
        if Path(source).name == fatal:
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "rename", dying)
        move_aside(tmp_path)
    assert finish_moving(tmp_path) == tmp_path / "earlier-1"
    assert [path.name for path in tmp_path.iterdir()] == ["earlier-1"]
    names = ["checkpoints", "config.json", "metrics.jsonl", "snapshots"]
    assert sorted(path.name for path in (tmp_path / "earlier-1").iterdir()) == names
    assert finish_moving(tmp_path) is None


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(10))
    (tmp_path / "checkpoints" / ".iter0000020.pt.123.partial").write_bytes(b"half")
    folder.clear_leftovers()
    assert names(folder) == [path.name for path in folder.folder.iterdir()] == ["iter0000010.pt"]


def test_moving_aside_twice_overwrites_nothing(tmp_path: Path) -> None:
    for iteration in (10, 20):
        CheckpointFolder(tmp_path).save(checkpoint(iteration))
        move_aside(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*.pt")) == ["iter0000010.pt", "iter0000020.pt"]


def test_random_states_come_back() -> None:
    state = random_state(CPU)
    first = torch.rand(3)
    set_random_state(state, CPU)
    assert torch.equal(torch.rand(3), first)


def test_a_block_of_its_own_randomness_leaves_the_rest_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with forked_rng(CPU, seed=5):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), inside)
