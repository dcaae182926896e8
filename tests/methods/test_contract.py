"""The contract takes a generator that begins as the identity, and refuses what breaks its rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from enco import contract
from enco.errors import UserError
from enco.methods.new import renamed
from tests.support.tiny_methods import images, tiny_method
from tests.workflow.test_own_row import own_file as own_file

EXAMPLE = renamed("mine.py", "mine")
IDENTITY = '''
class Identity(torch.nn.Module):
    """Images plus what a convolution adds, at first nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 3, 3, padding=1)
        self.gain = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return (images + self.gain * self.convolution(images).tanh()).clamp(-1, 1)


class Mine('''
TESTS = {name: test for name, test in vars(contract).items() if name.startswith("test_")}
NEEDS_A_FOLDER = {"test_generator_file_translates_as_the_method_did", "test_equal_generators_are_equal_files"}


def edited(old: str, new: str, text: str = EXAMPLE) -> str:
    assert old in text
    return text.replace(old, new, 1)


def check(name: str, folder: Path) -> None:
    test: Callable[..., None] = TESTS[name]
    test("mine", folder) if name in NEEDS_A_FOLDER else test("mine")


@pytest.mark.parametrize("name", TESTS)
def test_what_a_method_begins_with_passes(own_file: Path, tmp_path: Path, name: str) -> None:
    own_file.write_text(EXAMPLE)
    check(name, tmp_path / "files")


@pytest.mark.parametrize("name", TESTS)
def test_an_identity_passes(own_file: Path, tmp_path: Path, name: str) -> None:
    text = edited("class Mine(", IDENTITY)
    own_file.write_text(edited("cut_generator(options), ", "Identity(), ", text))
    source = images(0)["source"]
    assert tiny_method("mine").translate(source).equal(source)
    check(name, tmp_path / "files")


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("for name, network in networks}", "for name, network in list(networks)[:1]}", "every_parameter_is_optimised"),
        ("        return d_terms | g_terms", "        return {k: t[None] for k, t in g_terms.items()}", "losses_are"),
        ('"l1": l1(fake, source)', '"l1": l1(fake, source) / 0', "losses_are"),
        ("fake = self.generator(source)", "fake = self.generator(source[:0])", "larger_batches"),
        ("fake = self.generator(source)", "fake = self.generator(source).detach().requires_grad_()", "every_network"),
        (
            "        fake =",
            "        self.seen = getattr(self, 'seen', 0) + 1\n        fake = self.seen *",
            "resumed_training",
        ),
        ("        fake =", "        import random\n        fake = random.random() *", "same_seed_gives"),
        (', description="Weight of the distance to the source."', "", "every_option_is_described"),
    ],
)
def test_a_broken_rule_is_seen(own_file: Path, tmp_path: Path, old: str, new: str, broken: str) -> None:
    own_file.write_text(edited(old, new))
    (name,) = (test for test in TESTS if broken in test)
    with pytest.raises((AssertionError, RuntimeError, ValueError, UserError)):
        check(name, tmp_path)
