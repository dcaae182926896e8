"""Imported generators translate as the authors' networks do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from enco import load_generator
from enco.errors import UserError
from enco.interchange.importing import import_generator
from enco.interchange.record import ImportRecord
from enco.methods.parts.generator_file import read_generator
from enco.methods.parts.styles import styles_of
from tests.interchange import originals
from tests.interchange.original_files import (
    N_BLOCKS,
    NGF,
    RESNETS,
    TWO_FILES,
    drit,
    munit,
    options_for,
    resnet,
    save,
    seeded,
    weights,
)

LARGEST = 1e-6
"""Largest difference of a pixel in [-1, 1]."""


def images(side: int = 32) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(9)) * 2 - 1


def assert_equal(found: Tensor, expected: Tensor) -> None:
    assert found.std() > 0.05  # a generator that does nothing would be equal to another one
    torch.testing.assert_close(found, expected, atol=LARGEST, rtol=0)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(("name", "arch"), RESNETS)
@torch.no_grad()
def test_a_resnet_translates_as_the_authors_does(name: str, arch: originals.Arch, legacy: bool, tmp_path: Path) -> None:
    network = resnet(arch)
    file = save(weights(network), tmp_path / "latest_net_G.pth", legacy=legacy)
    record = import_generator([file], tmp_path / "g.safetensors", name, options_for(name), task="horse2zebra")
    generator = load_generator(tmp_path / "g.safetensors")
    assert_equal(generator(images()), network(images()))
    assert (record.method, record.layout, record.directions) == (name, arch, "forward")
    assert (record.options["ngf"], record.options["n_blocks"]) == (NGF, N_BLOCKS)
    assert generator.metadata["task"] == "horse2zebra"
    with pytest.raises(UserError, match="cannot translate backward"):
        generator(images(), "backward")


@pytest.mark.parametrize("direction", [None, "AtoB", "BtoA"])
@pytest.mark.parametrize("name", TWO_FILES)
@torch.no_grad()
def test_two_files_are_one_two_sided_generator(name: str, direction: Any, tmp_path: Path) -> None:
    arch = next(arch for method, arch in RESNETS if method == name)
    networks = {letter: resnet(arch, seed) for seed, letter in enumerate("AB")}
    files = [save(weights(networks[x]), tmp_path / f"latest_net_G_{x}.pth") for x in "BA"]
    record = import_generator(files, tmp_path / "g.safetensors", name, direction=direction)
    generator = load_generator(tmp_path / "g.safetensors")
    first, second = "BA" if direction == "BtoA" else "AB"
    assert_equal(generator(images()), networks[first](images()))
    assert_equal(generator(images(), "backward"), networks[second](images()))
    assert record.direction == generator.metadata["direction"] == (direction or "AtoB")
    assert record.directions == "both"


@pytest.mark.parametrize(("stem", "direction"), [("latest_net_G_A", "AtoB"), ("200_net_G_B", "BtoA"), ("zebra", None)])
def test_the_direction_of_one_file_is_what_its_name_says(stem: str, direction: str | None, tmp_path: Path) -> None:
    file = save(weights(resnet("strided")), tmp_path / f"{stem}.pth")
    record = import_generator([file], tmp_path / "g.safetensors", "cyclegan")
    assert record.direction == direction == read_generator(tmp_path / "g.safetensors")[1].get("direction")


def test_a_direction_may_repeat_what_a_name_says(tmp_path: Path) -> None:
    file = save(weights(resnet("strided")), tmp_path / "latest_net_G_B.pth")
    assert import_generator([file], tmp_path / "g.safetensors", "cyclegan", direction="BtoA").direction == "BtoA"
    assert import_generator([file], tmp_path / "g.safetensors", "gcgan", direction="AtoB").direction == "AtoB"


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@torch.no_grad()
def test_munit_translates_as_the_authors_does(direction: Any, tmp_path: Path) -> None:
    networks = munit()
    file = save(weights(networks), tmp_path / "gen_01000000.pt")
    record = import_generator([file], tmp_path / "g.safetensors", direction=direction)
    generator = load_generator(tmp_path / "g.safetensors")
    styles = styles_of(images(), 8)
    a, b = (networks[x] for x in ("ab" if direction == "AtoB" else "ba"))
    assert_equal(generator(images()), b.decode(a.enc_content(images()), styles))
    assert_equal(generator(images(), "backward"), a.decode(b.enc_content(images()), styles))
    encoder = generator.method.networks["autoencoder_a"].get_submodule("style_encoder")
    assert_equal(encoder(images()), a.enc_style(images()))
    assert (record.method, record.layout, record.directions) == ("munit", "munit", "both")
    assert len(record.dropped) == 2 * 2 * 2 * N_BLOCKS and all("running_" in key for key in record.dropped)


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("concat", [True, False])
@torch.no_grad()
def test_drit_translates_as_the_authors_does(concat: bool, direction: Any, tmp_path: Path) -> None:
    networks = drit(concat)
    other = {"disA": weights(nn.Linear(3, 2)), "gen_opt": {"state": {0: {"exp_avg": torch.ones(2)}}}, "ep": 3}
    file = save({**weights(networks), **other}, tmp_path / "example.pth")
    record = import_generator([file], tmp_path / "g.safetensors", direction=direction)
    generator = load_generator(tmp_path / "g.safetensors")
    contents, decoder, styles = networks["enc_c"], networks["gen"], styles_of(images(), 8)
    a, b = direction.split("to")
    assert_equal(generator(images()), decoder(contents(images(), a), styles, b))
    assert_equal(generator(images(), "backward"), decoder(contents(images(), b), styles, a))
    assert record.dropped == ("disA", "ep", "gen_opt")
    assert record.options["concat"] is concat
    encoder = source_attribute_encoder(tmp_path / "g.safetensors")
    found = encoder(images())
    assert_equal(found.mean if concat else found.flatten(1), networks["enc_a"](images(), a))


def source_attribute_encoder(path: Path) -> Any:
    """Return the attribute encoder of the source domain, which a generator file keeps and translating ignores."""
    tensors, _ = read_generator(path)
    encoder = load_generator(path).method.networks["attribute_encoder_a"]
    prefix = "attribute_encoder_a."
    encoder.load_state_dict({key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)})
    return encoder


@pytest.mark.parametrize("name", ["cut", "negcut", "qs_attn"])
def test_heads_are_kept_under_the_methods_name_for_them(name: str, tmp_path: Path) -> None:
    heads = seeded(originals.Heads((3, 2 * NGF, 4 * NGF, 4 * NGF, 4 * NGF), 16))
    files = [save(weights(resnet("antialiased")), tmp_path / "G.pth"), save(weights(heads), tmp_path / "F.pth")]
    options = {"layers": [0, 4, 8, 12, 15]}
    record = import_generator(files, tmp_path / "g.safetensors", name, options)
    tensors, _ = read_generator(tmp_path / "g.safetensors")
    made = load_generator(tmp_path / "g.safetensors").method.networks["heads"]
    made.load_state_dict({key.removeprefix("heads."): t for key, t in tensors.items() if key.startswith("heads.")})
    cells = torch.randn(5, 4 * NGF)
    embedded = nn.functional.normalize(heads.get_submodule("mlp_2")(cells), dim=1)
    torch.testing.assert_close(made.get_submodule("2")(cells), embedded, atol=1e-5, rtol=0)
    assert record.heads and record.options["head_width"] == 16 and len(record.files) == 2


def as_parallel(content: dict[str, Any]) -> dict[str, Any]:
    return {f"module.{key}": value for key, value in content.items()}


def with_statistics(content: dict[str, Any]) -> dict[str, Any]:
    """Add what instance norms of PyTorch before 0.4 saved."""
    names = ("running_mean", "running_var", "num_batches_tracked")
    return content | {f"model.2.{name}": torch.rand(NGF) for name in names}


@pytest.mark.parametrize(
    ("wrap", "dropped"),
    [
        (as_parallel, ()),
        (with_statistics, ("model.2.num_batches_tracked", "model.2.running_mean", "model.2.running_var")),
        (lambda content: {"state_dict": content, "epoch": 7, "optimizer": {"state": {}}}, ("epoch", "optimizer")),
        (lambda content: {"state_dict": as_parallel(content)}, ()),
        (lambda content: {"netG": content}, ()),
        (lambda content: {"netG": as_parallel(content), "epoch": 7}, ("epoch",)),
        (lambda content: {"state_dict": {"netG": content}}, ()),
        (lambda content: {key: value.double() for key, value in content.items()}, ()),
    ],
    ids=[
        "parallel",
        "statistics",
        "state_dict",
        "parallel state_dict",
        "named",
        "named parallel",
        "named state_dict",
        "double",
    ],
)
@torch.no_grad()
def test_what_lies_around_the_weights_is_left_out_and_recorded(wrap: Any, dropped: Any, tmp_path: Path) -> None:
    network = resnet("strided")
    file = save(wrap(weights(network)), tmp_path / "G.pth")
    record = import_generator([file], tmp_path / "g.safetensors", "gcgan")
    assert_equal(load_generator(tmp_path / "g.safetensors")(images()), network(images()))
    assert record.dropped == dropped


def test_the_record_is_in_the_file_and_says_where_from(tmp_path: Path) -> None:
    file = save(weights(resnet("antialiased")), tmp_path / "latest_net_G.pth")
    record = import_generator([file], tmp_path / "g.safetensors", "cut", {"identity_nce": False})
    _, metadata = read_generator(tmp_path / "g.safetensors")
    assert ImportRecord.model_validate_json(metadata["imported"]) == record
    (origin,) = record.files
    assert (origin.name, origin.bytes) == ("latest_net_G.pth", file.stat().st_size)
    assert origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert record.dropped == tuple(f"model.{i}.filt" for i in (11, 16, 20, 7))
    assert json.loads(metadata["options"]) == record.options and record.options["identity_nce"] is False
    assert str(tmp_path) not in json.dumps(metadata)


def test_importing_leaves_random_states_alone(tmp_path: Path) -> None:
    file = save(weights(resnet("strided")), tmp_path / "G.pth")
    before = torch.get_rng_state()
    import_generator([file], tmp_path / "g.safetensors", "cyclegan")
    assert torch.equal(torch.get_rng_state(), before)
