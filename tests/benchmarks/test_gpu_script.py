"""`bash benchmarks/gpu.sh`: a rehearsal, and what happens when jobs lack something, fail, hang or are killed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch.autograd import DeviceType
from torch.autograd.profiler_util import EventList, FunctionEvent

from benchmarks.gpu import jobs
from benchmarks.gpu.__main__ import run_all
from benchmarks.gpu.jobs import Job, Stage, run_stage
from benchmarks.gpu.kernels import COLUMNS as KERNEL_COLUMNS
from benchmarks.gpu.kernels import Kernel, kernels_of, lines_of
from benchmarks.gpu.mps import mps
from benchmarks.gpu.pieces import measure
from benchmarks.gpu.plan import METHODS, SECONDS, TESTS, TOTAL, rehearsal, stages
from benchmarks.gpu.summary import GAPS, LINES, summarise
from benchmarks.gpu.training import distances
from benchmarks.speed import __main__ as speed
from benchmarks.speed import rows
from enco.datasets.demo import make_archive
from enco.methods import available
from enco.selftest import __main__ as selftest

ROOT = Path(__file__).parents[2]
BARE = (sys.executable, str(ROOT / "tests" / "support" / "torch_only.py"))
SCRIPT = ROOT / "benchmarks" / "gpu.sh"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive("horse2zebra", tmp_path_factory.mktemp("photos"), size=40, scale_counts=0.1)


def bare(job: Job) -> Job:
    """A job on a machine with what the job needs alone."""
    return replace(job, environment={**job.environment, "ALSO": ",".join(job.needs)})


@pytest.mark.slow
def test_a_rehearsal_does_every_stage_with_no_more_packages_than_each_job_names(photos: Path, tmp_path: Path) -> None:
    plan = [replace(stage, jobs=tuple(map(bare, stage.jobs))) for stage in rehearsal(tmp_path, photos)]
    outcomes = run_all(plan, 1500, tmp_path, BARE)
    logs = {outcome.job: (tmp_path / f"{outcome.job}.log").read_text() for outcome in outcomes}
    assert {outcome.job: outcome.status for outcome in outcomes} == dict.fromkeys(logs, "ok"), logs
    with (tmp_path / "jobs.csv").open() as file:
        assert [line["job"] for line in csv.DictReader(file)] == [outcome.job for outcome in outcomes]
    found = {name: rows.read(tmp_path / f"{name}.csv") for name in ("speed", "together")}
    assert [row["together"] for row in found["together"]] == ["1", "2"]
    assert {(row["mode"], row["half"]) for row in found["speed"]} >= {("plain", "1"), ("plain", "2")}
    assert {row["error"] for lines in found.values() for row in lines} == {""}
    result = json.loads((tmp_path / "training" / "result.json").read_text())
    assert result["iterations"] > 0 and "left out: No module named" in result["distances"]
    assert len(list((tmp_path / "training" / "translated").iterdir())) == len(list((photos / "testA").iterdir()))
    text = summarise(tmp_path)
    for wanted in (
        "7 of 7 jobs ended well",
        "selftest: ",
        " 0 wrong",
        "enco",
        "pieces, ms: cyclegan fast",
        "kernels, rec",
    ):
        assert wanted in text


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


@pytest.mark.slow
def test_what_is_done_when_the_script_is_told_to_stop_is_kept_and_nothing_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHON": sys.executable, "WHEELS": str(tmp_path / "none")}
    script = subprocess.Popen(
        ["bash", SCRIPT, "out", "--rehearse"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    while not (out / "jobs.csv").exists() and script.poll() is None:
        time.sleep(0.05)
    started = psutil.Process(script.pid).children(recursive=True)
    script.send_signal(signal.SIGTERM)
    printed, _ = script.communicate(timeout=60)
    assert script.returncode == 128 + signal.SIGTERM
    assert (out / "summary.txt").read_bytes() == printed and b"1 of 1 jobs ended well" in printed
    assert len(started) >= 2
    assert not [process for process in started if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_wheels_beside_the_script_are_installed_for_its_jobs_and_removed_again(tmp_path: Path) -> None:
    if not list(distributions(name="pip")):  # looking for the module pip forbids this process to import setuptools
        pytest.skip("needs pip")
    with zipfile.ZipFile(tmp_path / "extra-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("extra.py", "")
        wheel.writestr("extra-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: extra\nVersion: 1\n")
        wheel.writestr("extra-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("extra-1.dist-info/RECORD", "")
    python = tmp_path / "python"
    show = "import extra, benchmarks.gpu; print(extra.__file__)"
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] || set -- -c "{show}"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "WHEELS": str(tmp_path)}
    done = subprocess.run(["bash", SCRIPT, "out"], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).name == "extra.py" and not Path(done.stdout.strip()).exists()


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
    assert (tmp_path / "good.log").read_text() == "15\n" and (tmp_path / "hanging.log").read_text() == "on\n"
    left = int((tmp_path / "leaving.log").read_text().split()[0])
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_photographs_without_a_test_set_are_refused_before_anything_is_measured(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "trainA", tmp_path / "trainA")
    command = ["bash", SCRIPT, tmp_path / "out", "--photos", tmp_path, "--rehearse"]
    done = subprocess.run(command, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True)
    assert done.returncode == 2 and "has no trainB, testA, testB: name a folder" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_last_stage_has_what_the_others_leave(tmp_path: Path) -> None:
    plan = [Stage(name, 10, (Job(name, ("print({seconds})",), ()),)) for name in ("first", "last")]
    run_all(plan, 100, tmp_path, (sys.executable, "-c"))
    assert (tmp_path / "first.log").read_text() == "10\n"
    assert 10 < int((tmp_path / "last.log").read_text()) < 100


def test_all_fits_into_eight_minutes_and_knows_every_method(tmp_path: Path) -> None:
    assert sorted(METHODS) == sorted(available())
    assert sum(SECONDS.values()) + 40 <= TOTAL <= 470
    for cores in (1, 16):
        plan = stages(tmp_path, tmp_path, cores, {"CUDA_MPS_PIPE_DIRECTORY": "here"})
        assert [stage.name for stage in plan] == [*SECONDS, "training"]
        checked = [job for stage in plan for job in stage.jobs if job.name.startswith("selftest")]
        named = [name for job in checked for name in job.words[job.words.index("--methods") + 1 :]]
        assert sorted(named) == sorted(available())
        assert ["--no-layers" in job.words for job in checked] == [False] + [True] * (len(checked) - 1)
        using_mps = {job.name for stage in plan for job in stage.jobs if "CUDA_MPS_PIPE_DIRECTORY" in job.environment}
        assert all(job.environment["OMP_NUM_THREADS"] == "1" for job in plan[0].jobs)
        assert {"mps", "tests-0", "warm-0"} <= using_mps and not {"speed", "together", "training"} & using_mps


def test_every_job_of_a_gpu_is_a_command_that_its_module_takes(tmp_path: Path) -> None:
    parsers = {"benchmarks.speed": speed._parser(), "enco.selftest": selftest._parser()}
    plan = stages(tmp_path, tmp_path, 16, {"CUDA_MPS_PIPE_DIRECTORY": "here"})
    words = [job.words for stage in plan for job in stage.jobs]
    understood = [parsers[module].parse_args(rest) for module, *rest in words if module in parsers]
    assert len(understood) == 14 and all(set(args.methods) <= set(METHODS) for args in understood)
    others = {module for module, *_ in words} - parsers.keys()
    assert others == {"pytest", "benchmarks.gpu.pieces", "benchmarks.gpu.kernels", "benchmarks.gpu.training"}
    assert all((ROOT / test.partition("::")[0]).exists() for test in TESTS)


def test_a_machine_without_mps_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with mps(tmp_path / "mps.log") as variables:
        assert variables == {}
    assert "MPS does not start here: [Errno 2]" in summarise(tmp_path)


def test_a_service_that_lets_no_process_in_is_stopped_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = tmp_path / "nvidia-cuda-mps-control"
    said = tmp_path / "said"
    control.write_text(f'#!/bin/sh\nif [ "$1" = -d ]; then echo started > {said}; else cat >> {said}; fi\n')
    control.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with mps(tmp_path / "mps.log") as variables:
        assert variables == {}
    assert said.read_text() == "started\nquit -t 1\n"
    assert "MPS does not start here: " in (tmp_path / "mps.log").read_text()


def test_kernels_of_a_gpu_are_told_from_what_launches_and_marks_them() -> None:
    gpu: dict[str, Any] = {"device_type": DeviceType.CUDA, "use_device": "cuda", "stack": []}
    events = EventList(use_device="cuda")
    events += [
        FunctionEvent(1, "aten::conv2d", 1, start_us=0, end_us=9000, use_device="cuda", stack=[]),
        FunctionEvent(2, "gemm", 0, start_us=10, end_us=2010, **gpu),
        FunctionEvent(3, "gemm", 0, start_us=3000, end_us=4000, **gpu),
        FunctionEvent(4, "norm", 0, start_us=5000, end_us=9000, **gpu),
        FunctionEvent(5, "Optimizer.step", 0, start_us=0, end_us=9000, is_user_annotation=True, **gpu),
    ]
    events._build_tree()  # as a profile does at its end
    found = kernels_of(events, on_cpu=False)
    assert found == [Kernel("norm", 1, 4.0), Kernel("gemm", 2, 3.0)]


def test_the_time_without_a_kernel_and_copies_of_layout_are_told_apart() -> None:
    kernels = [Kernel("sm90_gemm", 6, 50.0), Kernel("void nchwToNhwcKernel", 30, 10.0)]
    found = lines_of("recorded", "bfloat16", kernels, whole_ms=100.0, steps=2)
    assert [(line["kernel"], line["calls"], line["ms"], line["share"], line["copies_layout"]) for line in found] == [
        (GAPS, 1.0, 20.0, 0.4, 0),
        ("sm90_gemm", 3.0, 25.0, 0.5, 0),
        ("void nchwToNhwcKernel", 15.0, 5.0, 0.1, 1),
    ]


def test_the_summary_of_a_whole_run_is_short_and_has_every_number(tmp_path: Path) -> None:
    def line(name: str, mode: str, change: str, seconds: float, half: int = 1) -> rows.Row:
        about = {"method": name, "mode": mode, "change": change, "half": half, "device": "A GPU", "instructions": "9.0"}
        return about | {"sec_per_iter": seconds, "peak_memory_mb": 1500.0, "share_of_peak": seconds, "torch": "2.11"}

    speed = [
        line(name, *kind) for name in METHODS[1:] for kind in (("plain", "", 0.2), ("fast", "without compile", 0.1))
    ]
    speed += [line("enco", "plain", "", seconds, half) for half, seconds in ((1, 0.04), (2, 0.02))]
    speed.append({"method": "enco", "mode": "fast", "change": "without compile", "error": "OutOfMemoryError: much"})
    rows.write(tmp_path / "speed.csv", speed)
    rows.write(tmp_path / "compiled.csv", [line("cut", "fast", "", 0.05)])
    kernels = [Kernel("kernel" * 99, 1, 1.0)] * 20
    lines = [line for case in ("recorded", "one by one") for line in lines_of(case, "bfloat16", kernels, 40, 1)]
    with (tmp_path / "kernels.csv").open("w") as file:
        table = csv.DictWriter(file, KERNEL_COLUMNS)
        table.writeheader()
        table.writerows(lines)
    (tmp_path / "tests-0.log").write_text("".join(f"tests/t.py::test_{n} FAILED [ 1%]\n" for n in range(40)))
    (tmp_path / "selftest-0.log").write_text("ok    enco plain  1\nFAIL  enco fast  2\n" * 40)
    (tmp_path / "warm-0.log").write_text("first\nRuntimeError: the reason\n")
    (tmp_path / "jobs.csv").write_text(
        "stage,job,seconds,status\nchecks,warm-0,7.0,failed (exit status 1)\nspeed,speed,50.0,ok\n"
    )
    text = summarise(tmp_path)
    assert "A GPU (9.0), torch 2.11; 1 of 2 jobs ended well, in 57 s" in text
    assert "warm-0: failed (exit status 1) after 7 s; RuntimeError: the reason" in text
    assert "selftest: 40 right, 40 wrong" in text and "tests: 0 passed, 40 failed" in text and "  test_5" in text
    cells = {words[0]: words[1:] for words in map(str.split, text.splitlines()) if words[0] in METHODS}
    assert cells["cut"] == ["200.0", "100.0", "50.0", "0.25", "1500", "1500", "20%", "5%"]
    assert cells["drit"] == ["200.0", "100.0", "-", "0.50", "1500", "1500", "20%", "10%"]
    assert cells["enco"] == ["30.0", "-", "-", "-", "1500", "-", "3%", "-"] and "OutOfMemoryError: much" in text
    assert "kernels, recorded (bfloat16): none 50%" in text
    assert len(text.splitlines()) <= LINES == 60 and len(text) < 12_000
