"""Numbers and pictures that are not what was asked for are refused, or are said to be so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enco.datasets.__main__ import main as data
from enco.errors import UserError
from enco.methods import available
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.training.arguments import parse_arguments
from eval.__main__ import main
from eval.config import NetworkName
from eval.metrics.precision_recall import exact_precision_recall, precision_recall
from eval.segmentation.drn import DRN
from eval.segmentation.weights import load_segmenter
from tests.eval.test_eval_cli import CPU, RANDOM, call, write_photos
from tests.eval.test_segmentation import draw_horizons
from tests.support.tiny_methods import tiny_method


@pytest.mark.parametrize("k", [0, -1])
@pytest.mark.parametrize("measure", [precision_recall, exact_precision_recall])
def test_neighbours_are_at_least_one(measure: object, k: int) -> None:
    points = np.random.default_rng(0).normal(size=(8, 4))
    with pytest.raises(UserError, match=f"need a neighbour, and k is {k}: give at least 1"):
        measure(points, points, k)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("made", "asked", "message"),
    [
        ([], ["--size", 32], "with --size 0, not with --size 32"),
        (["--size", 32], [], "with --size 32, not with --size 0"),
        ([], ["--legacy-rounding"], "without --legacy-rounding, not with --legacy-rounding"),
        ([], ["--extractor", "inception"], "with --extractor random-inception, not with --extractor inception"),
    ],
)
def test_a_features_file_is_not_compared_with_another_preparation(
    tmp_path: Path, made: list[object], asked: list[object], message: str
) -> None:
    photos, file = write_photos(tmp_path / "photos", 4), tmp_path / "f.npz"
    call("features", "--images", photos, "--out", file, *RANDOM, *made)
    without_size = RANDOM[:2] + RANDOM[4:] if "inception" in asked else RANDOM
    for command in (["fid"], ["pr", "-k", 2]):
        with pytest.raises(UserError, match=rf"f\.npz was made {message}: give the options that the file"):
            call(*command, file, photos, *without_size, *asked)


def test_options_without_effect_on_two_files_are_refused(tmp_path: Path) -> None:
    photos, file = write_photos(tmp_path / "photos", 4), tmp_path / "f.npz"
    call("features", "--images", photos, "--out", file, "--size", 24, "--legacy-rounding", *RANDOM)
    call("fid", file, file)
    call("fid", file, file, "--size", 24)
    call("fid", file, file, *RANDOM)
    for option, made, asked in (("--size", 24, 32), ("--input-size", 75, 80), ("--seed", 0, 3)):
        with pytest.raises(UserError, match=f"with {option} {made}, not with {option} {asked}"):
            call("fid", file, file, option, asked)
    with pytest.raises(UserError, match="--extractor random-inception, not"):
        call("fid", file, photos)


def test_real_images_that_lost_a_fraction_compare_with_translations(tmp_path: Path) -> None:
    photos, file = write_photos(tmp_path / "photos", 4), tmp_path / "f.npz"
    call("features", "--images", photos, "--out", file, "--size", 24, "--legacy-rounding", *RANDOM)
    call("fid", file, photos, "--size", 24, *RANDOM)


@pytest.mark.parametrize("name", sorted(available()))
def test_no_translation_is_of_another_size(name: str, tmp_path: Path) -> None:
    save_generator(tiny_method(name), tmp_path / "g.safetensors")
    translator = load_generator(tmp_path / "g.safetensors")
    assert translator(torch.zeros(1, 3, 36, 52)).shape == (1, 3, 36, 52)
    with pytest.raises(
        UserError, match=r"images of 50 x 35 pixels into (52 x 36: give it 52 x 36|48 x 32: give it 48)"
    ):
        translator(torch.zeros(1, 3, 35, 50))


def test_a_size_that_the_generator_does_not_keep_is_refused(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    save_generator(tiny_method("cut"), tmp_path / "g.safetensors")
    words = ["translate", "--generator", tmp_path / "g.safetensors", "--images", photos, "--out", tmp_path / "o", *CPU]
    with pytest.raises(UserError, match="30 x 30 pixels into 32 x 32: give it 32 x 32, for a folder with --size 32"):
        call(*words, "--size", 30)
    assert not (tmp_path / "o").exists()


def test_an_aspect_ratio_that_is_lost_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (70, 100)).save(photos / f"{name}.png")
    save_generator(tiny_method("cut"), tmp_path / "g.safetensors")
    words = ["--generator", tmp_path / "g.safetensors", "--images", photos, "--out", tmp_path / "o", "--size", 32]
    call("translate", *words, *CPU)
    out, err = capsys.readouterr()
    assert out == f"2 images, at 32 x 32 pixels, translated into {tmp_path / 'o'}\n"
    assert err.count("photos/a.png is 70 x 100 pixels and is squashed to 32 x 32") + err.count("b.png is 70 x 100") == 1


@pytest.mark.parametrize(("name", "wrapped"), [("negcut", False), ("fyu", True)])
def test_a_file_of_another_kind_is_not_a_published_network(tmp_path: Path, name: NetworkName, wrapped: bool) -> None:
    weights, path = DRN().state_dict(), tmp_path / "drn.pth"
    torch.save({"state_dict": weights} if wrapped else weights, path)
    with pytest.raises(UserError, match=rf"drn\.pth is not drn_d_22.* as {name} published it"):
        load_segmenter(path, torch.device("cpu"), name)


def test_a_network_without_a_known_hash_is_said_to_be_taken_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, cpu = tmp_path / "drn.pth.tar", torch.device("cpu")
    torch.save({"state_dict": DRN().state_dict()}, path)
    digest = load_segmenter(path, cpu, "negcut").sha256
    said = f"{path} is taken for the network of negcut, by its kind alone; its SHA-256 is {digest}.\n"
    assert capsys.readouterr().err == said
    load_segmenter(path, cpu, "negcut", digest[:16].upper())
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match=f"SHA-256 of .* is {digest}, not 0000: name another file"):
        load_segmenter(path, cpu, "negcut", "0000")


def test_a_trunk_is_the_published_one(tmp_path: Path) -> None:
    photos, labels = draw_horizons(tmp_path, 2)
    torch.save(DRN().state_dict(), tmp_path / "trunk.pth")
    words = ["drn-train", "--images", photos, "--labels", labels, "--out", tmp_path / "o.safetensors", *CPU]
    words += ["--epochs", 1, "--size", 16, 16]
    for file, message in (("trunk.pth", "is not the published file"), ("typo.pth", "do not exist: correct the path")):
        with pytest.raises(UserError, match=message):
            main([str(word) for word in (*words, "--trunk", tmp_path / file)])


def test_label_maps_without_a_photo_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from eval.segmentation.data import pairs

    photos, labels = draw_horizons(tmp_path, 4)
    first = sorted(photos.iterdir())[0]
    first.unlink()
    assert len(pairs(photos, labels)) == 3
    assert (
        f"Left out of {labels}: 1 label maps without an image in {photos}, first {first.stem}"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["enco.train", "--settings", "{}", "--seed", "3", "--recursive"], "--recursive, --seed would be ignored"),
        (["enco.datasets", "prepare", "horse2zebra", "--photo-filter", "legacy"], "nothing is resized of horse2zebra"),
        (["eval", "weights", "inception", "--file", "x.pth"], "inception is kept in torch's cache: leave it out"),
    ],
)
def test_an_option_without_effect_is_refused(words: list[str], message: str, tmp_path: Path) -> None:
    commands = {"enco.train": parse_arguments, "enco.datasets": data, "eval": main}
    out = ["--out", str(tmp_path / "out")]
    with pytest.raises(UserError, match=message):
        commands[words[0]]([*words[1:], *out])  # type: ignore[operator]
    assert not list(tmp_path.iterdir())
