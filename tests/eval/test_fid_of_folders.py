"""FID and features of image folders: ours and pytorch-fid's own, on the same files with the same weight file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import pytorch_fid.inception
import torch
from PIL import Image
from pytorch_fid.fid_score import get_activations
from torch import nn
from torchvision.models.inception import Inception3

from enco.data.folders import list_images
from enco.io.weights import cache_path
from eval.__main__ import main
from eval.metrics import inception_weights
from eval.metrics.create import create_extractor
from eval.metrics.extraction import extract_features

CPU = torch.device("cpu")
SIDE, IMAGES = 256, 12
GAIN = 4.0
"""On the first convolution, so that distances are of the size of real ones."""


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch cache with an Inception of random weights under the published file's name."""
    torch.manual_seed(0)
    with (
        patch.object(pytorch_fid.inception, "load_state_dict_from_url"),
        patch.object(Inception3, "load_state_dict"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        network = pytorch_fid.inception.fid_inception_v3()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    with torch.no_grad():
        convolutions[0].weight.mul_(GAIN)
    home = tmp_path_factory.mktemp("torch")
    path = home / "hub" / "checkpoints" / Path(pytorch_fid.inception.FID_WEIGHTS_URL).name
    path.parent.mkdir(parents=True)
    torch.save(network.state_dict(), path)
    return home


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Blotches as PNG, and striped ones as JPEG, 256 pixels wide and high."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, suffix in (("generated", "png"), ("real", "jpg")):
        (root / name).mkdir()
        for index in range(IMAGES):
            blotches = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((SIDE, SIDE))
            stripes = 40 * np.sin(np.arange(SIDE) * rng.uniform(0.2, 1)) if name == "real" else np.zeros(SIDE)
            pixels = (np.asarray(blotches, dtype=float) + stripes[None, :, None]).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{index:02}.{suffix}")
    return root / "generated", root / "real"


@pytest.fixture(autouse=True)
def _trust_the_file(torch_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use this cache, and take its file for the published one; all else is as always."""
    torch.set_num_threads(1)
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    monkeypatch.setattr(inception_weights, "chosen_weights", lambda url, path: path or cache_path(url))


@pytest.mark.slow
def test_fid_equals_pytorch_fids_command(
    folders: tuple[Path, Path], torch_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fid", *map(str, folders), "--device", "cpu", "--threads", "1"])
    ours = _number(r"FID +([\d.]+)", capsys.readouterr().out)
    command = [sys.executable, "-m", "pytorch_fid", *map(str, folders), "--device", "cpu", "--num-workers", "0"]
    done = subprocess.run(command, env={**os.environ, "TORCH_HOME": str(torch_home)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = _number(r"FID: +([\d.]+)", done.stdout)
    assert 100 < theirs < 1000, "the two folders differ as real ones do"
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-3)


def test_features_equal_pytorch_fids(folders: tuple[Path, Path]) -> None:
    files = [file for folder in folders for file in list_images(folder)[:2]]
    network = pytorch_fid.inception.InceptionV3([pytorch_fid.inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    theirs = get_activations(files, network, batch_size=4, num_workers=0)
    ours = extract_features(files, create_extractor("inception", CPU)).features
    assert theirs.std(axis=0).mean() > 0.1, "the features tell images apart"
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    assert match, text
    return float(match[1])
