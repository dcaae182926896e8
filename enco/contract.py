"""The contract of every method, as tests: `pytest --pyargs enco.contract -k '[NAME]'` runs them for one.

They are for methods of this project and of other packages alike. A generator may begin as the identity: losses may then
be zero and gradients absent in the first steps, but not in the first ten.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from enco.data.batch import Batch
from enco.errors import UserError
from enco.methods import create, get, names
from enco.methods.base import Method, TranslationDirection
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.schedule import Schedule
from enco.selftest.tiny import SIZE, tiny_options

PATIENCE = 10
"""Steps within which every trained network has to move."""

every_method = pytest.mark.parametrize("name", sorted(names()))
"""Of a method that cannot be used each test fails, with the reason."""


def tiny_method(name: str, seed: int = 0, **options: Any) -> Method:
    """Make a method with one constant and one decaying epoch, on one thread, ready for its first step."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    method = create(name, schedule=Schedule(n_const=1, n_decay=1), **(tiny_options(name) | options))
    method.calibrate(batch_for(method, step) for step in range(100, 104))
    method.begin_epoch(1)
    return method


def batch_for(method: Method, seed: int) -> Batch:
    """Make as many images as one step of this method takes."""
    return images(seed, method.images_per_step, method.options.crop_size)


def images(seed: int, batch_size: int = 1, size: int = SIZE) -> Batch:
    """Make uniform noise, the same for the same seed whatever torch's global state is."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, batch_size, 3, size, size, generator=generator) * 2 - 1
    return {"source": source, "target": target}


def train(method: Method, steps: Iterable[int]) -> Method:
    """Do one step for each seed of images."""
    for step in steps:
        method.step(batch_for(method, step))
    return method


def weights_of(method: Method) -> dict[str, torch.Tensor]:
    """Copy every tensor of the networks, by network and name."""
    return {
        f"{key}.{name}": tensor.detach().clone()
        for key, network in method.networks.items()
        for name, tensor in network.state_dict().items()
    }


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Return the networks in which a tensor differs."""
    return {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}


def learn(method: Method, networks: set[str]) -> set[str]:
    """Train until each of these networks has moved, ten steps at most; return those that have."""
    before = weights_of(method)
    for step in range(PATIENCE):
        train(method, [step])
        if networks <= moved(before, weights_of(method)):
            break
    return moved(before, weights_of(method))


def trained_networks(method: Method) -> set[str]:
    """Return the networks whose weights take gradients."""
    return {name for name, net in method.networks.items() if any(p.requires_grad for p in net.parameters())}


def ways(name: str) -> tuple[TranslationDirection, ...]:
    """Return the directions that a method translates in."""
    return ("forward", "backward") if get(name).info.two_sided else ("forward",)


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
def test_is_registered_with_label_and_paper(name: str) -> None:
    """The class has the `INFO` of its name, with what tables print."""
    method = get(name)
    assert method.info.name == name
    assert method.info.label
    assert method.info.paper


@every_method
def test_losses_are_finite_detached_scalars_in_both_halves(name: str) -> None:
    """A step returns every loss term as a number, at constant and at decaying rates."""
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
    """A batch of four is one step."""
    method = tiny_method(name, batch_size=4)
    terms = method.step(batch_for(method, 0))
    assert all(torch.isfinite(value) for value in terms.values())


@every_method
def test_same_seed_gives_the_same_weights(name: str) -> None:
    """All randomness comes from torch's global state."""
    first, second = (train(tiny_method(name, seed=1), range(3)).state_dict() for _ in range(2))
    assert_same(first, second)


@every_method
def test_another_seed_gives_other_weights(name: str) -> None:
    """A seed decides the first weights of some network."""
    first, second = (weights_of(tiny_method(name, seed=seed)) for seed in (1, 2))
    assert moved(first, second)


@every_method
def test_every_network_learns(name: str) -> None:
    """Each network that takes gradients moves, and takes them in all of its weights."""
    method = tiny_method(name)
    trained = trained_networks(method)
    assert trained <= learn(method, trained)
    assert trained == trained_networks(method)
    assert all(p.requires_grad for key in trained for p in method.networks[key].parameters())


@every_method
def test_every_parameter_is_optimised_once(name: str) -> None:
    """The optimisers have the trained weights, and no others."""
    method = tiny_method(name)
    optimised = [p for opt in method.optimizers.values() for group in opt.param_groups for p in group["params"]]
    assert len({id(p) for p in optimised}) == len(optimised)
    assert sum(p.numel() for p in optimised) == method.parameter_count()


@every_method
def test_an_epoch_scales_every_rate(name: str) -> None:
    """Every rate is its base rate times the epoch's factor, and falls."""
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
    """What a method needs to go on is in its state, as tensors and plain values."""
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


@every_method
def test_translations_are_images_of_the_same_size(name: str) -> None:
    """A translation has the sides of its input, values in [-1, 1], and no gradient."""
    method = tiny_method(name)
    for way in ways(name):
        for side in (SIZE, SIZE + 8):
            out = method.translate(images(0, batch_size=2, size=side)["source"], way)
            assert out.shape == (2, 3, side, side)
            assert not out.requires_grad
            assert -1 <= float(out.min()) <= float(out.max()) <= 1


@every_method
def test_translation_leaves_training_alone(name: str) -> None:
    """A translation between two steps changes no weight and no draw."""
    states = []
    for translates in (True, False):
        method = tiny_method(name)
        if translates:
            method.translate(images(5)["source"])
        states.append(train(method, range(1)).state_dict())
    assert_same(states[0], states[1])


@every_method
def test_backward_needs_two_sides(name: str) -> None:
    """A two-sided method learns two translations; another one refuses the second."""
    method = tiny_method(name)
    source = images(0)["source"]
    if get(name).info.two_sided:
        learn(method, set(method.translators))
        assert not torch.equal(method.translate(source, "forward"), method.translate(source, "backward"))
    else:
        with pytest.raises(UserError, match="one-sided"):
            method.translate(source, "backward")


@every_method
def test_generator_file_translates_as_the_method_did(name: str, tmp_path: Path) -> None:
    """The generator file is all that a translation needs, and reading it draws no number."""
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
    """Equal weights give equal bytes, and one other weight gives others."""
    methods = [tiny_method(name, seed=1) for _ in range(3)]
    with torch.no_grad():
        next(iter(methods[2].networks[methods[2].translators[0]].parameters())).add_(1)
    for number, method in enumerate(methods):
        save_generator(method, tmp_path / str(number), task="t", variant="v", scale="s", seed=0)
    first, second, other = ((tmp_path / str(number)).read_bytes() for number in range(3))
    assert first == second != other


@every_method
def test_every_option_is_described(name: str) -> None:
    """`python -m enco.methods NAME` has words for each option."""
    for key, field in get(name).info.Options.model_fields.items():
        assert field.description, key
