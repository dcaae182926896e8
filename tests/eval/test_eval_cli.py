"""The commands of `python -m eval` on folders, from translation to a scores file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enco.data.images import to_uint8
from enco.data.manifest import hash_set
from enco.errors import UserError
from enco.io.files import write_json
from enco.methods.parts.generator_file import load_generator, save_generator
from eval.__main__ import main
from eval.metrics.features import load_features
from tests.eval.test_segmentation import draw_horizons
from tests.support.tiny_methods import SIZE, tiny_method
from tests.support.tiny_runs import run, tiny_config, write_images

RANDOM = ["--extractor", "random-inception", "--input-size", "75", "--threads", "1", "--device", "cpu"]
CPU = ["--threads", "1", "--device", "cpu"]


def call(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def write_photos(folder: Path, count: int, seed: int = 0, suffix: str = ".png") -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        size = (40 + index, 30)
        pixels = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size).save(folder / f"{index}{suffix}")
    return folder


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A one-sided and a two-sided generator file, untrained."""
    folder = tmp_path_factory.mktemp("generators")
    for name in ("enco", "cyclegan"):
        save_generator(tiny_method(name), folder / f"{name}.safetensors", task="noise")
    return {name: folder / f"{name}.safetensors" for name in ("enco", "cyclegan")}


def test_translate_writes_what_the_generator_says(generators: dict[str, Path], tmp_path: Path) -> None:
    from enco.data.images import test_image as load_test_image

    photos, out = write_photos(tmp_path / "photos", 3, suffix=".JPG"), tmp_path / "made" / "out"
    call("translate", "--generator", generators["enco"], "--images", photos, "--out", out, "--batch-size", 2, *CPU)
    assert sorted(file.name for file in out.iterdir()) == ["0.png", "1.png", "2.png"]
    assert [entry.name for entry in out.parent.iterdir() if entry.is_dir()] == ["out"]
    translator = load_generator(generators["enco"])
    expected = to_uint8(translator(load_test_image(photos / "2.JPG", SIZE, "bicubic")[None]))[0]
    assert expected.shape == (SIZE, SIZE, 3)
    found = np.asarray(Image.open(out / "2.png"))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_translate_goes_back_with_a_two_sided_method_only(generators: dict[str, Path], tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    common = ["--images", photos, "--size", 48, *CPU]
    for direction, words in {"forward": [], "backward": ["--backward"]}.items():
        call("translate", "--generator", generators["cyclegan"], "--out", tmp_path / direction, *words, *common)
    one, other = (np.asarray(Image.open(tmp_path / direction / "0.png")) for direction in ("forward", "backward"))
    assert one.shape == (48, 48, 3) and (one != other).any()
    with pytest.raises(UserError, match="one-sided"):
        call("translate", "--generator", generators["enco"], "--out", tmp_path / "x", "--backward", *common)
    assert not (tmp_path / "x").exists()


def test_translate_spares_other_peoples_files(generators: dict[str, Path], tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    common = ["translate", "--generator", generators["enco"], "--images", photos, *CPU, "--out"]
    with pytest.raises(UserError, match="the folder of the images themselves"):
        call(*common, photos)
    other = write_photos(tmp_path / "other", 3)
    with pytest.raises(UserError, match=r"holds other files, such as 2\.png"):
        call(*common, other)
    call(*common, tmp_path / "out")
    call(*common, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2
    Image.open(photos / "0.png").save(photos / "0.jpg")
    with pytest.raises(UserError, match=r"both become 0\.png"):
        call(*common, tmp_path / "new")


def test_a_broken_image_leaves_no_folder(generators: dict[str, Path], tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    (photos / "2.png").write_bytes((photos / "2.png").read_bytes()[:60])
    with pytest.raises(UserError, match=r"2\.png"):
        call("translate", "--generator", generators["enco"], "--images", photos, "--out", tmp_path / "o", *CPU)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == ["photos"]


def test_paired_features_are_rows_of_the_full_ones(tmp_path: Path) -> None:
    targets, sources = write_photos(tmp_path / "targets", 3), write_photos(tmp_path / "sources", 5)
    full, paired = tmp_path / "full.npz", tmp_path / "paired.npz"
    common = ["features", "--images", targets, "--out", full, "--size", 32, *RANDOM]
    call(*common, "--sources", sources, "--paired-out", paired, "--legacy-rounding")
    assert load_features(full).files == ("0.png", "1.png", "2.png")
    assert load_features(paired).files == ("0.png", "1.png", "2.png", "0.png", "1.png")
    assert load_features(paired).legacy_rounding and load_features(paired).size == 32
    with pytest.raises(UserError, match="both --sources and --paired-out"):
        call(*common, "--sources", sources)


def test_fid_and_pr_take_folders_and_files_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = write_photos(tmp_path / "a", 7), write_photos(tmp_path / "b", 8, seed=1)
    file = tmp_path / "b.npz"
    call("features", "--images", b, "--out", file, *RANDOM)
    capsys.readouterr()
    printed = []
    for second in (b, file):
        call("fid", a, second, *RANDOM)
        call("pr", a, second, "-k", 3, *RANDOM)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "random-inception(seed=0, input=75)" in printed[0] and "7 and 8" in printed[0]
    with pytest.raises(UserError, match="the real set has 7"):
        call("pr", a, file, "-k", 7, *RANDOM)


def test_scores_file_of_a_run_has_the_whole_contract(tmp_path: Path) -> None:
    folder = run(tiny_config(write_images(tmp_path / "data"), "cyclegan"), tmp_path / "run")
    photos, labels = draw_horizons(tmp_path / "photos", 8)
    drn, real = tmp_path / "drn.safetensors", tmp_path / "real.json"
    sizes = ["--drn-size", 16, 16]
    recipe = ["--width", 0.0625, "--size", 16, 16, "--epochs", 1, "--batch-size", 4]
    call("drn-train", "--images", photos, "--labels", labels, "--out", drn, *recipe, *CPU)
    call("segmentation", "--images", photos, "--labels", labels, "--drn", drn, *sizes, "--out", real, *CPU)
    call(
        "translate", "--generator", folder / "generator.safetensors", "--images", photos, "--out", tmp_path / "t", *CPU
    )
    full, paired, out = (tmp_path / name for name in ("full.npz", "paired.npz", "scores.json"))
    pair = ["--sources", photos, "--paired-out", paired]
    call("features", "--images", photos, "--out", full, "--size", SIZE, *pair, *RANDOM)
    reals = ["--real-paired", paired, "--real-full", full]
    common = ["scores", "--images", tmp_path / "t", "--run-json", folder / "run.json", *reals, "--out", out, *RANDOM]
    call(*common, "--task", "way-back", "--labels", labels, "--drn", drn, *sizes, "--segmentation-real", real)

    found = json.loads(out.read_text())
    record = json.loads((folder / "run.json").read_text())
    assert (found["task"], found["selection"], found["scale"]) == ("way-back", "final", "own")
    assert found["run"] == "own/noise/cyclegan/seed0"
    assert found["config_hash"] == record["config_hash"]
    assert found["trained_at"] == record["git"] and record["git"].keys() == {"commit", "dirty", "diff"}
    assert found["training_time_hours"] == record["wall_seconds"] / 3600
    assert found["model_size_millions"] == record["parameter_count"] / 1e6
    for name in ("paired", "full"):
        assert set(found["metrics"][name]) == {"frechet_distance", "precision", "recall", "recall_exact"}
    assert found["metrics"]["segmentation_real"] == json.loads(real.read_text())["metrics"]
    assert set(found["metrics"]["segmentation"]) == {"mAP", "pixAcc", "classAcc", "perClassIoU"}
    protocol = found["protocol"]
    assert protocol["n_real"] == {"paired": 8, "full": 8} and protocol["n_generated"] == 8
    assert protocol["extractor_hash"] == load_features(full).extractor_hash
    assert protocol["images"] == {"labels": hash_set(labels), "real": hash_set(photos)}, "no sources are known"
    assert {"k", "drn", "drn_hash", "device", "versions"} <= protocol.keys()
    assert load_features(tmp_path / "scores.npz").files == tuple(f"{index}.png" for index in range(8))

    ours = ["--images", tmp_path / "same", "--out", tmp_path / "reference.json", "--task", "way-back", "--scale", "own"]
    call("reference", "--sources", photos, "--size", SIZE, *reals, *ours, "--labels", labels, "--drn", drn, *RANDOM)
    reference = json.loads((tmp_path / "reference.json").read_text())
    assert reference.keys() == {"task", "scale", "metrics", "protocol"}
    assert reference["protocol"]["images"] == protocol["images"] | {"sources": hash_set(photos)}
    assert reference["metrics"]["full"]["frechet_distance"] < 1 < found["metrics"]["full"]["frechet_distance"]
    assert [path.name for path in sorted((tmp_path / "same").iterdir())] == [f"{index}.png" for index in range(8)]

    other = json.loads(real.read_text())
    write_json(real, other | {"protocol": other["protocol"] | {"drn": "other", "drn_hash": "0"}})
    with pytest.raises(UserError, match="another network"):
        call(*common, "--labels", labels, "--drn", drn, *sizes, "--segmentation-real", real)
    with pytest.raises(UserError, match="both --labels and --drn"):
        call(*common, "--labels", labels)
    write_json(tmp_path / "no_run.json", {"config": {}})
    with pytest.raises(UserError, match=r"name the run\.json of a finished training"):
        call(*common, "--run-json", tmp_path / "no_run.json")


def test_a_mistake_is_one_line_and_help_is_cheap(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "eval"]
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "drn-train" in help_text.stdout and " torch" not in help_text.stderr
    mistake = subprocess.run([*command[:1], "-m", "eval", "fid", "a.npz", "b.npz"], cwd=tmp_path, capture_output=True)
    assert mistake.returncode == 2
    assert mistake.stderr.decode().splitlines() == [
        "error: The features file a.npz does not exist: make it with `python -m eval features`."
    ]


def test_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    photos = write_photos(tmp_path / "photos", 2)
    with pytest.raises(UserError, match="no cuda device"):
        call("features", "--images", photos, "--out", tmp_path / "f.npz", *RANDOM[:-1], "cuda")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("features", "side that random-inception sees, in pixels (default 299)"),
        ("segmentation", "--drn-sha256 HEX SHA-256 of the network's file, or the start of one"),
    ],
)
def test_help_says_defaults_and_files_by_name(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert said in " ".join(capsys.readouterr().out.split())
