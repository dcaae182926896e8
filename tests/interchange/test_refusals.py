"""Files that are no generator end an import in one sentence, run nothing and leave nothing."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from enco.errors import UserError
from enco.interchange.importing import import_generator
from tests.interchange import originals
from tests.interchange.original_files import ENCO, NGF, drit, munit, resnet, save, weights


def refused(files: list[Path], folder: Path, *arguments: Any, **options: Any) -> str:
    """Return the sentence that ends an import, and see that the import leaves nothing."""
    before = set(folder.rglob("*"))
    with pytest.raises(UserError) as error:
        import_generator(files, folder / "g.safetensors", *arguments, **options)
    assert set(folder.rglob("*")) == before
    said = str(error.value)
    assert "\n" not in said and said.endswith(".") and len(said) < 600
    return said


class Code:
    """What runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("bare", [False, True])
def test_code_in_a_file_is_named_and_not_run(legacy: bool, bare: bool, tmp_path: Path) -> None:
    code = Code(tmp_path / "was-run")
    content = weights(resnet("strided"))
    file = save(code if bare else content | {"code": code}, tmp_path / "G.pth", legacy=legacy)
    said = refused([file], tmp_path, "cyclegan")
    assert "holds more than tensors and plain values (posix.system), and nothing of it was run" in said
    assert not (tmp_path / "was-run").exists()
    pickle.loads(pickle.dumps(code))
    assert (tmp_path / "was-run").exists()  # the test's code does run where nothing stops it


def test_a_whole_network_is_no_weights(tmp_path: Path) -> None:
    said = refused([save(resnet("strided"), tmp_path / "G.pth")], tmp_path, "cyclegan")
    assert "tests.interchange.originals.Resnet" in said and "nothing of it was run" in said


@pytest.mark.parametrize("share", [0.0005, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_is_cut_is_named(legacy: bool, share: float, tmp_path: Path) -> None:
    whole = save(weights(resnet("strided")), tmp_path / "G.pth", legacy=legacy).read_bytes()
    (tmp_path / "G.pth").write_bytes(whole[: int(share * len(whole))])
    assert f"{tmp_path / 'G.pth'} is cut or damaged" in refused([tmp_path / "G.pth"], tmp_path, "cyclegan")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_protocol_that_is_not_read_safely_is_named(
    legacy: bool, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    with (tmp_path / "G.pth").open("wb") as file:
        torch.save(weights(resnet("strided")), file, pickle_protocol=4, _use_new_zipfile_serialization=not legacy)
    said = refused([tmp_path / "G.pth"], tmp_path, "cyclegan")
    assert "has a pickle protocol that is not read safely, or is damaged: save the state_dict again by torch.s" in said
    assert not recwarn.list


def test_why_a_file_is_damaged_is_told_without_pytorchs_advice(tmp_path: Path) -> None:
    whole = save(weights(resnet("strided")), tmp_path / "G.pth", legacy=True).read_bytes()
    (tmp_path / "G.pth").write_bytes(whole.replace(b"storage", b"sturage"))
    said = refused([tmp_path / "G.pth"], tmp_path, "cyclegan")
    assert "is cut or damaged (Only persistent_load of storage is allowed, but got <class 'str'>)" in said


def tar(path: Path, *members: str) -> None:
    with tarfile.open(path, "w") as file:
        for name in members:
            file.addfile(tarfile.TarInfo(name), io.BytesIO())


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("horse2zebra/latest_net_G_A.pth", b"weights")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: tar(path, "sys_info", "pickle", "tensors", "storages"), "is a tar of PyTorch 0.1"),
        (lambda path: tar(path, "pretrained_models/latest_net_G.pth"), "is an archive of other files: unpack it"),
        (archive, "is an archive of other files: unpack it"),
        (lambda path: path.write_text("<!DOCTYPE html><html>"), "is no file that PyTorch wrote"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: None, "does not exist"),
        (lambda path: save([1, 2], path), "holds a list and no weights by name"),
        (lambda path: save({"epoch": 3}, path), "holds no weights"),
        (lambda path: save({}, path), "holds no weights"),
    ],
)
def test_what_is_no_file_of_weights_is_named(write: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    write(tmp_path / "G.pth")
    assert message in refused([tmp_path / "G.pth"], tmp_path, "cut")


DISCRIMINATOR = {"model.0.weight": torch.zeros(64, 3, 4, 4), "model.0.bias": torch.zeros(64)}
HEADS = weights(originals.Heads((3, 2 * NGF), 4))


@pytest.mark.parametrize(
    ("contents", "method", "options", "message"),
    [
        ([DISCRIMINATOR], "cut", {}, "holds a discriminator: name the generator's file"),
        ([{"a": {"cnns.0.0.conv.weight": torch.zeros(2)}}], None, {}, "holds a discriminator"),
        ([HEADS], "cut", {}, "holds heads and no generator"),
        (
            [{x: weights(resnet("antialiased")) for x in "ab"}],
            "cut",
            {},
            "a known layout (its first weights are a.model",
        ),
        ([{x: weights(resnet("strided")) for x in "ab"}], "gcgan", {}, "a known layout (its first weights are a.model"),
        ([{x: weights(resnet("unpadded")) for x in "ab"}], "cut", {}, "a known layout (its first weights are a.model"),
        ([{"fc.weight": torch.zeros(2, 2)}], "cut", {}, r"no generator of a known layout (its first weights are fc"),
        ([weights(resnet("antialiased"))], None, {}, "say which by --method cut or --method dclgan"),
        ([weights(resnet("strided"))], None, {}, "say which by --method cyclegan or --method gcgan"),
        ([weights(resnet("strided"))], "cut", {}, "holds no generator of CUT, but one in another layout: try --method"),
        ([weights(resnet("antialiased"))], "gcgan", {}, "holds no generator of GcGAN"),
        ([weights(munit())], "drit", {}, "holds no generator of DRIT, but one in another layout: try --method munit"),
        ([weights(resnet("strided"))], "enc", {}, "Unknown method 'enc'"),
        ([weights(resnet("strided"))], "gcgan", {"ngf": 64}, f"has ngf {NGF}, not 64: leave ngf out"),
        ([weights(resnet("strided"))], "gcgan", {"n_blocks": 9}, "has n_blocks 4, not 9"),
        ([weights(resnet("strided"))], "cyclegan", {"arch": "mixed"}, "has arch strided, not mixed"),
        ([weights(resnet("strided"))], "gcgan", {"ngff": 64}, "Unknown key 'ngff' in the options that fit"),
        ([weights(resnet("strided"))] * 2, "gcgan", {}, "GcGAN has its generators in 1 file, not in"),
        (
            [weights(resnet("strided", seed)) for seed in (0, 1)],
            "cyclegan",
            {},
            "put that one first, and say --direction AtoB",
        ),
        ([weights(resnet("strided"))] * 3, "cyclegan", {}, "CycleGAN has its generators in 2 files, not in"),
        ([weights(munit())] * 2, "munit", {}, "MUNIT has its generators in 1 file, not in"),
        (
            [weights(resnet("strided")), weights(resnet("antialiased"))],
            "cyclegan",
            {},
            "have different layouts (strided, antialiased): name files of one generator",
        ),
        ([weights(resnet("antialiased")), HEADS], "fsesim", {}, "holds heads, of which one file is read, for cut"),
        ([weights(resnet("antialiased")), HEADS], "cut", {}, "is not heads of CUT (mlp_0.0.weight"),
    ],
)
def test_what_is_not_the_generator_asked_for_is_named(
    contents: list[Any], method: str | None, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    files = [save(content, tmp_path / f"{i}.pth") for i, content in enumerate(contents)]
    if "heads of CUT" in message:
        options = options | {"layers": [4, 8]}
    assert message in refused(files, tmp_path, method, options)


@pytest.mark.parametrize(
    ("names", "direction", "said"),
    [
        (["latest_net_G_B.pth"], "AtoB", "latest_net_G_B.pth is by its name the generator from domain B, not A"),
        (["latest_net_G_A.pth"], "BtoA", "latest_net_G_A.pth is by its name the generator from domain A, not B"),
        (["other.pth", "net_G_A.pth"], "AtoB", "net_G_A.pth is by its name the generator from domain A, not B"),
        (["net_G_B.pth", "other.pth"], "BtoA", "net_G_B.pth is by its name the generator from domain B, not A"),
    ],
)
def test_a_name_and_a_direction_that_contradict_each_other_are_named(
    names: list[str], direction: Any, said: str, tmp_path: Path
) -> None:
    files = [save(weights(resnet("strided", seed)), tmp_path / name) for seed, name in enumerate(names)]
    assert said in refused(files, tmp_path, "cyclegan", direction=direction)


def test_one_file_is_not_both_directions(tmp_path: Path) -> None:
    files = [save(weights(resnet("strided")), tmp_path / "G" / f"latest_net_G_{x}.pth") for x in "AB"]
    files[1].write_bytes(files[0].read_bytes())
    assert "are the same file, by SHA-256: name both generators, or one" in refused(files, tmp_path, "cyclegan")
    assert "are the same file" in refused([files[0], files[0]], tmp_path, "cyclegan", direction="AtoB")


def test_heads_that_are_named_twice_are_refused(tmp_path: Path) -> None:
    heads = save(HEADS, tmp_path / "F.pth")
    assert "holds heads, of which one file is read" in refused(
        [save(weights(resnet("antialiased")), tmp_path / "G.pth"), heads, heads], tmp_path, "cut"
    )


def changed(key: str, value: torch.Tensor | None) -> dict[str, Any]:
    content = dict(weights(resnet("antialiased")))
    return content | {key: value} if value is not None else {k: v for k, v in content.items() if k != key}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            changed("model.8.weight", torch.zeros(7, 16, 3, 3)),
            "(model.8.weight is 7 x 16 x 3 x 3, not 32 x 16 x",
        ),
        (changed("model.8.bias", torch.tensor(1.0)), "(model.8.bias is a number, not 32)"),
        (changed("model.8.bias", None), "(model.8.bias is missing)"),
        (changed("model.99.bias", torch.zeros(2)), "(model.99.bias is not known)"),
        (changed("model.8.bias", torch.full((32,), torch.nan)), "(model.8.bias holds what is no finite number)"),
        (changed("model.8.bias", torch.zeros(32, dtype=torch.int64)), "(model.8.bias holds what is no finite number)"),
        (changed("model.7.filt", torch.ones(16, 1, 3, 3)), "(model.7.filt is another filter than that of the authors'"),
        (changed("model.11.filt", None), "(model.11.filt is missing)"),
    ],
)
def test_weights_that_do_not_fit_are_named(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    said = refused([save(content, tmp_path / "G.pth")], tmp_path, "cut")
    assert "is not a generator of CUT with 8 channels and 4 residual blocks" in said and message in said


def test_the_file_that_is_imported_is_not_overwritten(tmp_path: Path) -> None:
    file = save(weights(resnet("strided")), tmp_path / "G.pth")
    content = file.read_bytes()
    with pytest.raises(UserError, match="is the file that is imported"):
        import_generator([file], tmp_path / "G.pth", "gcgan")
    assert file.read_bytes() == content


SMALL: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *((name, dict(weights(resnet("antialiased"))), {}) for name in ("cut", "dclgan")),
    ("enco", dict(weights(resnet("antialiased"))), ENCO),
    *((name, dict(weights(resnet("strided"))), {}) for name in ("gcgan", "cyclegan")),
    ("cyclegan", dict(weights(resnet("mixed"))), {}),
    ("distancegan", dict(weights(resnet("unpadded"))), {}),
    ("munit", dict(weights(munit())), {}),
    *(("drit", dict(weights(drit(concat))), {}) for concat in (True, False)),
]
NEEDED_BY_NOTHING = ("running_mean", "running_var")


def networks_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the state_dicts in a file, which damage may change in place."""
    return [value for value in content.values() if isinstance(value, dict)] or [content]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_or_renamed_key_never_passes(data: st.DataObject) -> None:
    name, whole, options = data.draw(st.sampled_from(SMALL))
    content = {key: dict(value) if isinstance(value, dict) else value for key, value in whole.items()}
    network = data.draw(st.sampled_from(networks_of(content)))
    key = data.draw(st.sampled_from([key for key in network if not key.endswith(NEEDED_BY_NOTHING)]))
    tensor = network.pop(key)
    match data.draw(st.sampled_from(["lost", "renamed", "wider", "flat", "not finite"])):
        case "renamed":
            new = data.draw(st.text("abcdelmo.0123456789_", min_size=1).filter(lambda text: text not in network))
            network[new if new != key else f"{key}x"] = tensor
        case "wider":
            network[key] = torch.cat([tensor, tensor])
        case "flat":
            network[key] = tensor[None]
        case "not finite":
            network[key] = torch.full_like(tensor, torch.inf)
    with tempfile.TemporaryDirectory() as folder:
        refused([save(content, Path(folder) / "G.pth")], Path(folder), name, options)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes_end_in_a_sentence_or_in_the_same_weights(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = save({"w": nn.Linear(2, 2).weight.detach()}, Path(folder) / "G.pth", legacy=data.draw(st.booleans()))
        content = bytearray(file.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
        file.write_bytes(content)
        refused([file], Path(folder), "cut")
