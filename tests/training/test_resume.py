"""What a training does with what its folder holds: goes on, is finished, stops and names what differs, begins anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enco import methods
from enco.config.compute import ComputeOptions
from enco.data.manifest import write_manifest
from enco.errors import UserError
from enco.io.files import read_json
from enco.methods.cyclegan import CycleGan
from enco.methods.parts.generator_file import load_generator
from enco.options.cyclegan import INFO, CycleGanOptions
from enco.runtime.signals import Stopped
from enco.training.arguments import parse_arguments
from enco.training.identity import OnChange
from tests.support.tiny_runs import (
    PER_EPOCH,
    StopAt,
    assert_same,
    assert_same_run,
    final_state,
    run,
    tiny_config,
    write_images,
)

ANEW, KEEP = OnChange(anew=True), OnChange(keep=frozenset({"code", "computed"}))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "noise")


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tiny_config(data), tmp_path_factory.mktemp("undisturbed"))


def half_done(config: Any, out: Path, iterations: int = 4) -> Path:
    with pytest.raises(Stopped):
        run(config, out, stop=StopAt(iterations))
    return out


@pytest.fixture
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: CycleGan, batch: Any) -> Any:
        raise AssertionError("trained although there was nothing to train")

    monkeypatch.setattr(CycleGan, "step", step)


@pytest.fixture
def edit_code(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the code of these files another one, as far as a training can tell."""
    from enco.training.sources import method_sources

    def edit(*files: str) -> None:
        changed = {**method_sources("cyclegan"), **dict.fromkeys(files, "edited")}
        monkeypatch.setattr("enco.training.provenance.method_sources", lambda method, **_: changed)

    return edit


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give CycleGAN other options, as another version of its file would."""
    look_up = methods._look_up

    def upgrade(options: type[CycleGanOptions]) -> None:
        other = replace(INFO, Options=options)
        monkeypatch.setattr(methods, "_look_up", lambda name: other if name == "cyclegan" else look_up(name))

    return upgrade


def test_another_name_of_folder_task_variant_and_scale_goes_on(finished: Path, data: Path, tmp_path: Path) -> None:
    out = half_done(tiny_config(data), tmp_path / "run")
    copy = shutil.copytree(data, tmp_path / "other name")
    named = tiny_config(copy).model_copy(update={"task": "renamed", "variant": "v", "scale": "s"})
    run(named, out)
    assert_same_run(finished, out)


def test_a_manifest_written_or_lost_between_two_calls_goes_on(finished: Path, data: Path, tmp_path: Path) -> None:
    images = shutil.copytree(data, tmp_path / "images")
    out = half_done(tiny_config(images), tmp_path / "run")
    write_manifest(images)
    half_done(tiny_config(images), out, iterations=2)
    (images / "manifest.json").unlink()
    run(tiny_config(images), out)
    assert_same_run(finished, out)


def test_a_new_test_image_goes_on(finished: Path, data: Path, tmp_path: Path) -> None:
    images = shutil.copytree(data, tmp_path / "images")
    out = half_done(tiny_config(images), tmp_path / "run")
    shutil.copy(images / "trainA" / "0.png", images / "testA" / "new.png")
    run(tiny_config(images), out)
    assert_same_run(finished, out)


def test_an_option_that_an_upgrade_brings_at_its_default_goes_on(
    finished: Path, data: Path, tmp_path: Path, upgrade: Callable[..., None]
) -> None:
    out = half_done(tiny_config(data), tmp_path)
    before = read_json(out / "config.json")

    class Options(CycleGanOptions):
        lambda_new: float = 0.0

    upgrade(Options)
    run(tiny_config(data), out)
    record = read_json(out / "run.json")
    assert record["config_hash"] == before["config_hash"] and record["config"]["options"]["lambda_new"] == 0.0
    assert_same_run(finished, out)
    with pytest.raises(UserError, match=r"options\.lambda_new: 0\.0 before, 2\.0 asked for"):
        run(tiny_config(data, options={"lambda_new": 2.0}), out)


def test_a_default_that_an_upgrade_changes_is_named(data: Path, tmp_path: Path, upgrade: Callable[..., None]) -> None:
    out = half_done(tiny_config(data), tmp_path)

    class Options(CycleGanOptions):
        lambda_identity: float = 0.25

    upgrade(Options)
    with pytest.raises(UserError, match=r"options\.lambda_identity: 0\.5 before, 0\.25 asked for"):
        run(tiny_config(data), out)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"options": {"lambda_identity": 0.25}}, r"options\.lambda_identity: 0\.5 before, 0\.25 asked for"),
        ({"seed": 1}, r"seed: 0 before, 1 asked for"),
        ({"n_const": 0}, r"train\.n_const: 1 before, 0 asked for"),
        ({"method": "gcgan"}, r'method: "cyclegan" before, "gcgan" asked for'),
    ],
)
def test_what_differs_stops_the_training_and_is_named(
    changes: dict[str, Any], said: str, data: Path, tmp_path: Path
) -> None:
    out = half_done(tiny_config(data), tmp_path)
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=said) as error:
        run(tiny_config(data, **changes), out)
    assert "--anew" in str(error.value) and str(out) in str(error.value) and "iteration 4" in str(error.value)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == files


def test_other_images_of_equal_names_and_sizes_are_noticed(data: Path, tmp_path: Path) -> None:
    images = shutil.copytree(data, tmp_path / "images")
    image = images / "trainB" / "1.png"
    out = half_done(tiny_config(images), tmp_path / "run")
    content = image.read_bytes()
    image.write_bytes(content + b"\0")
    with pytest.raises(UserError, match=r"the training images \(their names or contents\)"):
        run(tiny_config(images), out)
    image.write_bytes(content[:-12] + b"\1\2\3\4" + content[-8:])
    with pytest.raises(UserError, match="the training images"):
        run(tiny_config(images), out)


def test_anew(finished: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(tiny_config(data, seed=1), tmp_path)
    old = (out / "generator.safetensors").read_bytes()
    with pytest.raises(Stopped):
        run(tiny_config(data), out, stop=StopAt(4), policy=ANEW)
    assert f"moved to {out / 'earlier-1'}, training begins anew" in capsys.readouterr().out
    assert (out / "earlier-1" / "generator.safetensors").read_bytes() == old
    assert (out / "earlier-1" / "checkpoints" / "iter0000012.pt").exists()
    run(tiny_config(data), out, policy=ANEW)  # the same command again goes on
    assert "Going on from iteration 4." in capsys.readouterr().out
    assert not (out / "earlier-2").exists()
    assert events(out / "earlier-1") == ["start", "finished"]
    assert events(out) == ["start", "stopped", "start", "finished"]
    assert_same_run(finished, out)


def events(out: Path) -> list[str]:
    """Return what became of the training in a folder, by its history."""
    return [json.loads(line)["event"] for line in (out / "history.jsonl").read_text().splitlines()]


def test_edited_code_stops_a_training_and_is_named(data: Path, tmp_path: Path, edit_code: Callable[..., None]) -> None:
    out = half_done(tiny_config(data), tmp_path)
    edit_code("enco/losses/terms.py", "enco/methods/cyclegan.py")
    said = r"the code in enco/losses/terms\.py, the code in enco/methods/cyclegan\.py\).*--anew.*--keep code goes on"
    with pytest.raises(UserError, match=said):
        run(tiny_config(data), out)


def test_edited_code_begins_anew_or_is_kept_and_recorded(
    finished: Path, data: Path, tmp_path: Path, edit_code: Callable[..., None]
) -> None:
    before = read_json(finished / "run.json")
    out = half_done(tiny_config(data), tmp_path / "run")
    edit_code("enco/losses/terms.py")
    run(tiny_config(data), out, policy=KEEP)
    record = read_json(out / "run.json")
    assert record["sources"]["enco/losses/terms.py"] == "edited"
    was = {"enco/losses/terms.py": before["sources"]["enco/losses/terms.py"]}
    assert record["changes"] == [{"iteration": 4, "exact": False, "before": was}]
    assert record["plan"] == before["plan"]
    run(tiny_config(data), out)  # accepted: it does not ask again
    run(tiny_config(data), shutil.copytree(finished, tmp_path / "anew"), policy=ANEW)
    assert (tmp_path / "anew" / "earlier-1" / "run.json").exists()
    assert read_json(tmp_path / "anew" / "run.json")["changes"] == []


def test_a_finished_training_of_other_code_is_kept_if_asked_to(
    finished: Path, data: Path, tmp_path: Path, edit_code: Callable[..., None], no_step: None
) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    weights = (out / "generator.safetensors").read_bytes()
    edit_code("enco/losses/terms.py")
    with pytest.raises(
        UserError, match=r"finished training that was made otherwise \(the code in enco/losses/terms\.py\)"
    ):
        run(tiny_config(data), out)
    assert read_json(out / "state.json")["state"] == "finished"
    run(tiny_config(data), out, policy=KEEP)
    run(tiny_config(data), out)
    assert (out / "generator.safetensors").read_bytes() == weights
    assert read_json(out / "run.json")["changes"][0]["iteration"] == 2 * PER_EPOCH


def test_what_another_machine_computes_with_is_named_and_may_be_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = half_done(tiny_config(data), tmp_path)
    config = tiny_config(data)
    fast = config.model_copy(update={"compute": config.compute.model_copy(update={"tf32": False})})
    with pytest.raises(UserError, match=r"compute\.tf32: null before, false asked for"):
        run(fast, out)
    monkeypatch.setattr(type(config.compute), "options_for", lambda self, can: ComputeOptions(tf32=False))
    with pytest.raises(UserError, match=r"computed\.tf32: true before, false here.*--keep computed goes on"):
        run(config, out)
    run(config, out, policy=KEEP)
    assert read_json(out / "run.json")["computed"] == "float32 to iteration 4, then float32, no TF32"


def test_a_finished_run_without_checkpoints_trains_nothing(
    finished: Path, data: Path, tmp_path: Path, no_step: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(out / "checkpoints")
    before = {name: (out / name).read_bytes() for name in ("generator.safetensors", "run.json")}
    run(tiny_config(data), out)
    assert f"The training in {out} is finished" in capsys.readouterr().out
    for name in before:  # as Snakemake does before it runs a job again
        (out / name).unlink()
    run(tiny_config(data), out)
    assert {name: (out / name).read_bytes() for name in before} == before
    assert read_json(out / "state.json")["state"] == "finished"
    assert load_generator(out / "generator.safetensors")


def test_more_epochs_from_within_the_constant_half_are_exact(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = half_done(tiny_config(data, n_const=2), tmp_path / "run")
    run(tiny_config(data, n_const=3, n_decay=2), out)
    assert "The result equals that of a training that had this length from the beginning" in capsys.readouterr().out
    assert_same_run(run(tiny_config(data, n_const=3, n_decay=2), tmp_path / "whole"), out)
    assert read_json(out / "run.json")["changes"][0]["exact"] is True


def test_more_epochs_after_a_decay_are_said_not_to_be(
    finished: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    run(tiny_config(data, n_const=2), out)
    said = capsys.readouterr().out
    assert "The result may differ from that of a training" in said and "Going on from iteration 12." in said
    assert final_state(out)["iteration"] == 3 * PER_EPOCH
    old = (finished / "generator.safetensors").read_bytes()
    assert (out / "earlier-1" / "generator.safetensors").read_bytes() == old
    assert (out / "generator.safetensors").read_bytes() != old
    assert read_json(out / "run.json")["changes"][0]["exact"] is False
    run(tiny_config(data, n_const=2), out)


def test_more_epochs_of_a_rate_that_never_decays_are_exact_from_the_end(data: Path, tmp_path: Path) -> None:
    out = run(tiny_config(data, n_decay=0), tmp_path / "run")
    run(tiny_config(data, n_const=2, n_decay=0), out)
    assert_same(final_state(run(tiny_config(data, n_const=2, n_decay=0), tmp_path / "whole")), final_state(out))


def test_more_iterations_are_exact(data: Path, tmp_path: Path) -> None:
    out = run(tiny_config(data, options={"max_iterations": 7}), tmp_path / "run")
    run(tiny_config(data, options={"max_iterations": 9}), out)
    whole = run(tiny_config(data, options={"max_iterations": 9}), tmp_path / "whole")
    assert_same(final_state(whole), final_state(out))
    with pytest.raises(UserError, match=r"options\.max_iterations: 9 before, 8 asked for"):
        run(tiny_config(data, options={"max_iterations": 8}), out)


def test_anew_does_not_go_on_inexactly(finished: Path, data: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    run(tiny_config(data, n_const=2), out, policy=ANEW)
    assert_same_run(run(tiny_config(data, n_const=2), tmp_path / "whole"), out)


def test_more_epochs_without_the_last_checkpoint_stop(finished: Path, data: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(out / "checkpoints")
    with pytest.raises(UserError, match=r"train\.n_const: 1 before, 2 asked for"):
        run(tiny_config(data, n_const=2), out)
    assert (out / "generator.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        ([], OnChange()),
        (["--anew"], ANEW),
        (["--keep"], KEEP),
        (["--anew", "--keep", "code"], OnChange(True, frozenset({"code"}))),
    ],
)
def test_the_command_line_says_what_to_do(words: list[str], policy: OnChange, tmp_path: Path) -> None:
    line = ["--method", "cut", "--data", str(tmp_path), "--out", str(tmp_path / "run"), *words]
    assert parse_arguments(line).policy == policy


def test_a_file_system_without_hard_links_keeps_a_copy(
    finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_step: None
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    out = shutil.copytree(finished, tmp_path / "run")
    (out / "run.json").unlink()
    run(tiny_config(data), out)
    assert (out / "run.json").read_bytes() == (finished / "run.json").read_bytes()


@pytest.mark.parametrize("content", ["{}", '{"settings": {}}', "[]"])
def test_a_record_of_another_version_is_named(tmp_path: Path, data: Path, content: str, no_step: None) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "generator.safetensors").touch()
    (out / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json is no record of a training by this version \(it .*\): move"):
        run(tiny_config(data), out)
