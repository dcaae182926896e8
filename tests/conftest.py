"""What several tests share, and how parallel workers share the tests."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from xdist.remote import Producer

from slurm_fixture import slurm as slurm
from slurm_fixture import slurm_without_accounting as slurm_without_accounting
from tests.support.archive_server import shop as shop
from tests.support.browser import browser as browser
from tests.support.pipeline import finished_pipeline as finished_pipeline
from tests.support.schedule import ByFile, rank

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait by spinning take the other worker's core
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is imported
# A machine that does other work is no failure; CI tries the same examples each time, all other runs new ones.
settings.register_profile("busy", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest files."""
    items.sort(key=lambda item: rank(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Give whole files to workers."""
    config.option.loadscopereorder = False  # the order of files is that of `rank`
    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute on one thread, whichever tests ran before in this process: other threads give other last digits."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def no_gpu_is_promised(one_thread: None) -> None:
    """Hide GPUs that this PyTorch cannot use: a command that was given one refuses to compute on the CPU."""
    import torch

    from enco.runtime.devices import given_gpu

    if given_gpu() and not torch.cuda.is_available():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture
def hangup_heeded() -> Iterator[None]:
    """Let SIGHUP do what it does by itself, in processes that a test starts too: under `nohup` tests ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
