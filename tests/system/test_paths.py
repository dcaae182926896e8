"""What a user calls from Python takes a path as text or as a Path, and a device as text."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import enco.methods.parts.generator_file
import enco.train
import enco.translation
import eval.metrics.create
import eval.metrics.extraction
import eval.metrics.features
import eval.metrics.inception
import eval.metrics.inception_weights
import eval.segmentation.scores
import eval.segmentation.weights
from enco.data.folders import list_images, load_rgb
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.train import train
from enco.translation import translate_folder
from eval.metrics.create import create_extractor
from eval.metrics.extraction import extract_features
from eval.metrics.features import load_features
from eval.metrics.fid import fid
from eval.metrics.scores import read_run
from eval.segmentation.drn import DRN
from eval.segmentation.scores import score_folder
from eval.segmentation.weights import load_segmenter, save_segmenter
from tests.support.tiny_methods import tiny_method
from tests.support.tiny_runs import tiny_config, write_images

FACE = [
    enco.methods.parts.generator_file,
    enco.train,
    eval.metrics.create,
    eval.metrics.extraction,
    eval.metrics.inception,
    eval.metrics.features,
    eval.metrics.inception_weights,
    eval.segmentation.scores,
    eval.segmentation.weights,
    enco.translation,
]


@pytest.mark.parametrize("module", FACE, ids=lambda module: module.__name__)
def test_no_function_of_the_face_asks_for_a_path_object(module: ModuleType) -> None:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            asked = [str(one.annotation) for one in inspect.signature(function).parameters.values()]
            assert not [kind for kind in asked if "Path" in kind.replace("StrPath", "")], name


def test_from_weights_to_fid_by_text(tmp_path: Path) -> None:
    photos, generator = str(write_images(tmp_path / "data") / "testA"), str(tmp_path / "g.safetensors")
    save_generator(tiny_method("cut"), generator)
    assert load_generator(generator, "cpu").method_name == load_generator(Path(generator)).method_name == "cut"
    translated = str(tmp_path / "translated")
    files = translate_folder(generator, photos, translated, "cpu", size=32)
    assert files == list_images(translated)
    assert load_rgb(str(files[0])) == load_rgb(files[0])
    extractor = create_extractor("random-inception", "cpu", input_size=75)
    features = extract_features([str(file) for file in files], extractor)
    features.save(str(tmp_path / "f.npz"))
    assert load_features(str(tmp_path / "f.npz")).files == features.files
    assert fid(features.features, features.features) == pytest.approx(0, abs=1e-6)


def test_a_training_by_text(tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    train(tiny_config(write_images(tmp_path / "data"), n_decay=0), out, "cpu")
    assert read_run(os.path.join(out, "run.json")).iterations == 6  # noqa: PTH118 (a text is what is tested)


def test_a_segmenter_by_text(tmp_path: Path) -> None:
    weights, photos, labels = (str(tmp_path / name) for name in ("own.safetensors", "photos", "labels"))
    for folder, mode in ((photos, "RGB"), (labels, "L")):
        Path(folder).mkdir()
        Image.fromarray(np.zeros((32, 64) + (3,) * (mode == "RGB"), dtype=np.uint8)).save(Path(folder) / "0.png")
    save_segmenter(DRN(width=0.125), weights, {"width": "0.125"})
    assert score_folder(photos, labels, load_segmenter(weights, "cpu"), (64, 32)).protocol.n == 1
