"""Batches on their way to the device: the same ones, in the same order, and how long a training waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from enco.data.batch import Batch
from enco.data.unpaired import UnpairedImages
from enco.io.files import read_json
from enco.options.base import MethodOptions
from enco.runtime.signals import Stopped
from enco.training.checkpoint import Checkpoint, CheckpointFolder, read_checkpoint
from enco.training.metrics_file import read_metrics
from enco.training.prefetcher import Prefetcher
from enco.training.run_log import RunLog
from tests.support.tiny_runs import CPU, run, tiny_config, write_images
from tests.training.test_train import StopAt

CUDA = torch.device("cuda")
MOMENT = 0.1


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "noise")


def noise(root: Path) -> UnpairedImages:
    return UnpairedImages(root, "AtoB", MethodOptions(crop_size=32, load_size=36), n_const=1, seed=0)


def batches(count: int, seconds: float) -> Iterator[Batch]:
    """Batches that take some time to come."""
    for number in range(count):
        time.sleep(seconds)
        yield Batch(source=torch.full((1,), float(number)), target=torch.zeros(1))


def share(loading: float, stepping: float, path: Path) -> float:
    """The `data_wait` of a window of steps."""
    log, prefetcher = RunLog(path), Prefetcher(batches(5, loading), CPU)
    for iteration, _ in enumerate(prefetcher, 1):
        time.sleep(stepping)
        log.add(iteration, {})
    log.write(5, 1, {}, prefetcher.waited)
    return float(read_metrics(path)[-1]["data_wait"])


def test_a_fast_loader_keeps_no_slow_step_waiting(tmp_path: Path) -> None:
    assert 0 <= share(0, MOMENT, tmp_path / "metrics.jsonl") < 0.2


def test_a_slow_loader_keeps_a_fast_step_waiting(tmp_path: Path) -> None:
    assert 0.7 < share(MOMENT, 0, tmp_path / "metrics.jsonl") <= 1


def test_workers_load_while_a_step_goes_on(root: Path) -> None:
    """Loading in the same process is waiting; in another one it is only where that cannot keep up."""

    class Slow(UnpairedImages):
        def get(self, item: int) -> Batch:
            time.sleep(MOMENT)
            return super().get(item)

    def waited(workers: int) -> float:
        images = Slow(root, "AtoB", MethodOptions(crop_size=32, load_size=36), n_const=1, seed=0)
        prefetcher = Prefetcher(images.loader(0, 11, 1, workers), CPU)
        steps = iter(prefetcher)
        next(steps)
        started = prefetcher.waited
        for _ in steps:
            time.sleep(2 * MOMENT)
        return prefetcher.waited - started

    assert waited(workers=0) >= 10 * MOMENT
    assert waited(workers=1) < 6 * MOMENT


def test_windows_count_only_their_own_waiting(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "metrics.jsonl")
    for iteration in (1, 2):
        time.sleep(MOMENT)
        log.write(iteration, 1, {}, waited=MOMENT)
    first, second = (line["data_wait"] for line in read_metrics(log.path))
    assert 0.3 < first <= 1 and second == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_order_and_content_are_the_loaders(root: Path, workers: int) -> None:
    state = torch.get_rng_state()
    fed = list(Prefetcher(noise(root).loader(2, 9, 1, workers, CPU), CPU))
    assert torch.equal(torch.get_rng_state(), state)
    for batch, wanted in zip(fed, noise(root).loader(2, 9, 1), strict=True):
        assert torch.equal(batch["source"], wanted["source"]) and torch.equal(batch["target"], wanted["target"])


def test_memory_is_pinned_for_cuda_alone(root: Path) -> None:
    images = noise(root)
    devices = (None, CPU, torch.device("mps"), CUDA)
    assert [images.loader(0, 1, 1, device=device).pin_memory for device in devices] == [False, False, False, True]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_arrives_on_a_gpu_is_what_was_loaded(root: Path) -> None:
    fed = [
        Batch(source=batch["source"] * 1, target=batch["target"] * 1)
        for batch in Prefetcher(noise(root).loader(0, 40, 1, 2, CUDA), CUDA)
    ]
    for batch, wanted in zip(fed, noise(root).loader(0, 40, 1), strict=True):
        assert batch["source"].is_cuda
        assert torch.equal(batch["source"].cpu(), wanted["source"])
        assert torch.equal(batch["target"].cpu(), wanted["target"])


def test_a_worker_computes_on_one_thread(root: Path) -> None:
    class Threads(UnpairedImages):
        def get(self, item: int) -> Batch:
            return Batch(source=torch.tensor(torch.get_num_threads()), target=torch.zeros(()))

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        images = Threads(root, "AtoB", MethodOptions(crop_size=32, load_size=36), n_const=1, seed=0)
        assert [int(batch["source"]) for batch in images.loader(0, 2, 1, workers=1)] == [1, 1]
    finally:
        torch.set_num_threads(before)


def test_a_run_says_what_share_of_all_its_parts_was_waiting(root: Path, tmp_path: Path) -> None:
    def newest() -> Checkpoint:
        return read_checkpoint(CheckpointFolder(tmp_path).files()[-1])

    with pytest.raises(Stopped):
        run(tiny_config(root), tmp_path, stop=StopAt(5))
    stopped = newest()
    run(tiny_config(root), tmp_path)
    shares = [line["data_wait"] for line in read_metrics(tmp_path / "metrics.jsonl")]
    assert len(shares) == 3 and all(0 < share < 1 for share in shares)
    assert 0 < stopped.wait_seconds < newest().wait_seconds < newest().wall_seconds
    found = read_json(tmp_path / "run.json")["data_wait"]
    assert found == pytest.approx(newest().wait_seconds / newest().wall_seconds, abs=1e-4)
