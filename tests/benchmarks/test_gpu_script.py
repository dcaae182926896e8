"""`bash benchmarks/gpu.sh`: a rehearsal, and what happens when jobs lack something, fail, hang or are killed."""

from __future__ import annotations

import csv
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks.gpu import jobs
from benchmarks.gpu.__main__ import check, run_all
from benchmarks.gpu.bundle import BUNDLE
from benchmarks.gpu.jobs import Job, Stage, run_stage
from benchmarks.gpu.mps import CONTROL
from benchmarks.gpu.mps import main as measure_with_mps
from benchmarks.gpu.part import NONE_PASSED
from benchmarks.gpu.pieces import measure
from benchmarks.gpu.plan import ANYWHERE, METHODS, SECONDS, TESTING, TESTS, TOTAL, Jobs, rehearsal, stages
from benchmarks.gpu.summary import summarise
from benchmarks.gpu.training import distances
from benchmarks.gpu.warm import COMPILED, warm
from benchmarks.speed import __main__ as speed
from benchmarks.speed import rows
from enco.config.compute import ComputeConfig
from enco.datasets.demo import make_archive
from enco.errors import UserError
from enco.methods import available
from enco.runtime.signals import stop_signals

ROOT = Path(__file__).parents[2]
BARE = (sys.executable, str(ROOT / "tests" / "support" / "torch_only.py"))
SCRIPT = ROOT / "benchmarks" / "gpu.sh"
OF_SETUPTOOLS = ("jaraco", "packaging", "more_itertools", "backports", "platformdirs", "wheel")
"""Packages that setuptools, which the compiler imports, finds among its own."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive("horse2zebra", tmp_path_factory.mktemp("photos"), size=40, scale_counts=0.1)


@pytest.fixture
def compiled(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The compiler's cache, one for all rehearsals."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
    return folder


def bare(job: Job) -> Job:
    """A job on a machine with what the job needs alone."""
    also = (*job.needs, *(OF_SETUPTOOLS if job.name in ("warm-0", "compiled") else ()))
    return replace(job, environment={**job.environment, "ALSO": ",".join(also)})


@pytest.mark.slow
def test_a_rehearsal_does_every_stage_with_no_more_packages_than_each_job_names(
    photos: Path, tmp_path: Path, compiled: Path
) -> None:
    plan = [replace(stage, jobs=tuple(map(bare, stage.jobs))) for stage in rehearsal(tmp_path, photos)]
    outcomes = run_all(plan, 1500, tmp_path, BARE)
    logs = {outcome.job: (tmp_path / f"{outcome.job}.log").read_text() for outcome in outcomes}
    assert {outcome.job: outcome.status for outcome in outcomes} == dict.fromkeys(logs, "ok"), logs
    with (tmp_path / "jobs.csv").open() as file:
        assert [line["job"] for line in csv.DictReader(file)] == [outcome.job for outcome in outcomes]
    found = {name: rows.read(tmp_path / f"{name}.csv") for name in ("speed", "compiled", "together")}
    assert [row["together"] for row in found["together"]] == ["1", "2"]
    assert (tmp_path / "warm-0.log").read_text().splitlines()[-1] == "fsesim, first half: compiled"
    assert ["compile" in row["pieces"] for row in found["compiled"]] == [True]
    assert {(row["mode"], row["half"]) for row in found["speed"]} >= {("plain", "1"), ("plain", "2")}
    assert {row["error"] for lines in found.values() for row in lines} == {""}
    result = json.loads((tmp_path / "training" / "result.json").read_text())
    assert result["iterations"] > 0 and "left out: No module named" in result["distances"]
    assert len(list((tmp_path / "training" / "translated").iterdir())) == len(list((photos / "testA").iterdir()))
    text = summarise(tmp_path)
    for wanted in (
        "Speed: fast on ",
        "11 of 11 jobs ended well",
        "fsesim",
        "selftest: ",
        " 0 wrong",
        "enco",
        "pieces, ms: cyclegan fast",
        "kernels, rec",
        "kernels, one by one",
    ):
        assert wanted in text
    assert (tmp_path / "trace-one-by-one.json.gz").exists()
    assert "MPS does not start here" in text or (tmp_path / "mps.csv").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("compiled")
def test_the_script_rehearses_to_its_end(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHON": sys.executable, "WHEELS": str(tmp_path / "none")}
    command = ["bash", SCRIPT, "out", "--rehearse", "--bundle", "few"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "summary.txt").read_text()
    assert "10 of 10 jobs ended well" in text and done.stdout == text == (tmp_path / "few" / "summary.txt").read_text()
    with tarfile.open(tmp_path / "few" / BUNDLE) as archive:
        assert {"mps.log", "compiled.csv", "kernels.csv", "trace-recorded.json.gz"} <= set(archive.getnames())


def test_distances_are_measured_where_their_packages_are(photos: Path, tmp_path: Path) -> None:
    found = distances(photos, photos / "testA", torch.device("cpu"))
    for name in ("testB", "translated"):
        (photos / f"{name}.npz").unlink()
    assert found["distances"] == "FD (EfficientNet-Lite0)" and found["translated"] == pytest.approx(
        found["untranslated"]
    )


def test_images_are_prepared_and_copied_in_a_part_of_a_step_that_is_measured() -> None:
    found = measure("cyclegan", "plain", size=32, tiny=True, device=torch.device("cpu"))
    pieces = [float(str(found[f"{name}_ms"])) for name in ("forward", "backward", "optimizer", "data")]
    assert min(pieces) > 0 and found["computed"] == "float32"


def test_preparing_images_counts_the_processor_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enco.data.unpaired.UnpairedImages.get", lambda *_: time.sleep(0.2))
    found = measure("cyclegan", "plain", size=32, tiny=True, device=torch.device("cpu"))
    assert float(str(found["data_ms"])) < 200


@pytest.mark.slow
@pytest.mark.usefixtures("hangup_heeded")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_done_when_the_script_is_told_to_stop_is_kept_and_nothing_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHON": sys.executable, "WHEELS": str(tmp_path / "none")}
    script = subprocess.Popen(
        ["bash", SCRIPT, "out", "--rehearse", "--bundle", "few"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    while not (out / "selftest-0.log").exists() and script.poll() is None:
        time.sleep(0.05)
    started = psutil.Process(script.pid).children(recursive=True)
    script.send_signal(number)
    printed, _ = script.communicate(timeout=60)
    assert script.returncode == 128 + signal.SIGTERM
    assert (out / "summary.txt").read_bytes() == printed and b", stopped by SIGTERM" in printed
    with (out / "jobs.csv").open() as file:
        ends = {line["job"]: line["status"] for line in csv.DictReader(file)}
    assert ends["probe"] == "ok" and ends["selftest-0"] == "stopped by SIGTERM"
    assert ends["kernels"] == "left out: stopped by SIGTERM"
    with tarfile.open(tmp_path / "few" / BUNDLE) as archive:
        assert {"summary.txt", "jobs.csv", "probe.log"} <= set(archive.getnames())
    assert len(started) >= 2
    assert not [process for process in started if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(999)"
)
LEAVING = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=2).pid)"


@pytest.mark.slow
def test_a_job_that_fails_hangs_or_cannot_start_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "GRACE", 0.2)
    codes = {"failing": "raise SystemExit(4)", "hanging": STUBBORN, "leaving": LEAVING, "good": "print({seconds})"}
    all_of_them = [
        Job("lacking", ("1",), ("no_such_package",)),
        *(Job(name, (code,), ()) for name, code in codes.items()),
    ]
    found = run_stage(Stage("all", 9, tuple(all_of_them)), 15, tmp_path, (sys.executable, "-c"))
    assert {outcome.job: outcome.status for outcome in found} == {
        "lacking": "left out: no no_such_package",
        "failing": "failed (exit status 4)",
        "hanging": "cut off",
        "leaving": "ok",
        "good": "ok",
    }
    assert (tmp_path / "good.log").read_text() == f"{15 - jobs.START}\n" and (
        tmp_path / "hanging.log"
    ).read_text() == "on\n"
    left = int((tmp_path / "leaving.log").read_text().split()[0])
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_photographs_without_a_test_set_are_refused_before_anything_is_measured(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "trainA", tmp_path / "trainA")
    command = ["bash", SCRIPT, tmp_path / "out", "--photos", tmp_path, "--rehearse"]
    done = subprocess.run(command, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True)
    assert done.returncode == 2 and "has no trainB, testA, testB: name a folder" in done.stderr
    assert not (tmp_path / "out").exists()


def test_results_of_an_earlier_run_are_never_mixed_with_those_of_another(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("stage,job,seconds,status\n", encoding="utf-8")
    with pytest.raises(UserError, match="has the results of an earlier run: move them away"):
        check(tmp_path, None)


def test_a_stage_has_what_those_before_it_left_and_never_what_is_kept_for_those_after_it(tmp_path: Path) -> None:
    jobs_ = {name: (Job(name, ("print({seconds})",), ()),) for name in ("first", "second", "last")}
    plan = [*(Stage(name, 30, found) for name, found in jobs_.items()), Stage("empty", 1000, ())]
    kept = []
    run_all(plan, 100, tmp_path, (sys.executable, "-c"), after=lambda: kept.append(len(list(tmp_path.glob("*.log")))))
    first, second, last = (int((tmp_path / f"{name}.log").read_text()) + jobs.START for name in jobs_)
    assert first in (39, 40) and 40 < second < 70 < last < 100
    assert kept == [1, 2, 3, 3]


def test_a_stage_keeps_its_seconds_where_one_before_it_took_too_long_and_is_left_out_without_any(
    tmp_path: Path,
) -> None:
    plan = [Stage(name, seconds, (Job(name, ("print({seconds})",), ()),)) for name, seconds in (("a", 20), ("b", 90))]
    outcomes = run_all(plan, 30, tmp_path, (sys.executable, "-c"))
    assert [outcome.status for outcome in outcomes] == ["ok", "ok"]
    assert int((tmp_path / "a.log").read_text()) + jobs.START == 20 < int((tmp_path / "b.log").read_text()) + jobs.START
    assert [outcome.status for outcome in run_all(plan, 9, tmp_path)] == ["left out: no time"] * 2


def test_without_a_gpu_nothing_is_measured_and_it_is_said_why(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": "", "WHEELS": str(tmp_path)}
    command = ["bash", SCRIPT, tmp_path / "out", "--bundle", tmp_path / "few"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "0 of 1 jobs ended well" in done.stdout and "This machine has no cuda device" in done.stdout
    assert {path.name for path in (tmp_path / "few").iterdir()} == {BUNDLE, "summary.txt", "jobs.csv"}


def test_all_fits_into_eight_minutes_and_knows_every_method(tmp_path: Path) -> None:
    assert sorted(METHODS) == sorted(available())
    assert TOTAL == sum(SECONDS.values()) <= 470 and SECONDS["training"] >= 75 and SECONDS["probe"] >= 60
    for cores in (1, 16):
        plan = stages(tmp_path, tmp_path, cores)
        assert [stage.name for stage in plan] == list(SECONDS) and [stage.name for stage in plan if stage.vital] == [
            "probe"
        ]
        checked = [job for stage in plan for job in stage.jobs if job.name.startswith("selftest")]
        named = [name for job in checked for name in job.words[job.words.index("--methods") + 1 :]]
        assert sorted(named) == sorted(available())
        assert ["--no-layers" in job.words for job in checked] == [False] + [True] * (len(checked) - 1)
        assert all(job.environment["OMP_NUM_THREADS"] == "1" for job in plan[1].jobs)


def test_every_job_is_a_command_that_its_module_takes_and_that_wants_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    service(tmp_path, monkeypatch, "exit 0")
    wanted = [job.words for stage in stages(tmp_path, tmp_path, 16) for job in stage.jobs]
    for module, *words in wanted:
        if module != "pytest":
            monkeypatch.setattr(sys, "argv", [module, *(word.format(seconds=20) for word in words)])
            name = module if module.count(".") == 2 else f"{module}.__main__"
            with pytest.raises(UserError, match="no cuda device"):
                importlib.import_module(name).main()
    assert len({module for module, *_ in wanted}) == 9
    assert all((ROOT / test.partition("::")[0]).exists() for test in (*TESTS, ANYWHERE))


def test_the_cache_is_filled_with_each_half_of_training_that_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert COMPILED.compile and not COMPILED.cuda_graph
    monkeypatch.setattr("benchmarks.gpu.warm.COMPILED", ComputeConfig())
    halves = {name: list(warm(name, torch.device("cpu"), tiny=True)) for name in ("enco", "fsesim")}
    assert halves == {"enco": [("first half", ""), ("second half", "")], "fsesim": [("first half", "")]}


@pytest.mark.parametrize(("probe", "others"), [("raise SystemExit(2)", 0), ("import time; time.sleep(99)", 1)])
def test_nothing_follows_a_probe_that_fails_but_one_that_is_slow_is_only_cut_off(
    probe: str, others: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEAST", 0)
    plan = [Stage("probe", 2, (Job("probe", (probe,), ()),), vital=True), Stage("b", 9, (Job("b", ("1",), ()),))]
    outcomes = run_all(plan, 11, tmp_path, (sys.executable, "-c"))
    assert [outcome.status for outcome in outcomes[1:]] == ["ok"] * others


def test_a_file_of_tests_that_were_all_skipped_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a(): pass\n@pytest.mark.skip\ndef test_b(): pass\n", encoding="utf-8"
    )
    words = [sys.executable, "-m", *Jobs(tmp_path, "cpu").tests(0, 1, "test_it.py").words, "--rootdir", tmp_path]
    status = {}
    for part in ("0/1", "0/2", "1/2"):
        environment = {**os.environ, **TESTING, "PART": part, "PYTHONPATH": str(ROOT)}
        status[part] = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True).returncode
    assert status == {"0/1": 0, "0/2": 0, "1/2": NONE_PASSED}


def service(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Stand in for the program that starts and stops the service."""
    control = folder / CONTROL
    control.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    control.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_machine_without_mps_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for path, script in (("missing", ""), ("refusing", "echo first; echo no such device; exit 1")):
        (tmp_path / path).mkdir()
        monkeypatch.setenv("PATH", str(tmp_path / path))
        if script:
            service(tmp_path / path, monkeypatch, script)
        measure_with_mps()
        (tmp_path / "mps.log").write_text(capfd.readouterr().out, encoding="utf-8")
        reason = "no such device" if script else "[Errno 2]"
        assert f"MPS does not start here: {reason}" in summarise(tmp_path)


def test_a_service_that_keeps_its_output_open_is_used_and_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, daemon = tmp_path / "said", tmp_path / "daemon"
    service(
        tmp_path,
        monkeypatch,
        f'if [ "$1" = -d ]; then sleep 300 & echo $! > {daemon}; echo on $CUDA_MPS_PIPE_DIRECTORY >> {said};'
        f" else cat >> {said}; kill $(cat {daemon}); fi",
    )
    used: list[str] = []
    monkeypatch.setattr(speed, "main", lambda words: used.extend([*words, os.environ["CUDA_MPS_PIPE_DIRECTORY"]]))
    monkeypatch.setattr(sys, "argv", ["mps", "--methods", "enco"])
    monkeypatch.setattr("benchmarks.gpu.mps.PATIENCE", 60)
    measure_with_mps()
    assert used[:2] == ["--methods", "enco"] and said.read_text() == f"on {used[2]}\nquit -t 1\n"
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ


def test_a_stop_in_the_midst_of_a_start_leaves_no_job_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = jobs._start

    def stopped_meanwhile(*about: Any) -> Any:
        process = start(*about)
        os.kill(os.getpid(), signal.SIGTERM)
        started.append(process)
        return process

    monkeypatch.setattr(jobs, "_start", stopped_meanwhile)
    plan = [Stage("all", 60, tuple(Job(name, ("import time; time.sleep(600)",), ()) for name in ("one", "other")))]
    with stop_signals() as stop:
        outcomes = run_all(plan, 60, tmp_path, (sys.executable, "-c"), stop=stop)
    ends = {outcome.job: outcome.status for outcome in outcomes}
    assert ends == {"one": "stopped by SIGTERM", "other": "left out: stopped by SIGTERM"}
    assert len(started) == 1 and all(process.poll() is not None for process in started)
