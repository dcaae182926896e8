"""The names of layouts against the authors' keys and shapes, at published size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from enco.interchange.layouts import HEADS, LAYOUTS, Layout, Plan, layout_of
from enco.methods import on_paper
from enco.methods.base import Method
from enco.methods.parts.generator_file import kept_networks
from tests.interchange import originals
from tests.interchange.published_keys import Shapes, published_keys

PUBLISHED = published_keys()
OF_AUTHORS = [layout for layout in LAYOUTS if layout.name != "mixed"]
"""CycleGAN's mixed layout is that of other codes, which published no keys; its translations are compared."""
METHODS = [(layout, name) for layout in OF_AUTHORS for name in layout.methods]


def shapes_of(network: nn.Module) -> Shapes:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def prefixed(**networks: Shapes) -> Shapes:
    return {f"{name}.{key}": shape for name, shapes in networks.items() for key, shape in shapes.items()}


def published(layout: Layout) -> Shapes:
    """Return all keys and shapes of the authors' file of a layout."""
    if layout.name == "munit":
        return prefixed(a=PUBLISHED["munit"], b=PUBLISHED["munit"])
    if layout.name.startswith("drit"):
        kind = layout.name.removeprefix("drit ")
        found = {name: PUBLISHED[f"drit {name} {kind}"] for name in ("enc_a", "gen")}
        return prefixed(enc_c=PUBLISHED["drit enc_c"], **found)
    return PUBLISHED[layout.name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_tests_own_networks_have_the_published_keys(name: str) -> None:
    with torch.device("meta"):
        networks: dict[str, Any] = {arch: lambda a=arch: originals.Resnet(a, 64, 9) for arch in PUBLISHED}
        networks |= {
            "munit": lambda: originals.MunitGenerator(64, 4),
            "heads": lambda: originals.Heads((3, 128, 256, 256, 256), 256),
            "drit enc_c": lambda: originals.DritContents(64, 3),
            "drit enc_a concat": lambda: originals.DritAttributes(64),
            "drit enc_a feature-wise": lambda: originals.DritStyles(64),
            "drit gen concat": lambda: originals.DritConcat(64, 3),
            "drit gen feature-wise": lambda: originals.DritFeaturewise(64, 3),
        }
        assert shapes_of(networks[name]()) == PUBLISHED[name]


def renamed(layout: Layout, method: Method, networks: tuple[str, ...], blocks: int, letters: str) -> Shapes:
    """Return keys and shapes of a file of this layout, from the networks here."""
    plan = Plan(method.options.ngf, blocks, networks, letters)
    ours = prefixed(**{network: shapes_of(method.networks[network]) for network in networks})
    found = {theirs: layout.shape(theirs, ours[key]) for key, theirs in layout.keys(plan, ours).items()}
    assert len(found) == len(ours)
    return found | {key: tuple(value.shape) for key, value in layout.fixed(plan).items()}


@pytest.mark.parametrize("letters", ["AB", "BA"])
@pytest.mark.parametrize(("layout", "name"), METHODS, ids=lambda value: getattr(value, "name", value))
def test_networks_here_have_the_authors_keys_and_shapes(layout: Layout, name: str, letters: str) -> None:
    known = {key: value for key, value in layout.options.items() if key in on_paper(name, {}).options.model_dump()}
    method = on_paper(name, known)
    networks = kept_networks(method) if layout.shares_file else method.translators[-1:]
    assert renamed(layout, method, networks, method.options.n_blocks, letters) == published(layout)


@pytest.mark.parametrize("name", HEADS.methods)
def test_heads_here_have_the_authors_keys_and_shapes(name: str) -> None:
    assert renamed(HEADS, on_paper(name, {}), ("heads",), 5, "AB") == PUBLISHED["heads"]


@pytest.mark.parametrize("layout", OF_AUTHORS, ids=lambda each: each.name)
def test_a_file_fits_one_layout(layout: Layout) -> None:
    assert [other for other in LAYOUTS if other.fits(published(layout))] == [layout]
    assert not HEADS.fits(published(layout))


def test_every_method_has_a_layout_and_a_method_of_ones_own_has_none() -> None:
    assert {name for layout in LAYOUTS for name in layout.methods} == {
        *("cyclegan", "cut", "dclgan", "negcut", "fsesim", "qs_attn", "enco", "gcgan"),
        *("distancegan", "selfdistance", "munit", "drit"),
    }
    for arch in ("antialiased", "mixed", "strided"):
        assert getattr(layout_of("cyclegan", {"arch": arch}), "name", None) == arch
    assert getattr(layout_of("drit", {"concat": False}), "name", None) == "drit feature-wise"
    assert layout_of("mine", {}) is None
