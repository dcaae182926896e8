"""What is done on the GPU, in which order, and how long each stage may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.gpu.jobs import Job, Stage

SECONDS = {
    **{"probe": 60, "checks": 85, "speed": 75, "compiled": 30, "pieces": 20, "together": 40},
    **{"training": 75, "profile": 50, "mps": 35},
}
"""Seconds that are kept for each stage. What one leaves goes to the next, and the training uses up what it has.

The probe is the first to read torch from the disk and to start CUDA, which takes 10 seconds or 50.
"""
TOTAL = sum(SECONDS.values())
REHEARSED = dict.fromkeys(SECONDS, 15)
"""The same for a rehearsal."""
METHODS = (
    *("enco", "cut", "cyclegan", "munit", "qs_attn", "fsesim"),
    *("gcgan", "distancegan", "selfdistance", "dclgan", "negcut", "drit"),
)
"""The methods, those whose compiled steps are wanted first."""
TESTS = ("tests/training/test_cuda.py", "tests/training/test_feed.py::test_what_arrives_on_a_gpu_is_what_was_loaded")
ANYWHERE = "tests/training/test_feed.py::test_order_and_content_are_the_loaders[0]"
"""A test that passes without a GPU, for a rehearsal."""
QUICKEST = "fsesim"
"""A method whose networks are soon compiled, for a rehearsal."""
TESTING = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Of tests: nothing but what is named, and what cuBLAS reads at its start, for steps that are repeated bit by bit."""
SHARING = {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "3"}
"""Of jobs side by side: threads and compilers that wait for each other would stop all of them."""
PYDANTIC = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection")
TRAINING = (*PYDANTIC, "numpy", "PIL", "safetensors", "tqdm", "tenacity", "psutil")
PYTEST = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")


def stages(out: Path, photos: Path | None, cores: int) -> list[Stage]:
    """Return the stages in order, for a machine with a GPU and so many cores."""
    make, usual = Jobs(out, "cuda"), ("--size", "256", "--iterations", "10", "--warmup", "5")
    methods, fast = ("--methods", *METHODS, "--one-by-one"), ("--modes", "--without", "compile")
    together = (*usual, "--methods", "enco", *fast, "--seconds", "3", "--together")
    limit = ("--within", "{seconds}")
    plan = {
        "probe": [make.measure("probe")],
        "checks": checks(make, cores),
        "speed": [make.speed("speed", *usual, *methods, "--modes", "plain", "--without", "compile", *limit)],
        "compiled": [make.speed("compiled", *usual, *methods, "--modes", "fast", *limit)],
        "pieces": [make.measure("pieces", "--output", str(out / "pieces.csv"))],
        "together": [make.speed("together", *together, "1", "4", "2")],
        "training": [make.training(photos, "--seconds", "{seconds}")] if photos else [],
        "profile": [make.measure("kernels", "--output", str(out / "kernels.csv"))],
        # Last, as a process that is killed while it uses the service takes the service with it.
        "mps": [make.speed("mps", *together, "4", "1", module="benchmarks.gpu.mps")],
    }
    return _staged(plan, SECONDS)


def checks(make: Jobs, cores: int) -> list[Job]:
    """Return the jobs that check numbers, and those that fill the compiler's cache for the stage `compiled`."""
    parts = max(1, min(5, cores // 3))
    found = []
    for part in range(parts):
        own = METHODS[part::parts]
        found += [
            make.selftest(part, own, *(["--no-layers"] if part else [])),
            make.tests(part, parts, *TESTS),
            make.warm(part, *own),
        ]
    return [_beside(job) for job in found]


def rehearsal(out: Path, photos: Path | None) -> list[Stage]:
    """Return the stages as small as can be, for any machine and one core."""
    make = Jobs(out, "auto")
    tiny = ("--tiny", "--size", "32", "--iterations", "2", "--warmup", "1")
    usual = (*tiny, "--modes", "plain", "--methods", "enco")
    plan = {
        "probe": [make.measure("probe")],
        "checks": [make.selftest(0, METHODS[:1]), make.tests(0, 1, *TESTS, ANYWHERE), make.warm(0, QUICKEST, "--tiny")],
        "speed": [make.speed("speed", *usual, "--without", "compile", "--one-by-one", "--within", "{seconds}")],
        "compiled": [make.speed("compiled", *tiny, "--methods", QUICKEST, "--modes", "--with", "compile")],
        "pieces": [make.measure("pieces", "--output", str(out / "pieces.csv"), "--tiny")],
        "together": [make.speed("together", *usual, "--seconds", "1", "--together", "1", "2")],
        "training": [make.training(photos, "--seconds", "5", "--tiny")] if photos else [],
        "profile": [make.measure("kernels", "--output", str(out / "kernels.csv"), "--tiny")],
        "mps": [make.speed("mps", *usual, "--seconds", "1", "--together", "2", "1", module="benchmarks.gpu.mps")],
    }
    return _staged({name: [_beside(job) for job in jobs] for name, jobs in plan.items()}, REHEARSED)


@dataclass(frozen=True)
class Jobs:
    """Makes the jobs of a run: `out` is the folder of their files, `device` where they compute."""

    out: Path
    device: str

    def speed(self, name: str, *words: str, module: str = "benchmarks.speed") -> Job:
        """Time steps, into a file of the job's name."""
        return self._job(name, module, "--output", str(self.out / f"{name}.csv"), *words)

    def measure(self, module: str, *words: str, name: str = "") -> Job:
        """Run a module of this folder."""
        return self._job(name or module, f"benchmarks.gpu.{module}", *words)

    def selftest(self, part: int, methods: Sequence[str], *words: str) -> Job:
        """Check gradients."""
        return self._job(f"selftest-{part}", "enco.selftest", *words, "--methods", *methods)

    def tests(self, part: int, parts: int, *names: str) -> Job:
        """Run a part of these tests."""
        options = ("--noconftest", "-p", "no:cacheprovider", "-p", "benchmarks.gpu.part", "-o", "addopts=", "-v")
        words = ("pytest", *options, "--tb=short", *names)
        return Job(f"tests-{part}", words, (*TRAINING, *PYTEST), {"PART": f"{part}/{parts}", **TESTING})

    def warm(self, part: int, *words: str) -> Job:
        """Fill the compiler's cache."""
        return self.measure("warm", "--within", "{seconds}", "--methods", *words, name=f"warm-{part}")

    def training(self, photos: Path, *words: str) -> Job:
        """Train on photographs."""
        folders = ("--photos", str(photos), "--out", str(self.out / "training"))
        return replace(self._job("training", "benchmarks.gpu.training", *folders, *words), needs=TRAINING)

    def _job(self, name: str, module: str, *words: str) -> Job:
        return Job(name, (module, "--device", self.device, *words), PYDANTIC)


def _beside(job: Job) -> Job:
    """Keep a job from taking the cores of those beside it."""
    return replace(job, environment={**SHARING, **job.environment})


def _staged(plan: dict[str, list[Job]], seconds: dict[str, int]) -> list[Stage]:
    return [Stage(name, seconds[name], tuple(jobs), vital=name == "probe") for name, jobs in plan.items()]
