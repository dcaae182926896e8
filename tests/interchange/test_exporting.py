"""Exported generators are what the authors' code reads, and an import undoes an export bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from enco import load_generator
from enco.errors import UserError
from enco.interchange.exporting import export_original
from enco.interchange.importing import import_generator
from enco.io.safetensors_file import save_safetensors
from enco.methods import available, get
from enco.methods.base import Method
from enco.methods.parts.generator_file import read_generator, save_generator
from enco.methods.parts.styles import styles_of
from tests.interchange import originals
from tests.interchange.original_files import (
    RESNETS,
    TWO_FILES,
    drit,
    munit,
    options_for,
    resnet,
    save,
    weights,
)
from tests.support.tiny_methods import tiny_method


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Return all tensors of a file of PyTorch, those of a network within a dictionary as `name.key`."""
    content = torch.load(path, weights_only=True)
    inner = {f"{name}.{key}": t for name, v in content.items() if isinstance(v, dict) for key, t in v.items()}
    return inner or content


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def assert_round_trip(files: list[Path], folder: Path, name: str | None, **options: Any) -> None:
    """Import, export and import files: the files' tensors and the generator's are the same bits."""
    import_generator(files, folder / "first.safetensors", name, options_for(name or ""), **options)
    exported = export_original(folder / "first.safetensors", folder / "exported" / "latest_net_G.pth")
    for file, again in zip(sorted(files), sorted(exported), strict=True):
        assert_same(tensors_of(again), tensors_of(file))
    import_generator(exported, folder / "second.safetensors", name, options_for(name or ""), **options)
    first, second = (read_generator(folder / f"{which}.safetensors")[0] for which in ("first", "second"))
    assert_same(second, first)


@pytest.mark.parametrize(("name", "arch"), RESNETS)
def test_one_file_round_trip(name: str, arch: originals.Arch, tmp_path: Path) -> None:
    assert_round_trip([save(weights(resnet(arch)), tmp_path / "latest_net_G.pth")], tmp_path, name)


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("name", TWO_FILES)
def test_two_files_round_trip(name: str, direction: Any, tmp_path: Path) -> None:
    arch = next(arch for method, arch in RESNETS if method == name)
    files = [save(weights(resnet(arch, i)), tmp_path / f"latest_net_G_{x}.pth") for i, x in enumerate("AB")]
    assert_round_trip(files, tmp_path, name, direction=direction)


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("networks", [munit, lambda: drit(True), lambda: drit(False)], ids=["munit", "concat", "mixed"])
def test_a_file_of_several_networks_round_trip(networks: Any, direction: Any, tmp_path: Path) -> None:
    assert_round_trip([save(weights(networks()), tmp_path / "G.pt")], tmp_path, None, direction=direction)


def authors_networks(method: Method) -> tuple[nn.Module, nn.Module] | dict[str, nn.Module]:
    """Return the authors' networks of a method's options: both directions' generators, or networks by name."""
    ngf, n_blocks = method.options.ngf, method.options.n_blocks
    name, options = method.info.name, method.options.model_dump()
    if name == "munit":
        sizes = options["style_dim"], options["mlp_width"]
        return {x: originals.MunitGenerator(ngf, n_blocks, *sizes) for x in "ab"}
    if name == "drit":
        return originals.drit_networks(options["concat"], ngf, n_blocks)
    arch = options.get("arch") or next(arch for method, arch in RESNETS if method == name)
    return originals.Resnet(arch, ngf, n_blocks), originals.Resnet(arch, ngf, n_blocks)


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in sorted(available())), ("drit", {"concat": False})]
)
@torch.no_grad()
def test_a_generator_trained_here_runs_in_the_authors_code(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    method = tiny_method(name, **options)
    save_generator(method, tmp_path / "generator.safetensors")
    generator = load_generator(tmp_path / "generator.safetensors")
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    files = export_original(tmp_path / "generator.safetensors", tmp_path / "latest_net_G.pth")
    networks = authors_networks(method)
    if isinstance(networks, dict):
        content = torch.load(files[0], weights_only=True)
        for key, network in networks.items():
            network.load_state_dict(content[key])
        forward = several_networks_translate(networks, images)
    else:
        for network, file in zip(networks, files, strict=False):
            network.load_state_dict(torch.load(file, weights_only=True))
        forward = networks[0](images)
    torch.testing.assert_close(generator(images), forward, atol=1e-6, rtol=0)
    two_files = get(name).info.two_sided and not isinstance(networks, dict)
    names = ["latest_net_G_A.pth", "latest_net_G_B.pth"] if two_files else ["latest_net_G.pth"]
    assert [file.name for file in files] == names
    if two_files:
        torch.testing.assert_close(generator(images, "backward"), networks[1](images), atol=1e-6, rtol=0)


def several_networks_translate(networks: dict[str, Any], images: Tensor) -> Tensor:
    """Translate from A to B as MUNIT's or DRIT's code does, in the styles that are drawn here."""
    if "gen" in networks:
        codes = styles_of(images, 8)
        return networks["gen"](networks["enc_c"](images, "A"), codes, "B")
    styles = styles_of(images, networks["a"].mlp.model[0].fc.in_features)
    return networks["b"].decode(networks["a"].enc_content(images), styles)


def test_drits_file_says_what_its_code_goes_on_from(tmp_path: Path) -> None:
    save_generator(tiny_method("drit"), tmp_path / "g.safetensors")
    (file,) = export_original(tmp_path / "g.safetensors", tmp_path / "drit.pth")
    content = torch.load(file, weights_only=True)
    assert set(content) == {"enc_c", "enc_a", "gen", "ep", "total_it"}
    assert (content["ep"], content["total_it"]) == (0, 0)


def test_files_are_in_the_format_that_every_pytorch_reads_and_no_larger_than_their_tensors(tmp_path: Path) -> None:
    save_generator(tiny_method("gcgan"), tmp_path / "g.safetensors")
    (file,) = export_original(tmp_path / "g.safetensors", tmp_path / "G.pth")
    content = file.read_bytes()
    assert content.startswith(b"\x80\x02")  # a pickle, where a zip begins with PK
    assert len(content) < sum(t.nbytes for t in tensors_of(file).values()) + 20_000


def test_one_direction_is_one_file(tmp_path: Path) -> None:
    original = save(weights(resnet("antialiased")), tmp_path / "latest_net_G_B.pth")
    import_generator([original], tmp_path / "g.safetensors", "dclgan")
    (file,) = export_original(tmp_path / "g.safetensors", tmp_path / "exported.pth")
    assert file == tmp_path / "exported.pth"
    assert_same(tensors_of(file), tensors_of(original))


def refused(generator: Path, out: Path) -> str:
    before = set(out.parent.rglob("*"))
    with pytest.raises(UserError) as error:
        export_original(generator, out)
    assert set(out.parent.rglob("*")) == before
    return str(error.value)


def test_what_cannot_be_exported_is_named(tmp_path: Path) -> None:
    generator = tmp_path / "g.safetensors"
    save_generator(tiny_method("drit"), generator)
    assert "is the generator that is exported" in refused(generator, generator)
    tensors, metadata = read_generator(generator)
    kept = {key: value for key, value in tensors.items() if not key.startswith("attribute_encoder")}
    save_safetensors(tmp_path / "old.safetensors", kept, metadata)
    assert "lacks the attribute_encoder_a" in refused(tmp_path / "old.safetensors", tmp_path / "G.pth")
    assert "does not exist" in refused(tmp_path / "none.safetensors", tmp_path / "G.pth")


def test_neither_of_two_files_replaces_the_generator(tmp_path: Path) -> None:
    save_generator(tiny_method("cyclegan"), tmp_path / "g_A.pth")
    assert f"{tmp_path / 'g_A.pth'} is the generator" in refused(tmp_path / "g_A.pth", tmp_path / "g.pth")
    load_generator(tmp_path / "g_A.pth")


@pytest.mark.parametrize("taken", ["G_A.pth", "G_B.pth"])
def test_where_one_of_two_files_cannot_be_written_there_is_none(taken: str, tmp_path: Path) -> None:
    save_generator(tiny_method("cyclegan"), tmp_path / "g.safetensors")
    (tmp_path / "out" / taken).mkdir(parents=True)
    with pytest.raises(UserError, match=taken.replace(".", r"\.")):
        export_original(tmp_path / "g.safetensors", tmp_path / "out" / "G.pth")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [taken]
