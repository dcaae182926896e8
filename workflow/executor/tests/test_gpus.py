"""GPUs of this machine: one holder each, and all that a job needs or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest

from snakemake_executor_plugin_submitit import gpus
from snakemake_executor_plugin_submitit.gpus import claim, visible_devices
from watching import until

DEVICES = ["0", "1", "2"]
HOLDS = """
import sys, time
from pathlib import Path
from snakemake_executor_plugin_submitit.gpus import claim
with claim(1, ["0"], Path(sys.argv[1])):
    Path(sys.argv[1], "held").touch()
    time.sleep(60)
"""


def use_alone(folder: Path, count: int) -> list[str]:
    """Claim some devices and mark each as in use; FileExistsError where one is in use already."""
    gpus.POLL_SECONDS = 0.01
    with claim(count, DEVICES, folder) as taken:
        marks = [folder / f"used-{device}" for device in taken]
        for mark in marks:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        time.sleep(0.02)
        for mark in marks:
            mark.unlink()
    return taken


def test_never_two_holders_of_a_device(tmp_path: Path) -> None:
    counts = [1, 2, 3, 1, 2, 1] * 4
    with ProcessPoolExecutor(6, mp_context=get_context("spawn")) as pool:
        taken = list(pool.map(use_alone, [tmp_path] * len(counts), counts))
    assert [len(devices) for devices in taken] == counts
    assert {device for devices in taken for device in devices} == set(DEVICES)


def test_who_cannot_have_all_holds_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "POLL_SECONDS", 0.01)
    both: list[str] = []

    def wait_for_both() -> None:
        with claim(2, ["0", "1"], tmp_path) as taken:
            both.extend(taken)

    waiting = threading.Thread(target=wait_for_both)
    with claim(1, ["0"], tmp_path):
        waiting.start()
        for _ in range(5):
            with claim(1, ["1"], tmp_path) as taken:
                assert taken == ["1"]
        assert both == []
    waiting.join(10)
    assert both == ["0", "1"]


def test_a_device_is_free_once_its_holder_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)])
    until((tmp_path / "held").exists, "the device is held")
    with claim(1, ["0", "1"], tmp_path) as taken:
        assert taken == ["1"]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with claim(1, ["0", "1"], tmp_path) as taken:
        assert taken == ["0"]


def test_a_device_that_is_named_twice_has_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,0,1")
    devices = visible_devices(4)
    with ExitStack() as held:
        taken = [held.enter_context(claim(1, devices, tmp_path)) for _ in devices]
        assert taken == [["0"], ["1"], ["0"], ["1"]], "each device has its first job before one has its second"
        waiting = threading.Thread(target=lambda: taken.append(use(4, devices, tmp_path)))
        waiting.start()
        assert len(taken) == 4
    waiting.join(10)
    assert taken[4:] == [["0", "1"]], "a job that asks for all has the devices alone, and sees each once"


def use(count: int, devices: list[str], folder: Path) -> list[str]:
    with claim(count, devices, folder) as taken:
        return taken


def test_more_than_there_are_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 GPUs are asked for, but there are only 3"), claim(4, DEVICES, tmp_path):
        pass


def test_devices_may_have_any_name(tmp_path: Path) -> None:
    with claim(1, ["MIG-GPU-8d/1/0"], tmp_path) as taken:
        assert taken == ["MIG-GPU-8d/1/0"]


@pytest.mark.parametrize(
    ("named", "devices"),
    [(None, ["0", "1"]), ("", []), ("3", ["3"]), ("2, 5", ["2", "5"]), ("4,5,6", ["4", "5"])],
)
def test_visible_devices(named: str | None, devices: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_devices(2) == devices
