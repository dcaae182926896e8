"""The example that makes a task from a folder of photographs."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from enco.datasets.check import summarise
from enco.errors import UserError

NOTICE = """Files: nature/p0.jpg
       nature/p1.jpg
Copyright: 2008, A. Photographer
License: CC-BY-SA-4.0

Files: nature/other.jpg
Copyright: 2009, Somebody Else
License: GPL-2+

License: CC-BY-SA-4.0
 The licence's text.

License: GPL-2+
 Another text.
"""


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("photos", Path(__file__).parents[2] / "examples" / "photos.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four plain photographs, wide and tall, each of a colour of its own and brighter in its right part."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, size in enumerate([(150, 100), (100, 150), (128, 128), (160, 90)]):
        pixels = np.zeros((size[1], size[0], 3), dtype=np.uint8)
        pixels[..., 0], pixels[:, int(size[0] * 0.6) :, 1] = 60 * number, 120
        Image.fromarray(pixels).save(folder / f"p{number}.jpg", quality=100, subsampling=0)
    return folder


def make(example: ModuleType, photos: Path, out: Path, seed: int = 0, notice: Path | None = None) -> Path:
    example.make_task(photos, out, size=16, train=6, test=3, seed=seed, source="a test", notice=notice)
    return out


def used(folder: Path) -> set[str]:
    return {path.name.split("_")[0] for path in folder.iterdir()}


def test_photographs_serve_one_domain_each(example: ModuleType, photos: Path, tmp_path: Path) -> None:
    out = make(example, photos, tmp_path / "out")
    assert [(s.name, s.count, s.largest) for s in summarise(out)] == [
        ("trainA", 6, (16, 16)),
        ("trainB", 6, (16, 16)),
        ("testA", 3, (16, 16)),
        ("testB", 3, (16, 16)),
    ]
    assert used(out / "trainA") == used(out / "testA") and used(out / "trainB") == used(out / "testB")
    assert used(out / "trainA").isdisjoint(used(out / "trainB"))
    assert used(out / "trainA") | used(out / "trainB") == {"p0", "p1", "p2", "p3"}


def test_training_and_test_crops_do_not_overlap(example: ModuleType, photos: Path, tmp_path: Path) -> None:
    out = make(example, photos, tmp_path / "out")
    green = {s: [np.asarray(Image.open(p))[..., 1] for p in (out / s).iterdir()] for s in ("trainA", "testA")}
    assert all(np.median(crop) < 20 for crop in green["trainA"])
    assert all(np.median(crop) > 100 for crop in green["testA"])


def test_seed_decides_every_crop(example: ModuleType, photos: Path, tmp_path: Path) -> None:
    def crops(name: str, seed: int) -> list[bytes]:
        return [p.read_bytes() for p in sorted(make(example, photos, tmp_path / name, seed).rglob("*.png"))]

    assert crops("one", 0) == crops("two", 0) != crops("three", 1)


def test_attribution_quotes_what_concerns_the_photographs(example: ModuleType, photos: Path, tmp_path: Path) -> None:
    notice = tmp_path / "copyright"
    notice.write_text(NOTICE)
    text = (make(example, photos, tmp_path / "out", notice=notice) / "ATTRIBUTION.txt").read_text()
    assert all(f"p{number}.jpg" in text for number in range(4))
    assert "A. Photographer" in text and "The licence's text." in text
    assert "Somebody Else" not in text and "Another text." not in text


def test_one_photograph_is_too_few(example: ModuleType, photos: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (photos / f"p{number}.jpg").unlink()
    with pytest.raises(UserError, match="at least two"):
        make(example, photos, tmp_path / "out")
