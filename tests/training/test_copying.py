"""Trainings that begin by copying images: what is learned, what stays, and what records say of it."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from enco.config.base import parse
from enco.config.run import RunConfig
from enco.errors import NonFiniteLoss, UserError
from enco.io.files import read_json
from enco.io.safetensors_file import load_safetensors
from enco.methods import infos
from enco.records import FINISHED_FILE
from enco.runtime.signals import Stopped
from enco.training.arguments import parse_arguments
from enco.training.copying import copying_loss, interpolate, is_upsampling, learn_to_copy
from enco.training.identity import config_hash, settings_of
from enco.training.iterations import Steps, first_weights
from enco.training.sources import method_sources
from eval.metrics.scores import changed_settings, read_run
from tests.support.tiny_runs import CPU, StopAt, assert_same, assert_same_run, run, tiny_config

STEPS = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Soft images, which little networks can copy."""
    root, rng = tmp_path_factory.mktemp("soft"), np.random.default_rng(0)
    for name in ("trainA", "trainB", "testA", "testB"):
        (root / name).mkdir()
        for index in range(6):
            corners = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
            corners.resize((40, 40), Image.Resampling.BICUBIC).save(root / name / f"{index}.png")
    return root


def copying(data: Path, method: str, steps: int = STEPS, **changes: Any) -> RunConfig:
    return tiny_config(data, method, **changes).model_copy(update={"copy_steps": steps})


def prepared(config: RunConfig) -> Steps:
    torch.set_num_threads(1)
    return Steps.prepare(config, first_weights(config, CPU))


def copy_images(steps: Steps, count: int = STEPS) -> None:
    assert len(list(learn_to_copy(steps, count))) == count


@torch.no_grad()
def loss(steps: Steps) -> float:
    batches = steps.data.loader(0, steps.per_epoch, steps.method.images_per_step)
    torch.manual_seed(0)
    return float(np.mean([copying_loss(steps.method, batch) for batch in batches]))


@pytest.mark.parametrize("name", sorted(infos()))
def test_every_method_learns_to_copy_and_nothing_else_changes(name: str, data: Path) -> None:
    steps = prepared(copying(data, name))
    method, before = steps.method, loss(steps)
    others = {key: net.state_dict() for key, net in method.networks.items() if key not in method.translators}
    kept = copy.deepcopy(others)
    copy_images(steps)
    assert loss(steps) < 0.8 * before
    assert_same(others, kept)
    weights = [weight for network in method.networks.values() for weight in network.parameters()]
    assert all(weight.grad is None for weight in weights)
    assert all(method.networks[key].training for key in method.translators)


def test_gcgans_second_generator_copies_too(data: Path) -> None:
    config = copying(data, "gcgan")
    steps = prepared(config.model_copy(update={"options": config.options | {"sharing": "cross"}}))
    networks = steps.method.networks
    assert not torch.equal(next(networks["generator_gc"].parameters()), next(networks["generator"].parameters()))
    copy_images(steps)
    assert_same(networks["generator_gc"].state_dict(), networks["generator"].state_dict())


@pytest.mark.parametrize("name", ["distancegan", "drit"])
def test_upsampling_keeps_its_interpolation_and_trains_afterwards(name: str, data: Path) -> None:
    steps = prepared(copying(data, name))
    copy_images(steps, 3)
    networks = [steps.method.networks[key] for key in steps.method.translators]
    layers = [layer for network in networks for layer in network.modules() if is_upsampling(layer)]
    assert len(layers) == 4  # two for each direction
    for layer in layers:
        weight = layer.weight
        torch.testing.assert_close(weight[..., 0, 0] * 4, weight[..., 1, 1])
        torch.testing.assert_close(weight[..., 2, 1] * 2, weight[..., 1, 1])
        assert weight.requires_grad


def test_interpolation_doubles_the_sides_of_a_slope() -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)
    interpolate(layer)
    slope = torch.arange(5.0).expand(1, 1, 5, 5)
    # Beyond the last pixel there is nothing to interpolate to.
    wide = layer(slope)[0, 0, :9, :9] / layer.weight[0, 0, 1, 1]
    torch.testing.assert_close(wide, (torch.arange(9.0) / 2).expand(9, 9))


def test_no_steps_leave_the_weights_and_the_random_state_as_they_are(data: Path) -> None:
    steps = prepared(tiny_config(data, "distancegan"))
    before, state = copy.deepcopy(steps.method.state_dict()["networks"]), torch.get_rng_state()
    copy_images(steps, 0)
    assert_same(steps.method.state_dict()["networks"], before)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_stopped_training_goes_on_bit_for_bit_without_copying_again(data: Path, tmp_path: Path) -> None:
    config = copying(data, "distancegan", 5)
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(config, tmp_path / "halves", StopAt(5 + 2))
    assert_same_run(whole, run(config, tmp_path / "halves"))


def test_a_stop_while_copying_is_heeded_at_once_and_loses_no_bit(data: Path, tmp_path: Path) -> None:
    config = copying(data, "distancegan", 5)
    with pytest.raises(Stopped, match=r"^stopped by SIGTERM in step 2 of 5 of learning to copy, which begins anew$"):
        run(config, tmp_path / "stopped", StopAt(2))
    assert read_json(tmp_path / "stopped" / "state.json")["state"] == "stopped"
    assert_same_run(run(config, tmp_path / "whole"), run(config, tmp_path / "stopped"))


def test_copying_that_diverges_says_so(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enco.training.copying.RATE", float("inf"))
    with pytest.raises(NonFiniteLoss, match=r"The loss became nan in step 2 of 5 of learning to copy, so the training"):
        run(copying(data, "cut", 5), tmp_path / "run")


def test_the_hours_of_a_training_contain_copying(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic

    def copy_for_an_hour(*_: Any) -> Iterator[float]:
        yield 0.0
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 3600)

    monkeypatch.setattr("enco.train.learn_to_copy", copy_for_an_hour)
    out = run(copying(data, "cut", 5), tmp_path / "run")
    assert read_json(out / FINISHED_FILE)["wall_seconds"] > 3600


def test_it_decides_the_training_and_is_recorded(data: Path, tmp_path: Path) -> None:
    config = copying(data, "cut", 2)
    out, other = run(config, tmp_path / "run"), run(tiny_config(data, "cut"), tmp_path / "other")
    record = read_json(out / FINISHED_FILE)
    ended, without = (load_safetensors(folder / "generator.safetensors")[0] for folder in (out, other))
    assert not any(torch.equal(ended[name], without[name]) for name in ended if name.endswith("weight"))
    assert record["settings"]["copy_steps"] == 2
    assert "enco/training/copying.py" in record["sources"]
    assert changed_settings(read_run(out / FINISHED_FILE))["copy_steps"] == 2
    with pytest.raises(UserError, match=r"copy_steps: 2 before, 3 asked for.*--anew"):
        run(copying(data, "cut", 3), out)
    with pytest.raises(UserError, match=r"copy_steps: 2 before, 0 asked for"):
        run(tiny_config(data, "cut"), out)
    with pytest.raises(UserError, match=r"copy_steps: 0 before, 2 asked for"):
        run(config, other)


def test_a_training_without_it_is_what_it_was(data: Path, tmp_path: Path) -> None:
    config = tiny_config(data, "cut")
    assert "copy_steps" not in settings_of(config)
    assert config_hash(config) != config_hash(copying(data, "cut", 1))
    assert {*method_sources("cut", copies=True)} - {*method_sources("cut")} == {"enco/training/copying.py"}
    out = run(config, tmp_path / "run")
    assert "copy_steps" not in changed_settings(read_run(out / FINISHED_FILE))


def test_the_command_line_asks_for_it_and_refuses_a_file_beside_it() -> None:
    words = ["--method", "cut", "--data", "d", "--out", "o"]
    assert parse_arguments([*words, "--copy-steps", "7"]).config.copy_steps == 7
    assert parse_arguments(words).config.copy_steps == 0
    with pytest.raises(UserError, match="copy_steps would replace the weights of init: leave one of them out"):
        parse_arguments([*words, "--copy-steps", "7", "--init", "g.safetensors"])
    with pytest.raises(UserError, match="copy_steps"):
        parse(RunConfig, tiny_config(Path("d"), "cut").model_dump() | {"copy_steps": -1}, "a test")
