"""What is done on the GPU, in which order, and how long each stage may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.jobs import Job, Stage

TOTAL = 460
"""Seconds of everything together. What a stage leaves of its own goes to the last one."""
SECONDS = {"checks": 130, "speed": 110, "compiled": 45, "pieces": 15, "together": 70, "mps": 25, "profile": 25}
"""Seconds of each stage at most; the training has the rest."""
REHEARSED = dict.fromkeys(SECONDS, 300)
"""The same for a rehearsal, which may be on a busy machine."""
METHODS = (
    *("enco", "cut", "cyclegan", "munit", "qs_attn", "fsesim"),
    *("gcgan", "distancegan", "selfdistance", "dclgan", "negcut", "drit"),
)
"""The methods, those whose compiled steps are wanted first."""
TESTS = ("tests/training/test_cuda.py", "tests/training/test_feed.py::test_what_arrives_on_a_gpu_is_what_was_loaded")
TESTING = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Of tests: no plugin but what is named, and what cuBLAS reads at its start, for steps that are repeated bit by bit."""
PYDANTIC = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection")
TRAINING = (*PYDANTIC, "numpy", "PIL", "safetensors", "tqdm", "tenacity", "psutil")
PYTEST = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")


def stages(out: Path, photos: Path | None, cores: int, mps: Mapping[str, str]) -> list[Stage]:
    """Return the stages in order, for a machine with so many cores; `mps` is empty where MPS does not start."""
    usual = ("--size", "256", "--iterations", "20", "--warmup", "5")
    together = ("--methods", "enco", "--modes", "plain", "--without", "compile", "--seconds", "3", "--together")

    def speed(name: str, *words: str) -> Job:
        return _speed(name, out, *usual, *words)

    plan = {
        "checks": checks(out, cores, mps),
        "speed": [speed("speed", "--methods", *METHODS, "--modes", "plain", "--without", "compile", "--one-by-one")],
        "compiled": [speed("compiled", "--methods", *METHODS, "--modes", "fast", "--one-by-one")],
        "pieces": [_measure("pieces", out)],
        "together": [speed("together", *together, "1", "2", "4")],
        "mps": [replace(speed("mps", *together, "2", "4"), environment=mps)] if mps else [],
        "profile": [_measure("kernels", out)],
    }
    return [*(Stage(name, SECONDS[name], tuple(jobs)) for name, jobs in plan.items()), *_training(out, photos, 0)]


def rehearsal(out: Path, photos: Path | None) -> list[Stage]:
    """Return the stages as small as can be, for any machine and one core."""
    usual = ("--tiny", "--size", "32", "--iterations", "2", "--warmup", "1", "--modes", "plain", "--methods", "enco")
    together = ("--seconds", "1", "--together", "1", "2")
    plan = {
        "checks": [_selftest(0, METHODS[:1], ()), _tests(0, 1)],
        "speed": [_speed("speed", out, *usual, "--without", "compile", "--one-by-one")],
        "pieces": [_measure("pieces", out, "--tiny")],
        "together": [_speed("together", out, *usual, *together)],
        "profile": [_measure("kernels", out, "--tiny")],
    }
    found = [*(Stage(name, REHEARSED[name], tuple(jobs)) for name, jobs in plan.items()), *_training(out, photos, 5)]
    return [replace(stage, jobs=tuple(_on_one_thread(job) for job in stage.jobs)) for stage in found]


def checks(out: Path, cores: int, mps: Mapping[str, str]) -> list[Job]:
    """Return the jobs that check numbers, and those that fill the compiler's cache for the stage `compiled`."""
    parts = max(1, min(5, cores // 3))
    found = []
    for part in range(parts):
        own = METHODS[part::parts]
        warm = ("--methods", *own, "--modes", "fast", "--one-by-one", "--size", "256")
        found += [
            _selftest(part, own, ["--no-layers"] if part else []),
            _tests(part, parts),
            _speed(f"warm-{part}", out, *warm, "--warmup", "0", "--iterations", "2"),
        ]
    return [_on_one_thread(replace(job, environment={**mps, **job.environment})) for job in found]


def _on_one_thread(job: Job) -> Job:
    """Keep a job from taking the cores of those beside it: threads that wait for each other stop all of them."""
    return replace(job, environment={**job.environment, "OMP_NUM_THREADS": "1"})


def _selftest(part: int, methods: Sequence[str], words: Sequence[str]) -> Job:
    return Job(f"selftest-{part}", ("enco.selftest", *words, "--methods", *methods), PYDANTIC)


def _tests(part: int, parts: int) -> Job:
    options = ("--noconftest", "-p", "no:cacheprovider", "-p", "benchmarks.gpu.part", "-o", "addopts=", "-v")
    words = ("pytest", *options, "--tb=short", *TESTS)
    return Job(f"tests-{part}", words, (*TRAINING, *PYTEST), {"PART": f"{part}/{parts}", **TESTING})


def _speed(name: str, out: Path, *words: str) -> Job:
    return Job(name, ("benchmarks.speed", "--output", str(out / f"{name}.csv"), *words), PYDANTIC)


def _measure(module: str, out: Path, *words: str) -> Job:
    return Job(module, (f"benchmarks.gpu.{module}", "--output", str(out / f"{module}.csv"), *words), PYDANTIC)


def _training(out: Path, photos: Path | None, rehearsed: int) -> list[Stage]:
    """Return the stage that trains on photographs, for what time is left or, tiny, for so many seconds."""
    if photos is None:
        return []
    words = ("benchmarks.gpu.training", "--photos", str(photos), "--out", str(out / "training"))
    length = ("--seconds", str(rehearsed), "--tiny") if rehearsed else ("--seconds", "{seconds}")
    return [Stage("training", 0, (Job("training", (*words, *length), TRAINING),))]
