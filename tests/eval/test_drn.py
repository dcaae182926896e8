"""DRN-D-22: shapes, counts and names of the published network, and its weight files."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from enco.errors import UserError
from eval.config import NetworkName
from eval.segmentation.drn import DRN, bilinear_kernel
from eval.segmentation.weights import load_segmenter, load_trunk, save_segmenter

CPU = torch.device("cpu")
META = torch.device("meta")
STAGES = [2_384, 2_336, 4_672, 131_712, 525_568, 2_099_712, 8_393_728, 2_360_320, 2_360_320]


@pytest.fixture(scope="module")
def full() -> DRN:
    """The network at its full width, without storage."""
    with META:
        return DRN()


@pytest.fixture
def narrow() -> DRN:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return DRN(width=1 / 16).eval()


def test_parameters_are_those_of_the_published_network(full: DRN) -> None:
    counts = [parameter.numel() for parameter in full.parameters()]
    trainable = [parameter.numel() for parameter in full.parameters() if parameter.requires_grad]
    assert (sum(counts), sum(trainable)) == (15_895_363, 15_890_499)
    assert [sum(p.numel() for p in stage.parameters()) for stage in full.base] == STAGES
    assert sum(STAGES) == 15_880_752


def test_state_dict_has_the_published_names(full: DRN) -> None:
    names = set(full.state_dict())
    assert len(names) == 153
    assert {"base.0.0.weight", "base.3.0.conv1.weight", "base.3.0.downsample.1.running_var"} <= names
    assert {"base.6.1.bn2.bias", "base.8.1.running_mean", "seg.weight", "seg.bias", "up.weight"} <= names
    assert not any(name.startswith("base.3.1.downsample") for name in names)


@pytest.mark.parametrize(
    ("stage", "shape"),
    [(0, (16, 128, 256)), (2, (32, 64, 128)), (3, (64, 32, 64)), (4, (128, 16, 32)), (8, (512, 16, 32))],
)
def test_stage_outputs_of_a_256_by_128_photo(full: DRN, stage: int, shape: tuple[int, ...]) -> None:
    assert full.base[: stage + 1](torch.empty(1, 3, 128, 256, device=META)).shape[1:] == shape


@pytest.mark.parametrize(("height", "width", "out"), [(128, 256, (128, 256)), (130, 258, (136, 264)), (8, 9, (8, 16))])
def test_output_sizes_round_up_to_multiples_of_8(full: DRN, height: int, width: int, out: tuple[int, int]) -> None:
    assert full(torch.empty(2, 3, height, width, device=META)).shape == (2, 19, *out)


def test_dilations_grow_where_the_stride_stops(full: DRN) -> None:
    dilations = {
        name.split(".")[1]: module.dilation[0]
        for name, module in full.base.named_modules(prefix="base")
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3)
    }
    assert dilations == {"1": 1, "2": 1, "3": 1, "4": 1, "5": 2, "6": 4, "7": 2, "8": 1}


def test_upsampling_is_bilinear(narrow: DRN) -> None:
    scores = torch.randn(1, 19, 6, 7)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    expected = interpolate(scores, scale_factor=8, mode="bilinear", align_corners=False)
    torch.testing.assert_close(narrow.up(scores)[inner], expected[inner])
    assert bilinear_kernel(16).sum() == 64


def test_training_leaves_the_upsampling_alone(narrow: DRN) -> None:
    narrow(torch.randn(1, 3, 32, 32)).sum().backward()
    missing = [name for name, parameter in narrow.named_parameters() if parameter.grad is None]
    assert missing == ["up.weight"]


@pytest.mark.parametrize("kind", ["drn_d_22.pth.tar", "drn_d_22_cityscapes.pth", "own.safetensors"])
def test_every_file_format_gives_the_same_network(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network, path = DRN().eval(), tmp_path / kind
    # Files of 2017 know no num_batches_tracked.
    weights = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    if kind.endswith(".tar"):
        prefixed = OrderedDict((f"module.{name}", value) for name, value in weights.items())
        torch.save({"epoch": 250, "arch": "drn_d_22", "state_dict": prefixed, "best_prec1": 92.5}, path)
    elif kind.endswith(".pth"):
        torch.save(weights, path)
    else:
        save_segmenter(network, path, {"label": "own DRN", "width": "1.0"})
    found = load_segmenter(path, CPU)
    image = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(found.network(image), network(image))
    assert not found.network.training
    assert found.label == ("own DRN" if kind == "own.safetensors" else f"DRN-D-22 ({kind})")
    assert len(found.sha256) == 64


ACCURACIES = {
    "python": 92.5,
    "numpy": np.float64(92.5),
    "numpy32": np.float32(92.5),
    "tensor": torch.tensor(92.5),
}


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return DRN().state_dict()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", ACCURACIES)
def test_negcuts_format_is_read_whatever_its_accuracy_is(
    weights: dict[str, torch.Tensor], kind: str, zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / "drn_d_22.pth.tar"
    prefixed = OrderedDict((f"module.{name}", value) for name, value in weights.items())
    content = {"epoch": 250, "arch": "drn_d_22", "state_dict": prefixed, "best_prec1": ACCURACIES[kind]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(load_segmenter(path, CPU, "negcut").network.seg.weight, weights["seg.weight"])


def test_a_numpy_number_of_before_numpy_2_is_read(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "drn_d_22.pth.tar"
    content = {"state_dict": weights, "best_prec1": np.float64(92.5)}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert torch.equal(load_segmenter(path, CPU, "negcut").network.seg.weight, weights["seg.weight"])


def test_a_published_network_is_named_as_such(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "renamed.pth"
    labels = {}
    for name, content in (("negcut", {"state_dict": weights}), ("fyu", weights), ("own", weights)):
        torch.save(content, path)
        labels[name] = load_segmenter(path, CPU, name).label
    assert labels["negcut"] == "DRN-D-22 by the file NEGCUT publishes (drn_d_22.pth.tar; no hash of it is published)"
    assert "drn_d_22_cityscapes.pth" in labels["fyu"]
    assert "trained at full resolution, not the paper's" in labels["fyu"]
    assert labels["own"] == "DRN-D-22 (renamed.pth)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("negcut", ["put drn_d_22.pth.tar there", "WeilunWang/NEGCUT", "assets/drn", "network: own", "snakemake drn"]),
        ("fyu", ["put drn_d_22_cityscapes.pth there", "go.yf.io/drn-cityscapes-models", "fyu/drn", "snakemake drn"]),
        ("own", ["python -m eval drn-train"]),
    ],
)
def test_a_missing_file_is_one_sentence_with_source_place_and_way_out(
    name: NetworkName, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "weights" / "drn.pth"
    with pytest.raises(UserError) as error:
        load_segmenter(path, CPU, name)
    assert all(word in str(error.value) for word in [str(path), *words]) and "\n" not in str(error.value)


def test_a_network_trained_here_is_not_called_a_published_one(narrow: DRN, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_segmenter(narrow, path, {"label": "own DRN", "width": str(1 / 16)})
    with pytest.raises(UserError, match="network: own"):
        load_segmenter(path, CPU, "negcut")


def test_a_narrow_network_remembers_its_width(narrow: DRN, tmp_path: Path) -> None:
    path = tmp_path / "narrow.safetensors"
    save_segmenter(narrow, path, {"label": "own DRN", "width": str(1 / 16)})
    assert load_segmenter(path, CPU).network.seg.in_channels == 32


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("code from a weight file was run",)


def test_bad_weight_files_are_refused(narrow: DRN, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil.pth"
    for content in ({"state_dict": Payload()}, {"state_dict": {}, "best_prec1": np.array([Payload()], dtype=object)}):
        for zipped in (True, False):
            torch.save(content, path, _use_new_zipfile_serialization=zipped)
            with pytest.raises(UserError, match="does not hold network weights and nothing else"):
                load_segmenter(path, CPU)
    assert "was run" not in capsys.readouterr().out
    torch.save(narrow.state_dict(), path)
    with pytest.raises(UserError, match="DRN-D-22 with 19 classes"):
        load_segmenter(path, CPU)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"half")
    with pytest.raises(UserError, match="not a whole safetensors file"):
        load_segmenter(broken, CPU)
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        save_segmenter(narrow, tmp_path / "x.pt", {})


NO_STATES = {
    "numbered": {0: torch.zeros(1)},
    "null": {"state_dict": None},
    "list": [torch.zeros(1)],
    "tensor": torch.zeros(1),
    "values": {"state_dict": {"seg.weight": 1.0}},
}


@pytest.mark.parametrize("kind", NO_STATES)
def test_a_file_without_named_tensors_is_one_sentence(kind: str, narrow: DRN, tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    torch.save(NO_STATES[kind], path)
    for load in (lambda: load_segmenter(path, CPU), lambda: load_trunk(narrow, path)):
        with pytest.raises(UserError, match=rf"{path} does not hold network weights .*: name another file") as error:
            load()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("width", ["abc", "nan", "inf", "-1", ""])
def test_a_width_that_is_none_is_one_sentence(width: str, narrow: DRN, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_segmenter(narrow, path, {"width": width})
    with pytest.raises(UserError, match=rf"{path} does not hold the weights of a DRN-D-22 with 19 classes: name"):
        load_segmenter(path, CPU)


def test_trunk_starts_from_the_imagenet_classifier(narrow: DRN, tmp_path: Path) -> None:
    torch.manual_seed(5)
    source = DRN(width=1 / 16)
    classifier = {
        name.replace("base.", "layer", 1): value for name, value in source.state_dict().items() if "base." in name
    }
    path = tmp_path / "imagenet.pth"
    torch.save({**classifier, "fc.weight": torch.zeros(1000, 32, 1, 1), "fc.bias": torch.zeros(1000)}, path)
    load_trunk(narrow, path)
    torch.testing.assert_close(narrow.base[6][0].conv1.weight, source.base[6][0].conv1.weight)
    with pytest.raises(UserError, match="--width 1"):
        load_trunk(DRN(width=1 / 8), path)
    del classifier["layer8.0.weight"]
    torch.save(classifier, path)
    with pytest.raises(UserError, match="is not the ImageNet classifier"):
        load_trunk(narrow, path)
