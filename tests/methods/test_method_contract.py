"""The contract of every method of the registry, new methods included."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from enco.errors import UserError
from enco.methods import available, create, get
from enco.methods.base import Method
from enco.methods.parts.generator_file import load_generator, save_generator
from tests.support.tiny_methods import SIZE, batch_for, images, tiny_method

AVERAGES = {"negcut": ("momentum_heads",)}
"""Networks that follow others instead of a gradient."""

every_method = pytest.mark.parametrize("name", sorted(available()))


def train(method: Method, steps: range) -> Method:
    for step in steps:
        method.step(batch_for(method, step))
    return method


def assert_same(ours: Any, theirs: Any, at: str = "state") -> None:
    """Assert that nested states of tensors and plain values are equal to the last bit."""
    assert type(ours) is type(theirs), at
    if isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs), at
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), at
        for key in ours:
            assert_same(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), at
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{at}[{index}]")
    else:
        assert ours == theirs, at


@every_method
def test_is_registered_under_its_files_name(name: str) -> None:
    method = get(name)
    assert method.info.name == name == method.__module__.rsplit(".", 1)[-1]
    assert method.info.label
    assert method.info.paper


def test_unknown_method_names_the_known() -> None:
    with pytest.raises(UserError, match=r"Unknown method 'cutt': choose one of .*cut"):
        create("cutt")


@every_method
def test_losses_are_finite_detached_scalars_in_both_halves(name: str) -> None:
    method = tiny_method(name)
    for epoch in (1, 2):
        method.begin_epoch(epoch)
        terms = method.step(batch_for(method, epoch))
        assert terms
        for term, value in terms.items():
            assert value.shape == (), term
            assert not value.requires_grad, term
            assert torch.isfinite(value), term


@every_method
def test_larger_batches_train(name: str) -> None:
    method = tiny_method(name, batch_size=4)
    terms = method.step(batch_for(method, 0))
    assert all(torch.isfinite(value) for value in terms.values())


@every_method
def test_same_seed_gives_the_same_weights(name: str) -> None:
    first, second = (train(tiny_method(name, seed=1), range(3)).state_dict() for _ in range(2))
    assert_same(first, second)


@every_method
def test_another_seed_gives_other_weights(name: str) -> None:
    first, second = (tiny_method(name, seed=seed).translate(images(0)["source"]) for seed in (1, 2))
    assert not torch.equal(first, second)


@every_method
def test_every_network_learns(name: str) -> None:
    method = tiny_method(name)
    before = {key: [p.detach().clone() for p in net.parameters()] for key, net in method.networks.items()}
    train(method, range(2))
    for key, network in method.networks.items():
        assert any(not torch.equal(p, old) for p, old in zip(network.parameters(), before[key], strict=True)), key
        trained = key not in AVERAGES.get(name, ())
        assert all(p.requires_grad == trained for p in network.parameters()), key


@every_method
def test_every_parameter_is_optimised_once(name: str) -> None:
    method = tiny_method(name)
    optimised = [p for opt in method.optimizers.values() for group in opt.param_groups for p in group["params"]]
    assert len({id(p) for p in optimised}) == len(optimised)
    assert sum(p.numel() for p in optimised) == method.parameter_count()


@every_method
def test_an_epoch_scales_every_rate(name: str) -> None:
    method = tiny_method(name)
    rates = []
    for epoch in (1, 2):
        method.begin_epoch(epoch)
        groups = [group for optimizer in method.optimizers.values() for group in optimizer.param_groups]
        for group in groups:
            assert group["lr"] == pytest.approx(group["initial_lr"] * method.lr_factor(epoch))
        rates.append(groups[0]["lr"])
    assert 0 <= rates[1] <= rates[0] > 0  # the last epoch of GcGAN's decay has rate 0


@every_method
def test_resumed_training_ends_with_the_same_bits(name: str) -> None:
    whole = train(tiny_method(name), range(3))
    file = io.BytesIO()
    torch.save({"method": whole.state_dict(), "random": torch.get_rng_state()}, file)
    whole.begin_epoch(2)
    train(whole, range(3, 6))

    resumed = tiny_method(name, seed=99)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed.load_state_dict(saved["method"])
    torch.set_rng_state(saved["random"])
    resumed.begin_epoch(2)
    train(resumed, range(3, 6))
    assert_same(resumed.state_dict(), whole.state_dict())


def ways(name: str) -> tuple[str, ...]:
    return ("forward", "backward") if get(name).info.two_sided else ("forward",)


@every_method
def test_translations_are_images_of_the_same_size(name: str) -> None:
    method = tiny_method(name)
    for way in ways(name):
        for side in (SIZE, SIZE + 8):
            out = method.translate(images(0, batch_size=2, size=side)["source"], way)
            assert out.shape == (2, 3, side, side)
            assert not out.requires_grad
            assert -1 <= float(out.min()) <= float(out.max()) <= 1


@every_method
def test_translation_leaves_training_alone(name: str) -> None:
    states = []
    for translates in (True, False):
        method = tiny_method(name)
        if translates:
            method.translate(images(5)["source"])
        states.append(train(method, range(1)).state_dict())
    assert_same(*states)


@every_method
def test_backward_needs_two_sides(name: str) -> None:
    method = tiny_method(name)
    source = images(0)["source"]
    if get(name).info.two_sided:
        assert not torch.equal(method.translate(source, "forward"), method.translate(source, "backward"))
    else:
        with pytest.raises(UserError, match="one-sided"):
            method.translate(source, "backward")


@every_method
def test_generator_file_translates_as_the_method_did(name: str, tmp_path: Path) -> None:
    method = train(tiny_method(name), range(2))
    path = tmp_path / "run" / "generator.safetensors"
    save_generator(method, path, task="horse2zebra", seed=3, iteration=2)
    random = torch.get_rng_state()
    translator = load_generator(path)
    assert torch.equal(torch.get_rng_state(), random)
    for way in ways(name):
        source = images(7)["source"]
        assert torch.equal(translator(source, way), method.translate(source, way))
    assert translator.method_name == name
    assert translator.metadata["task"] == "horse2zebra"
    assert translator.metadata["seed"] == "3"
    assert translator.method.options == method.options
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@every_method
def test_equal_generators_are_equal_files(name: str, tmp_path: Path) -> None:
    for file, seed in (("a", 1), ("b", 1), ("c", 2)):
        save_generator(tiny_method(name, seed=seed), tmp_path / file, task="t", variant="v", scale="s", seed=0)
    content = {file: (tmp_path / file).read_bytes() for file in "abc"}
    assert content["a"] == content["b"] != content["c"]


@every_method
def test_every_option_is_described(name: str) -> None:
    for key, field in get(name).info.Options.model_fields.items():
        assert field.description, key


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
