"""What a folder of images holds and a command does not read: said once, by ending, or read with --recursive."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enco.data.folders import list_images, load_rgb, name_in
from enco.data.manifest import read_hashes, verify_manifest
from enco.data.reading import Reading
from enco.datasets.__main__ import main as data
from enco.errors import UserError
from enco.methods.parts.generator_file import save_generator
from enco.train import train
from enco.training.arguments import parse_arguments
from eval.__main__ import main as evaluate
from eval.metrics.features import load_features
from tests.eval.test_segmentation import draw_horizons
from tests.support.tiny_methods import tiny_method, tiny_options
from tests.support.tiny_runs import write_images

RANDOM = ["--extractor", "random-inception", "--input-size", "75", "--threads", "1", "--device", "cpu"]
CPU = ["--threads", "1", "--device", "cpu"]


def square(seed: int = 0, side: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def put_others(folder: Path) -> str:
    """Put into a folder of images what is not read there; how that is said."""
    for name in ("a.gif", "B.GIF", "c.gif", "d.avif", "README"):
        (folder / name).write_bytes(b"other")
    (folder / ".DS_Store").write_bytes(b"hidden")
    for number, name in enumerate(("deeper", "and.png")):
        (folder / name).mkdir()
        square(number).save(folder / name / "0.png")
    return f"Left out of {folder}: 1 .avif, 3 .gif, 2 sub-folders, 1 without ending (--recursive reads sub-folders)."


def train_one_step(root: Path, out: Path, *options: str) -> None:
    given = {**tiny_options("cut"), "max_iterations": 1}
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    where = ["--data", str(root), "--out", str(out), "--device", "cpu", "--tracking", "off"]
    asked = parse_arguments(["--method", "cut", *where, *words, *options])
    train(asked.config, asked.out, asked.device)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data")


def test_what_is_left_out_is_said_once_by_ending(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = put_others(root / "trainA")
    for _ in range(2):
        assert len(list_images(root / "trainA")) == 6
    list_images(root / "trainB")
    assert capsys.readouterr().err == f"{said}\n"


def test_a_folder_without_images_names_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "a.gif").touch()
    found = r"holds no image but 1 \.gif, 1 sub-folder: put files of type .* there, or give --recursive to read"
    with pytest.raises(UserError, match=found):
        list_images(tmp_path / "x")


@pytest.mark.parametrize("command", ["check", "link", "manifest", "sheet", "train"])
def test_commands_on_a_data_folder_say_it(root: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = put_others(root / "trainB")
    out = ["--out", str(root.parent / "out")]
    if command == "train":
        train_one_step(root, root.parent / "out")
    else:
        data([command, str(root), *(out if command in ("link", "sheet") else [])])
    told = capsys.readouterr().err
    assert said in told and told.count("Left out of") == 1


@pytest.mark.parametrize("command", ["translate", "fid", "pr", "features", "segmentation"])
def test_commands_on_a_folder_of_images_say_it(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, labels = draw_horizons(tmp_path, 4)
    said = put_others(photos)
    out = ["--out", str(tmp_path / "out.npz")]
    if command == "segmentation":
        words = ["--images", str(photos), "--labels", str(labels), "--out", str(tmp_path / "drn.safetensors")]
        evaluate(["drn-train", *words, "--width", "0.0625", "--size", "16", "16", "--epochs", "1", *CPU])
    elif command == "translate":
        save_generator(tiny_method("cut"), tmp_path / "g.safetensors")
        evaluate([command, "--generator", str(tmp_path / "g.safetensors"), "--images", str(photos), *out, *CPU])
    elif command == "features":
        evaluate([command, "--images", str(photos), *out, *RANDOM])
    else:
        evaluate([command, str(photos), str(photos), *RANDOM, *(["-k", "2"] if command == "pr" else [])])
    assert capsys.readouterr().err.count(said) == 1


def test_further_pages_are_said_once_for_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [square(number) for number in range(3)]
    for name in ("a.tif", "b.tif"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        np.testing.assert_array_equal(np.asarray(load_rgb(tmp_path / name)), np.asarray(pages[0]))
    square().save(tmp_path / "one.tiff")
    load_rgb(tmp_path / "one.tiff")
    assert capsys.readouterr().err == (
        f"{tmp_path}/a.tif has 3 pages, of which the first is read, as of others like it there.\n"
    )


def test_a_folder_by_another_name_is_the_same(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A linked data folder is read by a name of its own, which is gone when a user reads it."""
    square().save(root / "trainA" / "pages.tif", save_all=True, append_images=[square(1)])
    Image.fromarray(np.full((32, 32), 4000, np.uint16)).save(root / "trainA" / "grey.png")
    data(["link", str(root), "--out", str(root.parent / "linked")])
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all(line.startswith(str(root)) for line in said)


@pytest.mark.parametrize(("suffix", "format"), [("ppm", "PPM"), ("pgm", "PPM"), ("jfif", "JPEG"), ("JFIF", "JPEG")])
def test_netpbm_and_jfif_are_images(tmp_path: Path, suffix: str, format: str) -> None:
    image = square().convert("L" if suffix == "pgm" else "RGB")
    image.save(tmp_path / f"x.{suffix}", format)
    assert list_images(tmp_path) == [tmp_path / f"x.{suffix}"]
    tolerance = 60 if format == "JPEG" else 0
    found, wanted = (np.asarray(i, dtype=int) for i in (load_rgb(tmp_path / f"x.{suffix}"), image.convert("RGB")))
    assert np.abs(found - wanted).mean() <= tolerance


def nested(root: Path) -> Path:
    """A data folder whose sets have images of one name in two sub-folders."""
    for seed, name in enumerate(("trainA", "trainB", "testA", "testB")):
        for part in ("day", "night"):
            (root / name / part).mkdir(parents=True)
            square(2 * seed + (part == "day"), 40).save(root / name / part / "0.png")
    return root


def test_sub_folders_are_read_under_their_own_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = nested(tmp_path / "data")
    with pytest.raises(UserError, match=r"trainA holds no image but 2 sub-folders"):
        data(["check", str(root)])
    data(["check", str(root), "--recursive"])
    assert "trainA         2" in capsys.readouterr().out
    data(["link", str(root), "--out", str(tmp_path / "linked"), "--recursive"])
    assert sorted(read_hashes(tmp_path / "linked"))[:2] == ["testA/day/0.png", "testA/night/0.png"]
    verify_manifest(tmp_path / "linked", recursive=True)
    square(9, 40).save(root / "testA" / "night" / "1.png")
    with pytest.raises(UserError, match=r"testA/night/1\.png changed since"):
        verify_manifest(tmp_path / "linked", recursive=True)


def test_translations_and_features_keep_the_paths(tmp_path: Path) -> None:
    photos = nested(tmp_path / "data") / "testA"
    save_generator(tiny_method("cut"), tmp_path / "g.safetensors")
    words = ["translate", "--generator", str(tmp_path / "g.safetensors"), "--images", str(photos), "--recursive", *CPU]
    for _ in range(2):
        evaluate([*words, "--out", str(tmp_path / "out")])
    made = list_images(tmp_path / "out", recursive=True)
    assert [name_in(tmp_path / "out", file) for file in made] == ["day/0.png", "night/0.png"]
    assert made[0].read_bytes() != made[1].read_bytes()
    with pytest.raises(UserError, match="lies in the folder of the images"):
        evaluate([*words, "--out", str(photos / "out")])
    out = str(tmp_path / "f.npz")
    evaluate(["features", "--images", str(tmp_path / "out"), "--out", out, "--recursive", *RANDOM])
    assert load_features(tmp_path / "f.npz").files == ("day/0.png", "night/0.png")


def test_a_training_reads_sub_folders(tmp_path: Path) -> None:
    root, out = nested(tmp_path / "data"), tmp_path / "run"
    with pytest.raises(UserError, match=r"holds no image but 2 sub-folders"):
        train_one_step(root, out)
    train_one_step(root, out, "--recursive")
    assert (out / "generator.safetensors").is_file()


def test_a_link_that_leads_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    square().save(tmp_path / "x" / "0.png")
    (tmp_path / "x" / "y" / "again").symlink_to(tmp_path / "x")
    assert len(list_images(tmp_path / "x")) == 1
    with pytest.raises(UserError, match=rf"x/y/again leads back to {tmp_path}/x: mend this link"):
        Reading(recursive=True).files(tmp_path / "x")


def test_a_linked_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    square().save(tmp_path / "far" / "0.png")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "near").symlink_to(tmp_path / "far")
    assert list_images(tmp_path / "x", recursive=True) == [tmp_path / "x" / "near" / "0.png"]


def test_a_stream_of_pages_is_read_as_its_first(capsys: pytest.CaptureFixture[str]) -> None:
    from enco.data.folders import decode_image

    content = io.BytesIO()
    square().save(content, "TIFF", save_all=True, append_images=[square(1)])
    decode_image(content, "pages/x.tif in some.zip")
    assert "pages/x.tif in some.zip has 2 pages" in capsys.readouterr().err
