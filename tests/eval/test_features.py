"""Features: the extractor, its weights, and the files that keep features."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import pytorch_fid.inception
import torch
from PIL import Image
from torchvision.models.inception import Inception3

from enco.errors import UserError
from eval.config import Preparation
from eval.metrics import inception_weights
from eval.metrics.create import create_extractor
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features, check_comparable, load_features
from eval.metrics.fid import fid
from eval.metrics.inception_network import feature_layers, fid_inception
from eval.metrics.inception_weights import find_weights
from eval.records import ExtractorRecord

CPU = torch.device("cpu")
SMALL = 96


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    torch.set_num_threads(1)
    return create_extractor("random-inception", CPU, input_size=SMALL)


def paint(folder: Path, kind: str, count: int, size: int = 32) -> list[Path]:
    """Blotches of colour, plain or under stripes."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(len(kind))
    files = []
    for index in range(count):
        blotches = Image.fromarray(rng.integers(60, 200, (4, 4, 3), dtype=np.uint8)).resize((size, size))
        pixels = np.asarray(blotches, dtype=float)
        if kind == "stripes":
            pixels = pixels * 0.5 + 60 * (1 + np.sin(np.arange(size) * rng.uniform(1, 1.6)))[None, :, None]
        files.append(folder / f"{index:02}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(files[-1])
    return files


def toy(**changes: object) -> Features:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    names = {"files": ("a.png", "b.png", "c.png"), "sha256": ("1", "2", "3")}
    made = {"extractor": ExtractorRecord(kind="e"), "extractor_hash": "h", "size": 0, "legacy_rounding": False}
    return Features(**{"features": values, **names, **made, **changes})  # type: ignore[arg-type]


def test_random_features_are_alive_and_tell_domains_apart(extractor: Extractor, tmp_path: Path) -> None:
    plain, stripes = (
        extract_features(paint(tmp_path / kind, kind, 16), extractor).features for kind in ("plain", "stripes")
    )
    assert np.isfinite(plain).all() and plain.shape == (16, 2048)
    assert np.mean(plain.std(axis=0) > 1e-3) > 0.5, "most dimensions differ between images"
    within = max(fid(plain[::2], plain[1::2]), fid(stripes[::2], stripes[1::2]))
    assert fid(plain[::2], stripes[1::2]) > 5 * within


def test_seed_decides_the_random_weights(extractor: Extractor) -> None:
    again, other = (create_extractor("random-inception", CPU, seed=seed, input_size=SMALL) for seed in (0, 1))
    assert again.weights_hash == extractor.weights_hash != other.weights_hash
    assert str(other.record) == f"random-inception(seed=1, input={SMALL})"


def test_batch_size_order_and_image_sizes_do_not_matter(extractor: Extractor, tmp_path: Path) -> None:
    files = [*paint(tmp_path / "a", "plain", 3), *paint(tmp_path / "b", "stripes", 2, size=45)]
    one_by_one = extract_features(files, extractor, batch_size=1)
    together = extract_features(files[::-1], extractor, batch_size=4)
    np.testing.assert_allclose(one_by_one.features, together.features[::-1], rtol=1e-4, atol=1e-4)
    assert one_by_one.sha256 == tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def test_resizes_as_pytorch_fid_does(tmp_path: Path) -> None:
    full = create_extractor("random-inception", CPU)
    file = paint(tmp_path / "a", "plain", 1)[0]
    pixels = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float().div(255)
    with patch.object(pytorch_fid.inception, "fid_inception_v3", fid_inception):
        theirs = pytorch_fid.inception.InceptionV3(resize_input=True).eval()  # of an image at its own size
    values = full.network.state_dict().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    expected = theirs(pixels[None])[0].flatten(1)
    np.testing.assert_allclose(extract_features([file], full).features, expected, rtol=1e-4, atol=1e-4)


def test_the_network_is_pytorch_fids_to_the_last_bit() -> None:
    torch.manual_seed(5)
    ours = fid_inception()
    with patch.object(pytorch_fid.inception, "fid_inception_v3", lambda: ours):
        theirs = pytorch_fid.inception.InceptionV3(resize_input=False).eval()
    images = torch.rand(2, 3, SMALL, SMALL)
    with torch.no_grad():
        assert torch.equal(feature_layers(ours).eval()(images), theirs(images)[0])
    with (
        patch.object(pytorch_fid.inception, "load_state_dict_from_url"),
        patch.object(Inception3, "load_state_dict"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        published = pytorch_fid.inception.fid_inception_v3()
    kinds = [(name, type(module)) for name, module in ours.named_modules()]
    assert kinds == [(name, type(module)) for name, module in published.named_modules()]


def test_size_and_legacy_rounding_are_those_of_a_saved_result(extractor: Extractor, tmp_path: Path) -> None:
    from enco.data.images import test_image as load_test_image
    from enco.data.images import to_uint8

    file = paint(tmp_path / "a", "plain", 1, size=48)[0]
    saved = tmp_path / "saved.png"
    Image.fromarray(to_uint8(load_test_image(file, 32, "bicubic"))).save(saved)
    straight = extract_features([saved], extractor)
    prepared = extract_features([file], extractor, Preparation(size=32, legacy_rounding=True))
    np.testing.assert_array_equal(prepared.features, straight.features)
    assert (prepared.features != extract_features([file], extractor, Preparation(size=32)).features).any()


def test_published_weights_are_what_the_network_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        patch.object(pytorch_fid.inception, "load_state_dict_from_url"),
        patch.object(Inception3, "load_state_dict"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        weights = pytorch_fid.inception.fid_inception_v3().state_dict()
    written = tmp_path / "weights.pth"
    torch.save(weights, written)
    digest = hashlib.sha256(written.read_bytes()).hexdigest()
    monkeypatch.setattr(inception_weights, "FID_WEIGHTS_URL", f"https://localhost/net-{digest[:8]}.pth")
    found = create_extractor("inception", CPU, weights=written)
    assert (str(found.record), found.weights_hash, found.input_size) == ("inception", digest, 299)
    first = next(found.network.parameters())
    torch.testing.assert_close(first, weights["Conv2d_1a_3x3.conv.weight"])


def test_a_file_of_the_right_hash_that_holds_no_weights_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"no weights")
    digest = hashlib.sha256(b"no weights").hexdigest()
    monkeypatch.setattr(inception_weights, "FID_WEIGHTS_URL", f"https://localhost/net-{digest[:8]}.pth")
    with pytest.raises(UserError, match="does not hold network weights"):
        create_extractor("inception", CPU, weights=path)


def test_weights_that_are_named_are_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{tmp_path}/typo\.pth do not exist: correct the path, or leave it out"):
        find_weights(tmp_path / "typo.pth")
    assert not list(tmp_path.iterdir())


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"truncated")
    with pytest.raises(UserError, match="not the published file"):
        find_weights(path)


def test_a_features_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    features = toy(size=64, legacy_rounding=True)
    features.save(path)
    found = load_features(path)
    np.testing.assert_array_equal(found.features, features.features)
    assert found.features.dtype == np.float32
    assert (found.files, found.sha256, found.extractor, found.size, found.legacy_rounding) == (
        *(features.files, features.sha256, features.extractor, 64, True),
    )
    assert (found.filter, found.levels) == ("bicubic", "16bit")


def test_select_repeats_rows_with_their_names() -> None:
    picked = toy().select([2, 0, 2])
    assert picked.files == ("c.png", "a.png", "c.png")
    np.testing.assert_array_equal(picked.features[:, 0], [8, 0, 8])


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no features file"):
        load_features(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(UserError, match="no features file"):
        load_features(path)
    with pytest.raises(UserError, match="does not exist"):
        load_features(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"extractor": ExtractorRecord(kind="f")}, "extractor e and f"),
        ({"extractor": ExtractorRecord(kind="e", preparation=2)}, r"extractor e and e\(preparation=2\)"),
        ({"extractor_hash": "other"}, "weights h and other"),
        ({"size": 64}, "size as stored and 64 px"),
        ({"filter": "nearest"}, "filter bicubic and nearest"),
        ({"levels": "12bit"}, "levels 16bit and 12bit"),
    ],
)
def test_features_of_two_preparations_do_not_mix(other: dict[str, Any], message: str) -> None:
    check_comparable(toy(), toy(legacy_rounding=True))
    with pytest.raises(UserError, match=rf"not comparable \({message}\): extract both sets alike"):
        check_comparable(toy(), toy(**other))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgg", {}, "Unknown extractor 'vgg'"),
        ("inception", {"input_size": 128}, "299 pixels only"),
        ("random-inception", {"input_size": 64}, "at least 75"),
        ("inception", {"seed": 3}, "leave out --seed"),
        ("random-inception", {"weights": Path("x.pth")}, "leave out --weights"),
    ],
)
def test_bad_extractors_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        create_extractor(name, CPU, **options)
