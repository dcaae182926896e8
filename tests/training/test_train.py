from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from enco.config.compute import Capabilities, ComputeConfig
from enco.config.run import RunConfig
from enco.errors import NonFiniteLoss, UserError
from enco.io.files import read_json, write_json
from enco.methods import available, create
from enco.methods.cyclegan import CycleGan
from enco.runtime.signals import GO_ON_LATER, Stopped
from enco.train import DIVERGED, main
from enco.training.identity import config_hash
from enco.training.run_folder import is_held
from enco.training.run_log import RunLog
from tests.support.tiny_methods import tiny_options
from tests.support.tiny_runs import (
    PER_EPOCH,
    StopAt,
    assert_same,
    assert_same_run,
    final_state,
    lines,
    run,
    tiny_config,
    unfinish,
    write_images,
)
from tests.training.test_capabilities import AVX2_CPU, BF16_CPU

TOTAL = 2 * PER_EPOCH


class Killed(BaseException):
    """Ends a training without any of its own clean-up that a kill would not leave."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "noise")


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tiny_config(data), tmp_path_factory.mktemp("undisturbed"))


def dying_at(fatal: int) -> Any:
    """A RunLog.add that does not survive an iteration."""
    add = RunLog.add

    def dying(self: RunLog, iteration: int, losses: Any) -> None:
        if iteration == fatal:
            raise Killed
        add(self, iteration, losses)

    return dying


@pytest.fixture
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: CycleGan, batch: Any) -> Any:
        raise AssertionError("trained although there was nothing to train")

    monkeypatch.setattr(CycleGan, "step", step)


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(available()))
def test_a_run_that_was_killed_and_stopped_equals_one_that_was_not(
    method: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = create(method, **tiny_options(method)).images_per_step  # so that all have twelve iterations
    config = tiny_config(data, method, n_const=epochs, n_decay=epochs)
    whole = run(config, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RunLog, "add", dying_at(8))
        run(config, tmp_path / "broken")
    assert final_state(tmp_path / "broken")["iteration"] == 6
    with pytest.raises(Stopped, match="after iteration 7 of 12"):
        run(config, tmp_path / "broken", stop=StopAt(1))
    run(config, tmp_path / "broken")
    assert_same_run(whole, tmp_path / "broken")


def test_a_fast_training_goes_on_only_where_its_steps_are_computed_alike(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move_to(machine: Capabilities) -> None:
        monkeypatch.setattr("enco.training.train_step.capabilities", lambda *_: machine)

    config = tiny_config(data).model_copy(update={"compute": ComputeConfig(mode="fast")})
    move_to(BF16_CPU)
    with pytest.raises(Stopped):
        run(config, tmp_path, stop=StopAt(1))
    move_to(AVX2_CPU)
    with pytest.raises(UserError, match=r"computed\.bfloat16: true before, false here"):
        run(config, tmp_path)
    move_to(BF16_CPU)
    run(config, tmp_path)
    move_to(AVX2_CPU)
    run(config, tmp_path)
    assert read_json(tmp_path / "run.json")["computed"] == "bfloat16", "finished, and so left as it is"


def test_train_says_first_how_it_computes_and_why(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("enco.training.train_step.capabilities", lambda *_: AVX2_CPU)
    fast = ComputeConfig(mode="fast").explain(AVX2_CPU)
    for mode, said in {"plain": "Speed: plain on cpu (AVX2) computes in float32", "fast": fast}.items():
        config = tiny_config(data, n_decay=0).model_copy(update={"compute": ComputeConfig.model_validate(mode)})
        run(config, tmp_path / mode)
        first, *_ = capsys.readouterr().out.splitlines()
        assert first == said
        assert read_json(tmp_path / mode / "run.json")["computed"] == "float32"


def test_the_losses_are_those_of_every_iteration(undisturbed: Path) -> None:
    assert [line["iteration"] for line in lines(undisturbed)] == [4, 8, 12]
    assert [line["epoch"] for line in lines(undisturbed)] == [1, 2, 2]
    rates = [line["lr"]["generators"] for line in lines(undisturbed)]
    assert rates == [2e-4, 1e-4, 1e-4]


def test_outputs_say_where_they_come_from(undisturbed: Path, data: Path) -> None:
    record = read_json(undisturbed / "run.json")
    assert config_hash(RunConfig.model_validate(record["config"])) == record["config_hash"]
    assert record["config"]["options"]["lambda_identity"] == 0.5
    assert record["iterations"] == TOTAL
    assert record["wall_seconds"] > 0
    assert record["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert "mlflow_run_id" not in record
    assert record["begun"] == read_json(undisturbed / "config.json")["begun"] <= record["finished"]
    with safe_open(undisturbed / "generator.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["config_hash"] == record["config_hash"]
    assert metadata["iteration"] == str(TOTAL)
    assert read_json(undisturbed / "state.json")["state"] == "finished"


def test_how_often_things_are_written_does_not_change_the_weights(
    undisturbed: Path, data: Path, tmp_path: Path
) -> None:
    other = run(tiny_config(data, checkpoint_every=100, sample_every=1, snapshot_epochs=1), tmp_path)
    assert_same(final_state(undisturbed)["method"], final_state(other)["method"])
    assert len(list((other / "samples").iterdir())) == TOTAL
    assert [p.name for p in sorted((other / "snapshots").iterdir())] == [
        f"generator_epoch{epoch:03d}.safetensors" for epoch in (1, 2)
    ]


def test_loading_in_other_processes_does_not_change_the_weights(undisturbed: Path, data: Path, tmp_path: Path) -> None:
    assert_same_run(undisturbed, run(tiny_config(data), tmp_path, workers=1))


def test_another_seed_gives_other_weights(undisturbed: Path, data: Path, tmp_path: Path) -> None:
    assert lines(undisturbed) != lines(run(tiny_config(data, seed=1), tmp_path))


def test_a_finished_run_only_writes_its_outputs_again(data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    out = run(tiny_config(data), tmp_path)
    record, before = read_json(out / "run.json"), lines(out)
    (out / "run.json").unlink()
    (out / "generator.safetensors").unlink()
    monkeypatch.setattr(CycleGan, "step", lambda self, batch: pytest.fail("trained although all was done"))
    run(tiny_config(data), out)
    assert read_json(out / "run.json") == record
    assert lines(out) == before
    assert (out / "generator.safetensors").exists()


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    undisturbed: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(tiny_config(data), tmp_path)
    unfinish(out)
    newest = out / "checkpoints" / "iter0000012.pt"
    newest.write_bytes(newest.read_bytes()[:5000])
    run(tiny_config(data), out)
    said = capsys.readouterr().out
    assert f"The checkpoint {newest} is unreadable and skipped" in said
    assert "Going on from iteration 9." in said
    assert_same_run(undisturbed, out)


def test_with_no_good_checkpoint_training_starts_anew(undisturbed: Path, data: Path, tmp_path: Path) -> None:
    out = unfinish(run(tiny_config(data), tmp_path))
    for path in (out / "checkpoints").iterdir():
        path.write_bytes(b"not a checkpoint")
    assert_same_run(undisturbed, run(tiny_config(data), out))


def test_a_loss_that_is_not_finite_ends_the_training(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step, calls = CycleGan.step, iter(range(1, 100))

    def poisoned(self: CycleGan, batch: Any) -> Any:
        bad = next(calls) == 8
        return step(self, batch) | ({"cycle_b": torch.tensor(float("nan"))} if bad else {})

    monkeypatch.setattr(CycleGan, "step", poisoned)
    settings = tiny_config(data, log_every=100).model_dump_json()
    monkeypatch.setattr(sys, "argv", ["train", "--settings", settings, "--out", str(tmp_path), "--device", "cpu"])
    assert main() == DIVERGED
    said = capsys.readouterr().err
    assert "The loss 'cycle_b' became nan at iteration 8" in said
    assert "the checkpoint of iteration 6 is kept" in said
    assert final_state(tmp_path)["iteration"] == 6
    state = read_json(tmp_path / "state.json")
    assert state["state"] == "diverged"
    assert "iteration 8" in state["reason"]


def test_weights_that_are_not_finite_are_never_saved(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, calls = CycleGan.step, iter(range(1, 100))

    def poisoned(self: CycleGan, batch: Any) -> Any:
        losses = step(self, batch)
        if next(calls) == 6:
            next(self.g_ba.parameters()).data[0] = float("inf")
        return losses

    monkeypatch.setattr(CycleGan, "step", poisoned)
    with pytest.raises(NonFiniteLoss, match="weights of 'generator_ba' stopped being finite by iteration 6"):
        run(tiny_config(data), tmp_path)
    assert final_state(tmp_path)["iteration"] == 3


def test_a_snapshot_is_only_written_of_finite_weights_and_losses(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = CycleGan.step

    def bad_loss(self: CycleGan, batch: Any) -> Any:
        return step(self, batch) | {"cycle_b": torch.tensor(float("nan"))}

    def bad_weights(self: CycleGan, batch: Any) -> Any:
        losses = step(self, batch)
        next(self.g_ba.parameters()).data[0] = float("inf")
        return {name: torch.zeros(()) for name in losses}

    for poisoned, message in ((bad_loss, "loss 'cycle_b'"), (bad_weights, "weights of 'generator")):
        monkeypatch.setattr(CycleGan, "step", poisoned)
        out = tmp_path / poisoned.__name__
        with pytest.raises(NonFiniteLoss, match=message):
            run(tiny_config(data, snapshot_epochs=1, log_every=100, checkpoint_every=100, sample_every=100), out)
        assert not (out / "snapshots").exists()


def test_a_training_keeps_when_it_began_and_a_new_one_has_its_own(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = (f"2026-01-01T00:00:{second:02d}+00:00" for second in range(60))
    monkeypatch.setattr("enco.train.now", lambda: next(times))
    images, out = shutil.copytree(data, tmp_path / "images"), tmp_path / "run"

    def begun_after(fatal: int | None = None) -> str:
        with monkeypatch.context() as patch, nullcontext() if fatal is None else pytest.raises(Killed):
            patch.setattr(RunLog, "add", dying_at(fatal or 0))
            run(tiny_config(images), out)
        return str(read_json(out / "config.json")["begun"])

    first = begun_after(fatal=2)
    assert begun_after(fatal=8) == begun_after() == read_json(out / "run.json")["begun"] == first
    shutil.rmtree(out)
    second = begun_after(fatal=2)
    assert second != first
    (images / "trainB" / "0.png").unlink()
    assert begun_after(fatal=2) not in (first, second)


@pytest.mark.parametrize(("tracking", "said"), [("sync", False), ("live", True)])
def test_run_json_names_the_mlflow_run_of_a_live_training(
    tracking: str, said: bool, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = {"run_id": "abc", "experiment": "own/noise"}
    monkeypatch.setattr("enco.train.start_follower", lambda out: write_json(out / "mlflow.json", follower))
    write_json(tmp_path / "mlflow.json", follower)
    record = read_json(run(tiny_config(data, tracking=tracking, n_decay=0), tmp_path) / "run.json")
    assert record.get("mlflow_run_id") == ("abc" if said else None)
    assert ("mlflow_run_id" in record) is said


def test_a_crash_is_recorded(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CycleGan, "step", lambda self, batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tiny_config(data), tmp_path)
    state = read_json(tmp_path / "state.json")
    assert (state["state"], state["reason"]) == ("failed", "ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"ngff": 4}}, "Unknown key 'ngff' in options of method cyclegan"),
        ({"options": {"batch_size": 7}}, "holds no batch of 7"),
        ({"n_const": 0, "n_decay": 0}, "nothing to train"),
    ],
)
def test_bad_settings_are_one_sentence(data: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(tiny_config(data, **change), tmp_path)


@pytest.mark.parametrize("folder", ["trainA", "testB"])
def test_a_truncated_image_is_named_before_training(folder: str, tmp_path: Path, no_step: None) -> None:
    data = write_images(tmp_path / "images")
    image = data / folder / "1.png"
    image.write_bytes(image.read_bytes()[:600])
    with pytest.raises(UserError, match=str(image)):
        run(tiny_config(data), tmp_path / "run")


def start(config: RunConfig, out: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "enco.train", "--settings", config.model_dump_json(), "--out", str(out)]
    with log.open("wb") as file:
        return subprocess.Popen([*command, "--threads", "1", "--device", "cpu"], stdout=file, stderr=file)


def wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 600
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.005)


@pytest.mark.slow
def test_kill_9_and_a_second_process_in_the_same_folder(data: Path, tmp_path: Path) -> None:
    config = tiny_config(data, n_const=6, n_decay=6, checkpoint_every=20)
    out, logs = tmp_path / "killed", [tmp_path / "first.log", tmp_path / "second.log"]
    first = start(config, out, logs[0])
    wait_for(out / "state.json", first, logs[0])
    second = start(config, out, logs[1])
    wait_for(out / "checkpoints" / "iter0000020.pt", first, logs[0])
    first.send_signal(signal.SIGSTOP)  # so that it is still alive when the second has started
    while "Another process trains" not in logs[1].read_text():
        assert second.poll() is None
        time.sleep(0.05)
    assert is_held(out)
    first.kill()
    first.wait()
    assert second.wait(120) == 0, logs[1].read_text()
    assert "Going on from iteration" in logs[1].read_text()
    assert_same_run(run(config, tmp_path / "whole"), out)


@pytest.mark.slow
def test_sigterm_writes_a_checkpoint_and_says_go_on_later(data: Path, tmp_path: Path) -> None:
    config = tiny_config(data, n_const=100, n_decay=0, checkpoint_every=1000, log_every=1)
    log = tmp_path / "log"
    process = start(config, tmp_path, log)
    wait_for(tmp_path / "metrics.jsonl", process, log)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == GO_ON_LATER, log.read_text()
    state = read_json(tmp_path / "state.json")
    assert state["state"] == "stopped"
    assert 0 < state["iteration"] == final_state(tmp_path)["iteration"] < 100 * PER_EPOCH
    assert lines(tmp_path)[-1]["iteration"] == state["iteration"]
    started, stopped = map(json.loads, (tmp_path / "history.jsonl").read_text().splitlines())
    assert (started["event"], started["iteration"]) == ("start", 0)
    assert (stopped["event"], stopped["iteration"]) == ("stopped", state["iteration"])
    assert "SIGTERM" in stopped["reason"]
