"""Servers and folders that may not be written to, and what a follower cannot do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException

from enco.tracking import follower
from enco.tracking.artifacts import Artifacts
from enco.tracking.follower import follow, sync
from enco.tracking.store import Store
from enco.tracking.system_metrics import SystemLog
from enco.training.run_folder import now
from tests.support.tracked_runs import begin_again, only_run


def test_a_refusal_is_not_repeated_and_ends_the_call(
    store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs / "seed0", runs / "seed1")
    begin_again(runs / "seed1", now())
    asked = []

    def refuse(*_: object, **__: object) -> None:
        asked.append(1)
        raise RestException({"error_code": "PERMISSION_DENIED", "message": "no"})

    monkeypatch.setattr(MlflowClient, "create_run", refuse)
    assert sync(store, runs) == (0, 2)
    assert len(asked) == 1 and capsys.readouterr().out.count("warning") == 1


def test_files_that_may_not_be_written_cost_no_number_and_no_wait(
    store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def refuse(*_: object) -> None:
        asked.append(1)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Artifacts, "put_picture", refuse)
    assert sync(store, runs) == (0, 1)
    assert len(asked) == 1 and "Permission denied" in capsys.readouterr().out
    mirrored = only_run(store)
    assert (mirrored.data.metrics["FID"], mirrored.data.tags["state"]) == (81.5, "finished")
    assert mirrored.info.status == "FINISHED"


def test_a_machine_that_cannot_be_measured_any_more_is_said_once_and_the_run_is_followed(
    store: Store, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: SystemLog) -> None:
        raise OSError(28, "No space left on device")

    held = iter([True, False, True, False, False])
    monkeypatch.setattr(SystemLog, "write", fail)
    monkeypatch.setattr(follower, "is_held", lambda _: next(held))
    assert follow(store, runs / "seed0", 0.1) == (1, 1)
    assert list(held) == []
    assert capsys.readouterr().out.count("cannot go on to measure the machine ([Errno 28]") == 1
