"""What `enco` and `eval` offer in Python: every example of docs/python.md runs, and the forms of images agree."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import enco
import eval as evaluation
from enco import load_generator, translate
from enco.errors import UserError
from enco.methods.parts.generator_file import save_generator
from eval import calculate_features, calculate_metrics, create_extractor, fid, precision_recall, translate_folder
from eval.config import Preparation
from eval.metrics.extractor import Extractor
from tests.support.tiny_methods import tiny_method

ROOT = Path(__file__).parents[2]
SIDE = 64


def draw(folder: Path, count: int, seed: int) -> Path:
    """Write blotches of colour, as wide as they are high."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        blotches = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        blotches.resize((SIDE, SIDE)).save(folder / f"{number}.png")
    return folder


def stack(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(file)) for file in sorted(folder.iterdir())])


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    torch.set_num_threads(1)
    return create_extractor("random-inception", input_size=75)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("images")
    return draw(root / "a", 6, 0), draw(root / "b", 7, 1)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generator") / "g.safetensors"
    save_generator(tiny_method("cyclegan"), path)
    return path


def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    draw(tmp_path / "photos", 5, 0)
    draw(tmp_path / "paintings", 6, 1)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(examples) >= 7 and text.count("```") == 2 * len(examples)
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), names)
    assert np.isfinite(names["metrics"].distance) and names["metrics"].generated == 5


@pytest.mark.parametrize("package", [enco, evaluation], ids=lambda package: package.__name__)
def test_names_come_from_packages_that_import_nothing_heavy(package: Any) -> None:
    for name in package.__all__:
        assert callable(getattr(package, name)), name
    with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018
    code = f"import sys, {package.__name__}; print(*(n for n in ('torch', 'pandas', 'numpy') if n in sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


def test_every_form_of_the_same_images_has_the_same_features(
    folders: tuple[Path, Path], extractor: Extractor, tmp_path: Path
) -> None:
    images, preparation = stack(folders[0]), Preparation(size=48)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    wanted = calculate_features(folders[0], extractor=extractor, preparation=preparation)
    for form in (images, tensor, torch.from_numpy(images).permute(0, 3, 1, 2)):
        found = calculate_features(form, extractor=extractor, preparation=preparation)
        assert np.array_equal(found.features, wanted.features)
        assert (found.extractor, found.size) == (wanted.extractor, 48)
    wanted.save(tmp_path / "a.npz")
    assert np.array_equal(calculate_features(tmp_path / "a.npz").features, wanted.features)
    assert calculate_features(wanted) is wanted


def test_metrics_are_those_of_the_functions_and_of_features(folders: tuple[Path, Path], extractor: Extractor) -> None:
    found = calculate_metrics(*folders, k=3, extractor=extractor)
    ours, theirs = (calculate_features(folder, extractor=extractor) for folder in folders)
    assert (found.generated, found.real, found.k) == (6, 7, 3)
    assert found.distance == fid(ours, theirs) == fid(ours.features, torch.from_numpy(theirs.features))
    assert (found.precision, found.recall, found.recall_exact) == precision_recall(ours, theirs, k=3)
    swapped = precision_recall(theirs, ours, k=3)
    assert swapped.recall_exact == pytest.approx(found.precision, abs=1e-3)


def test_sets_that_do_not_compare_are_refused(folders: tuple[Path, Path], extractor: Extractor) -> None:
    other = calculate_features(folders[1], extractor=extractor, preparation=Preparation(size=48))
    with pytest.raises(UserError, match="not comparable"):
        fid(folders[0], other, extractor=extractor)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 3, 8, 8), np.uint8),
        np.zeros((2, 8, 8, 3)),
        torch.zeros(2, 8, 8, 3),
        torch.zeros(2, 8, 8, 3).byte(),
        torch.ones(2, 3, 8, 8) * 2,
    ],
    ids=["order", "floats", "tensor order", "byte order", "range"],
)
def test_images_of_another_form_are_refused(images: Any, extractor: Extractor) -> None:
    with pytest.raises(UserError, match=r"Images are N x H x W x 3 bytes .* these are 2 x \d x 8 x \d of"):
        calculate_features(images, extractor=extractor)


def test_images_of_another_range_are_named_with_their_range(extractor: Extractor) -> None:
    with pytest.raises(UserError, match=r"2 x 3 x 8 x 8 of torch\.float32 from -1\.0 to 1\.0: convert them"):
        calculate_features(torch.linspace(-1, 1, 2 * 3 * 64).reshape(2, 3, 8, 8), extractor=extractor)


@pytest.mark.parametrize("images", [["0.png"], None, iter(())], ids=["list", "None", "iterator"])
def test_what_is_no_set_of_images_is_refused(images: Any, extractor: Extractor) -> None:
    with pytest.raises(UserError, match=rf"A {type(images).__name__} is no set of images: give a folder"):
        fid(images, np.eye(4), extractor=extractor)


def test_a_missing_folder_is_said_before_weights_are_looked_for(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.calculate.create_extractor", lambda: pytest.fail("looked for weights"))
    with pytest.raises(UserError, match="does not exist"):
        fid(folders[0], "no such folder")
    assert fid(np.eye(4), np.eye(4)) == pytest.approx(0, abs=1e-9)
    assert fid(torch.eye(4, dtype=torch.bfloat16), np.eye(4)) == pytest.approx(0, abs=1e-9)
    with pytest.raises(UserError, match="A matrix holds features already"):
        calculate_features(np.eye(4))


def test_a_translation_is_the_same_in_every_form(folders: tuple[Path, Path], generator: Path, tmp_path: Path) -> None:
    loaded, file = load_generator(generator), folders[0] / "0.png"
    written = translate_folder(generator, folders[0], tmp_path / "out", size=SIDE)
    assert translate(loaded, folders[0], tmp_path / "again", size=SIDE)[0].read_bytes() == written[0].read_bytes()
    wanted = np.asarray(Image.open(written[0])).astype(int)
    for form in (file, str(file), Image.open(file)):
        assert np.abs(np.asarray(translate(loaded, form, size=SIDE)) - wanted).max() <= 1  # type: ignore[call-overload]
    tensor = torch.from_numpy(stack(folders[0])).permute(0, 3, 1, 2) / 255
    translated = translate(loaded, tensor)
    assert translated.shape == tensor.shape and translated.min() >= 0 and translated.max() <= 1
    assert np.abs((translated[0] * 255).byte().permute(1, 2, 0).numpy() - wanted).max() <= 1
    assert torch.equal(translate(loaded, tensor, direction="backward"), (loaded(tensor * 2 - 1, "backward") + 1) / 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(generator: Path) -> None:
    for make in (
        partial(create_extractor, "random-inception"),
        partial(load_generator, generator),
        partial(enco.create, "cut"),
    ):
        for name in ("cuda", "cuda:1", "gpu"):
            with pytest.raises(UserError, match=f"has no {name} device: choose one of .*cpu"):
                make(device=name)
    assert load_generator(generator, torch.device("cpu")).method.device == torch.device("cpu")


def test_what_cannot_be_translated_is_refused(folders: tuple[Path, Path], generator: Path) -> None:
    loaded = load_generator(generator)
    with pytest.raises(UserError, match="is a folder: give `out`"):
        translate(loaded, folders[0])
    with pytest.raises(UserError, match="`out` is for the translations of a folder"):
        translate(loaded, folders[0] / "0.png", "out")
    with pytest.raises(UserError, match="`size` is for images and folders"):
        translate(loaded, torch.zeros(1, 3, 64, 64), size=32)  # type: ignore[call-overload]
    for tensor in (
        torch.zeros(0, 3, 64, 64),
        torch.zeros(3, 64, 64),
        torch.zeros(1, 3, 64, 64) - 1,
        torch.zeros(1, 3, 64, 64).byte(),
        torch.zeros(1, 1, 64, 64),
        torch.full((1, 3, 64, 64), torch.nan),
    ):
        with pytest.raises(UserError, match=r"floats in \[0, 1\]"):
            translate(loaded, tensor)
    (folders[0].parent / "torn.png").write_bytes((folders[0] / "0.png").read_bytes()[:200])
    with pytest.raises(UserError, match=r"The image given cannot be read \(.*\): open a whole file"):
        translate(loaded, Image.open(folders[0].parent / "torn.png"))
    with pytest.raises(UserError, match="The image folder no such folder does not exist"):
        translate(loaded, "no such folder", "out")
    for images in (np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3)), [folders[0] / "0.png"]):
        with pytest.raises(UserError, match=f"A {type(images).__name__} cannot be translated: give a tensor"):
            translate(loaded, images)  # type: ignore[call-overload]
    with pytest.raises(UserError, match="Unknown direction 'back': choose one of backward, forward"):
        translate(loaded, torch.zeros(1, 3, 64, 64), direction="back")  # type: ignore[call-overload]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_tensor_of_any_floats_is_translated_in_single_precision(generator: Path, dtype: torch.dtype) -> None:
    loaded, tensor = load_generator(generator), torch.rand(1, 3, SIDE, SIDE).to(dtype)
    translated = translate(loaded, tensor)
    assert translated.dtype == dtype
    assert torch.equal(translated, translate(loaded, tensor.float()).to(dtype))
