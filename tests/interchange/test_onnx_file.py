"""ONNX files translate as the generators that they are made of, at any size."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from enco.errors import UserError
from enco.interchange import onnx_file
from enco.interchange.onnx_file import export_onnx
from enco.methods import available, get
from enco.methods.__main__ import main
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.styles import styles_of
from tests.interchange.test_commands import blocks
from tests.support.tiny_methods import tiny_method

SHAPES = ((1, 3, 32, 32), (3, 3, 44, 80), (2, 3, 100, 8))
"""None is a shape that files are made or checked with."""
TOLERANCE = 1e-4
STYLES = {"munit": "style_dim", "drit": "attribute_dim"}
"""Options with the length of the styles that a method draws."""

WAYS: list[tuple[str, TranslationDirection]] = [(name, "forward") for name in sorted(available())]
WAYS += [(name, "backward") for name in sorted(available()) if get(name).info.two_sided]


def written(folder: Path, name: str, **options: object) -> Path:
    path = folder / f"{name}.safetensors"
    save_generator(tiny_method(name, **options), path, task="horse2zebra")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way"), WAYS)
def test_an_onnx_file_translates_as_its_generator(name: str, way: TranslationDirection, tmp_path: Path) -> None:
    path = written(tmp_path, name)
    said = export_onnx(path, tmp_path / "g.onnx", way)
    translator, session = load_generator(path), InferenceSession(tmp_path / "g.onnx")
    assert [each.name for each in session.get_inputs()] == ["images", "style"][: 1 + (name in STYLES)]
    differences = []
    for shape in SHAPES:
        images = torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
        inputs = {"images": images.numpy()}
        if name in STYLES:
            options = translator.method.options
            inputs["style"] = styles_of(images, getattr(options, STYLES[name]), options.style_seed).numpy()  # type: ignore[attr-defined]
        (translated,) = session.run(["translated"], inputs)
        assert translated.shape == shape and translated.dtype == np.float32
        assert translated.std() > 1e-3
        differences.append(np.abs(translated - translator(images, way).numpy()).max())
    assert max(*differences, said) < TOLERANCE


@pytest.mark.slow
def test_the_options_of_styles_are_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "munit", stretch=True)
    assert export_onnx(path, tmp_path / "g.onnx") < TOLERANCE
    path = written(tmp_path, "drit", concat=False)
    assert export_onnx(path, tmp_path / "g.onnx") < TOLERANCE


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    export_onnx(written(tmp_path, "cyclegan"), tmp_path / "g.onnx", "backward")
    model = onnx.load(tmp_path / "g.onnx")
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    told = {"method": "cyclegan", "task": "horse2zebra", "direction": "backward", "range": "[-1, 1]", "multiple": "4"}
    assert about == told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cyclegan.safetensors", "g.onnx"]


def test_a_graph_that_translates_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "TOLERANCE", 0.0)
    with pytest.raises(UserError, match=r"translates otherwise, by up to \de-\d+, so .*g\.onnx is not written"):
        export_onnx(written(tmp_path, "cyclegan"), tmp_path / "g.onnx")
    assert not (tmp_path / "g.onnx").exists()


def test_a_one_sided_generator_has_no_way_back(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one-sided and cannot translate backward"):
        export_onnx(written(tmp_path, "cut"), tmp_path / "g.onnx", "backward")
    assert not (tmp_path / "g.onnx").exists()


def test_the_generator_is_not_replaced_by_its_export(tmp_path: Path) -> None:
    path = written(tmp_path, "cut")
    content = path.read_bytes()
    with pytest.raises(UserError, match=r"cut\.safetensors is the generator that is exported"):
        export_onnx(path, tmp_path / "." / "cut.safetensors")
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_model_of", lambda *_: pytest.fail("the graph is made all the same"))
    with pytest.raises(UserError, match="it is a folder"):
        export_onnx(written(tmp_path, "cut"), tmp_path)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "NEEDED", ("onnx", "onnx_of_tomorrow"))
    with pytest.raises(UserError, match=r"needs the packages onnx and onnx_of_tomorrow: `pip install onnx onnx_of_to"):
        export_onnx(written(tmp_path, "cut"), tmp_path / "g.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["enco", "munit"])
def test_without_onnxruntime_a_file_is_checked_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, name)
    fast = export_onnx(path, tmp_path / "g.onnx")
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    slow = export_onnx(path, tmp_path / "g.onnx")
    assert slow != fast and slow < TOLERANCE


@pytest.mark.slow
def test_the_pages_command_and_example_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_generator(tiny_method("cyclegan"), "generator.safetensors")
    block = next(text for text in blocks("Export", "bash") if "onnx" in text)
    (command,) = (line for line in block.splitlines() if line.startswith("python -m enco.methods "))
    main(shlex.split(command)[3:])
    first, second = capsys.readouterr().out.splitlines()
    said = re.fullmatch(r"The ONNX file translates as the generator does, to within (\S+) of values in .*", first)
    assert said and float(said[1]) < TOLERANCE
    assert second == "generator.onnx"
    names: dict[str, Any] = {}
    exec(blocks("Export", "python")[0], names)
    assert names["translated"].shape == (1, 3, 64, 96)
    assert block.splitlines()[0] == f"pip install {' '.join(onnx_file.NEEDED)}"


def test_backward_has_no_use_for_original_files(tmp_path: Path) -> None:
    words = ["export", str(written(tmp_path, "cyclegan")), "--out", str(tmp_path / "x.pth"), "--backward"]
    with pytest.raises(UserError, match="--backward is for --format onnx"):
        main([*words, "--format", "original"])
