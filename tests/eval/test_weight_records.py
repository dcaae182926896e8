"""Published weights by name: found or fetched before jobs, recorded, and missed in one sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from enco.errors import UserError
from enco.io.files import read_json
from eval import weights as weight_records
from eval.__main__ import main
from eval.metrics import inception_weights
from eval.metrics.inception_weights import find_weights
from eval.segmentation import releases
from eval.segmentation.drn import DRN
from eval.segmentation.weights import load_segmenter
from tests.eval.test_segmentation import draw_horizons
from tests.support.file_server import FileServer

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = f"net-{DIGEST[:8]}.pth"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_the_names_are_those_of_the_published_files() -> None:
    assert {name: Path(url).name for name, url in weight_records.URLS.items()} == {
        "inception": "pt_inception-2015-12-05-6726825d.pth",
        "dinov2": "dinov2_vitb14_pretrain.pth",
        "vgg16": "vgg16-397923af.pth",
        "drn-imagenet": "drn_d_22-4bd2f8ea.pth",
    }


def test_weights_are_fetched_once_and_recorded_alike(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results" / "inception.json"
    with FileServer({NAME: CONTENT}) as server:
        url = server.url(NAME)
        monkeypatch.setitem(weight_records.URLS, "inception", url)
        main(["weights", "inception", "--out", str(out)])
        first = out.read_bytes()
        main(["weights", "inception", "--out", str(out)])
        assert len(server.requests) == 1
    assert (cache / NAME).read_bytes() == CONTENT
    expected = {"name": "inception", "file": str(cache / NAME), "bytes": len(CONTENT), "sha256": DIGEST, "url": url}
    assert read_json(out) == expected
    assert out.read_bytes() == first, "a record made again makes no job run again"


def test_a_wrong_file_leaves_no_record(cache: Path, tmp_path: Path) -> None:
    wrong = cache / "vgg16-397923af.pth"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"half")
    with pytest.raises(UserError, match=r"vgg16-397923af\.pth"):
        main(["weights", "vgg16", "--out", str(tmp_path / "vgg16.json")])
    assert not (tmp_path / "vgg16.json").exists()


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(
        UserError, match="'inceptoin': choose one of dinov2, drn-imagenet, fyu, inception, negcut, vgg16"
    ):
        main(["weights", "inceptoin"])


def test_a_file_that_went_and_cannot_be_fetched_is_missed_with_the_cure(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception_weights, "FID_WEIGHTS_URL", "http://127.0.0.1:9/net-00000000.pth")
    with pytest.raises(UserError, match=rf"Could not download http://127.*by hand and put it at {cache}/net-00000000"):
        find_weights()


def test_drn_train_fetches_the_imagenet_trunk(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(7)
    trunk = {name.replace("base.", "layer", 1): v for name, v in DRN().state_dict().items() if "base." in name}
    torch.save(trunk, tmp_path / "trunk.pth")
    content = (tmp_path / "trunk.pth").read_bytes()
    name = f"drn_d_22-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    photos, labels = draw_horizons(tmp_path, 2)
    out = tmp_path / "own.safetensors"
    folders = ["--images", str(photos), "--labels", str(labels), "--out", str(out)]
    recipe = ["--size", "16", "16", "--epochs", "1", "--lr", "1e-9", "--device", "cpu", "--threads", "1"]
    with FileServer({name: content}) as server:
        monkeypatch.setattr(releases, "IMAGENET_URL", server.url(name))
        main(["drn-train", *folders, *recipe, "--trunk", "imagenet"])
    assert (cache / name).is_file()
    found = load_segmenter(out, torch.device("cpu"))
    assert "trained from ImageNet weights on 2 images" in found.label
    torch.testing.assert_close(found.network.base[6][0].conv1.weight, trunk["layer6.0.conv1.weight"], atol=1e-5, rtol=0)


def test_a_segmentation_network_is_asked_for_and_recorded_where_it_was_put(tmp_path: Path) -> None:
    file, out = tmp_path / "drn_d_22.pth.tar", tmp_path / "negcut.json"
    words = ["weights", "negcut", "--file", str(file), "--out", str(out)]
    with pytest.raises(UserError, match=rf"{file} are missing: put drn_d_22\.pth\.tar there, from .*NEGCUT"):
        main(words)
    assert weight_records.state("negcut", file)[1].startswith("The segmentation weights") and not out.exists()
    file.write_bytes(CONTENT)
    main(words)
    assert read_json(out)["sha256"] == DIGEST and weight_records.state("negcut", file) == (file, "ready")
