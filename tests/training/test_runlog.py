from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enco.errors import NonFiniteLoss, UserError
from enco.training.metrics_file import append_line, cut_back, read_metrics
from enco.training.run_log import RunLog

finite = st.floats(-1e6, 1e6, width=32)


def add(log: RunLog, iteration: int, **losses: float) -> None:
    log.add(iteration, {name: torch.tensor(value) for name, value in losses.items()})


@given(st.lists(finite, min_size=1, max_size=20))
def test_means_are_those_of_the_window(values: list[float]) -> None:
    log = RunLog(Path("unused"))
    for iteration, value in enumerate(values, 1):
        add(log, iteration, gan=value)
    assert log.means() == {"gan": math.fsum(values) / len(values)}


def test_a_term_that_is_not_always_there_is_averaged_where_it_is() -> None:
    log = RunLog(Path("unused"))
    add(log, 1, gan=1.0, idt=3.0)
    add(log, 2, gan=2.0)
    assert log.means() == {"gan": 1.5, "idt": 3.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_bad_term_and_its_iteration_are_named(value: float) -> None:
    log = RunLog(Path("unused"))
    add(log, 11, gan=1.0, nce=2.0)
    add(log, 12, gan=1.0, nce=value)
    add(log, 13, gan=value, nce=value)
    with pytest.raises(NonFiniteLoss, match=f"'nce' became {value} at iteration 12"):
        log.check()


def test_a_line_ends_the_window(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "metrics.jsonl")
    add(log, 1, gan=1.0)
    log.write(1, 1, {"generator": 0.1}, waited=0.0)
    add(log, 2, gan=5.0)
    log.write(2, 1, {"generator": 0.1}, waited=0.0)
    assert [line["losses"] for line in read_metrics(log.path)] == [{"gan": 1.0}, {"gan": 5.0}]
    assert {"iteration", "epoch", "losses", "lr", "sec_per_iter", "data_wait"} <= read_metrics(log.path)[0].keys()


def test_an_unfinished_window_goes_on_after_a_checkpoint(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "metrics.jsonl")
    add(log, 1, gan=1.0)
    after = RunLog(log.path)
    after.resume(1, log.state())
    add(after, 2, gan=2.0)
    assert after.means() == {"gan": 1.5}


@given(kept=st.integers(0, 12), torn=st.booleans())
def test_cutting_back_keeps_whole_lines_up_to_an_iteration(
    tmp_path_factory: pytest.TempPathFactory, kept: int, torn: bool
) -> None:
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    whole = [json.dumps({"iteration": iteration}) + "\n" for iteration in range(1, 11)]
    path.write_text("".join(whole) + ('{"iteration": 1' if torn else ""))
    cut_back(path, kept)
    assert path.read_text() == "".join(whole[:kept])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match="Disk full while writing"):
        append_line(tmp_path / "metrics.jsonl", {"iteration": 1})
