"""Whole trainings small enough for a test, and what to compare of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from enco.config.base import parse
from enco.config.run import RunConfig
from enco.records import GitState, RunRecord
from enco.runtime.signals import StopRequest
from enco.train import train
from enco.training.checkpoint import read_checkpoint
from enco.training.identity import OnChange
from tests.support.tiny_methods import tiny_options

PER_EPOCH = 6
CPU = torch.device("cpu")


class StopAt(StopRequest):
    """A stop that is asked for when the loop asks the n-th time."""

    def __init__(self, iterations: int) -> None:
        self.left = iterations

    @property
    def by(self) -> str | None:  # type: ignore[override]
        self.left -= 1
        return "SIGTERM" if self.left <= 0 else None


def write_images(root: Path, seed: int = 0, per_step: int = 1) -> Path:
    """A data folder of noise; an epoch of it has PER_EPOCH steps of so many images."""
    rng = np.random.default_rng(seed)
    for name, count in {"trainA": PER_EPOCH, "trainB": 5, "testA": 5, "testB": 3}.items():
        (root / name).mkdir(parents=True)
        for index in range(count * per_step):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def tiny_config(
    data: Path, method: str = "cyclegan", seed: int = 0, options: dict[str, Any] | None = None, **train: Any
) -> RunConfig:
    """Two epochs, of one constant and one decaying, with cadences that do not fall together."""
    cadence = {"n_const": 1, "n_decay": 1, "checkpoint_every": 3, "log_every": 4, "sample_every": 5}
    chosen = tiny_options(method) | {"load_size": 36} | (options or {})
    if method == "cyclegan":
        chosen = {"n_blocks": 1} | chosen
    values = {"method": method, "task": "noise", "data": {"root": data}, "options": chosen, "seed": seed}
    return parse(RunConfig, {**values, "train": cadence | train}, "a test")


def some_record(data: Path = Path("data")) -> RunRecord:
    """What a checkpoint says of a training that nobody did."""
    return RunRecord(
        config=tiny_config(data),
        config_hash="0",
        plan="1",
        settings={},
        sources={},
        data_hash="2",
        data_source={},
        parameter_count=1,
        git=GitState(commit=None, dirty=None, diff=None),
        versions={},
        device="cpu",
        computed="float32",
        pieces={},
        changes=[],
    )


def run(
    config: RunConfig, out: Path, stop: StopRequest | None = None, workers: int = 0, policy: OnChange | None = None
) -> Path:
    """Train on one CPU thread, and give back the folder."""
    torch.set_num_threads(1)
    train(config, out, CPU, workers, stop, policy)
    return out


def unfinish(out: Path) -> Path:
    """Leave a finished run's folder as a kill after the last checkpoint would."""
    for folder in (out, out / "finished"):
        for name in ("generator.safetensors", "run.json"):
            (folder / name).unlink()
    return out


def final_state(out: Path) -> dict[str, Any]:
    """Everything in the newest checkpoint that must not depend on what befell the run."""
    checkpoint = read_checkpoint(sorted((out / "checkpoints").glob("iter*.pt"))[-1])
    return {"iteration": checkpoint.iteration, "method": checkpoint.method, "random": checkpoint.random}


def lines(out: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without what the clock put in."""
    texts = (out / "metrics.jsonl").read_text().splitlines()
    timed = ("time", "sec_per_iter", "data_wait")
    return [{k: v for k, v in json.loads(t).items() if k not in timed} for t in texts]


def assert_same(one: Any, other: Any) -> None:
    """Nested containers are equal, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            assert_same(mine, theirs)
    else:
        assert one == other


def assert_same_run(one: Path, other: Path) -> None:
    """Two run folders hold the same weights, full state and losses."""
    assert_same(load_file(one / "generator.safetensors"), load_file(other / "generator.safetensors"))
    assert_same(final_state(one), final_state(other))
    assert lines(one) == lines(other)
