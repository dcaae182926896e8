"""The contract of every method of the registry, new methods included, and files of generators that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from enco.contract import *  # noqa: F403  # the tests themselves
from enco.contract import every_method, moved, train, trained_networks, weights_of
from enco.errors import UserError
from enco.methods import create, get
from enco.methods.parts.generator_file import load_generator, save_generator
from tests.support.tiny_methods import tiny_method

AVERAGES = {"negcut": {"momentum_heads"}}
"""Networks that follow others instead of a gradient."""


@every_method
def test_is_registered_under_its_files_name(name: str) -> None:
    assert get(name).__module__.rsplit(".", 1)[-1] == name


def test_unknown_method_names_the_known() -> None:
    with pytest.raises(UserError, match=r"Unknown method 'cutt': choose one of .*cut"):
        create("cutt")


@every_method
def test_two_steps_move_every_network_and_only_averages_without_gradient(name: str) -> None:
    method = tiny_method(name)
    before = weights_of(method)
    assert moved(before, weights_of(train(method, range(2)))) == set(method.networks)
    assert set(method.networks) - trained_networks(method) == AVERAGES.get(name, set())


def written(tmp_path: Path, name: str = "enco") -> Path:
    path = tmp_path / "generator.safetensors"
    save_generator(tiny_method(name), path)
    return path


def test_missing_generator_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.safetensors does not exist"):
        load_generator(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_cut_off_generator_file_is_named(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"generator\.safetensors is no generator file of this project, or is cut"):
        load_generator(path)


def test_another_programs_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="has no generator of this project"):
        load_generator(path)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    about = {"method": "enco", "options": tiny_method("enco").options.model_dump_json()}
    save_file({"generator.1.weight": torch.zeros(2)}, path, about)
    with pytest.raises(UserError, match="do not fit a EnCo generator"):
        load_generator(path)
