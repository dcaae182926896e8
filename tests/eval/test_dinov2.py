"""The extractor DINOv2: its network against timm's and against torch's own attention, its weights, its preparation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, layer_norm

from enco.errors import UserError
from eval import weights
from eval.__main__ import main
from eval.metrics import dinov2
from eval.metrics.create import create_extractor
from eval.metrics.dinov2_network import Block, VisionTransformer
from eval.metrics.extraction import extract_features

WIDTH, DEPTH, HEADS = 64, 2, 4
TIMM = {
    518: ([-0.1783, 0.378035, 0.246539, 0.233946, 0.069088, -0.478822], 3.194243),
    224: ([-0.168537, 0.360498, 0.236854, 0.240974, 0.068757, -0.469743], 3.203539),
}
"""By the side of images: six features of the second, and the norm of the first."""


def drawn(network: nn.Module) -> dict[str, Tensor]:
    """Weights by numpy's generator, whose numbers no version changes."""
    random = np.random.RandomState(0)
    shapes = {name: tuple(value.shape) for name, value in sorted(network.state_dict().items())}
    return {name: torch.from_numpy(0.3 * random.standard_normal(shape)).float() for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def small() -> VisionTransformer:
    torch.set_num_threads(1)
    network = VisionTransformer(WIDTH, DEPTH, HEADS)
    network.load_state_dict(drawn(network))
    return network.eval()


def noise(side: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(1).standard_normal((2, 3, side, side))).float()


@torch.no_grad()
@pytest.mark.parametrize("side", TIMM)
def test_features_are_timms(side: int, small: VisionTransformer) -> None:
    """The numbers are timm 1.0.31's VisionTransformer's, with the same weights.

    Timm resizes position embeddings otherwise: at 224 pixels it was given the published code's, summed by numpy.
    """
    features, norm = TIMM[side]
    found = small(noise(side))
    assert found.shape == (2, WIDTH)
    np.testing.assert_allclose(found[1, :6], features, atol=5e-6)
    assert found[0].norm().item() == pytest.approx(norm, abs=2e-5)


def cubic(distance: float, a: float = -0.75) -> float:
    """Keys' kernel with PyTorch's a."""
    x = abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def resampling(old: int, new: int) -> NDArray[np.float64]:
    """The weights of old positions in new ones, a new one being old / (new + 0.1) wide."""
    found = np.zeros((new, old))
    for i in range(new):
        at = (i + 0.5) * old / (new + 0.1) - 0.5
        for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            found[i, min(max(j, 0), old - 1)] += cubic(at - j)
    return found


@torch.no_grad()
def test_position_embeddings_are_resized_as_the_published_code_does(small: VisionTransformer) -> None:
    known = small.pos_embed[0, 1:].double().reshape(37, 37, WIDTH)
    rows, columns = resampling(37, 16), resampling(37, 9)
    expected = np.einsum("ai,bj,ijd->dab", rows, columns, known)
    np.testing.assert_allclose(small._positions(16, 9)[0], expected, atol=1e-5)


@torch.no_grad()
def test_a_block_is_that_of_torchs_own_attention() -> None:
    block = Block(WIDTH, HEADS)
    block.load_state_dict(values := drawn(block))
    reference = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    named = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias"}
    named |= {"out_proj.weight": "proj.weight", "out_proj.bias": "proj.bias"}
    reference.load_state_dict({ours: values[f"attn.{theirs}"] for ours, theirs in named.items()})
    tokens = torch.from_numpy(np.random.RandomState(2).standard_normal((2, 5, WIDTH))).float()

    def normalised(tokens: Tensor, name: str) -> Tensor:
        return layer_norm(tokens, (WIDTH,), values[f"{name}.weight"], values[f"{name}.bias"], eps=1e-6)

    first = normalised(tokens, "norm1")
    expected = tokens + values["ls1.gamma"] * reference(first, first, first, need_weights=False)[0]
    hidden = gelu(normalised(expected, "norm2") @ values["mlp.fc1.weight"].T + values["mlp.fc1.bias"])
    expected = expected + values["ls2.gamma"] * (hidden @ values["mlp.fc2.weight"].T + values["mlp.fc2.bias"])
    torch.testing.assert_close(block(tokens), expected, rtol=1e-4, atol=1e-4)


def test_the_network_is_vit_b_14_by_the_published_names() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in VisionTransformer().state_dict().items()}
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 86_580_480
    block = {
        **{"norm1.weight": (768,), "norm1.bias": (768,), "attn.qkv.weight": (2304, 768), "attn.qkv.bias": (2304,)},
        **{"attn.proj.weight": (768, 768), "attn.proj.bias": (768,), "ls1.gamma": (768,)},
        **{"norm2.weight": (768,), "norm2.bias": (768,), "mlp.fc1.weight": (3072, 768), "mlp.fc1.bias": (3072,)},
        **{"mlp.fc2.weight": (768, 3072), "mlp.fc2.bias": (768,), "ls2.gamma": (768,)},
    }
    assert shapes == {
        **{"cls_token": (1, 1, 768), "pos_embed": (1, 1370, 768), "mask_token": (1, 768)},
        **{"patch_embed.proj.weight": (768, 3, 14, 14), "patch_embed.proj.bias": (768,)},
        **{f"blocks.{number}.{name}": shape for number in range(12) for name, shape in block.items()},
        **{"norm.weight": (768,), "norm.bias": (768,)},
    }


@pytest.fixture
def file(small: VisionTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weight file of the small network, which counts as the published one."""
    path = tmp_path / "dinov2_vitb14_pretrain.pth"
    torch.save(small.state_dict(), path)
    monkeypatch.setattr(dinov2, "VisionTransformer", lambda: VisionTransformer(WIDTH, DEPTH, HEADS))
    monkeypatch.setattr(dinov2, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_images_are_seen_at_224_pixels_by_imagenets_levels(
    file: Path, small: VisionTransformer, tmp_path: Path
) -> None:
    pixels = np.random.RandomState(3).randint(0, 256, (50, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    extractor = create_extractor("dinov2", weights=file)
    found = extract_features([tmp_path / "a.png"], extractor)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    seen = interpolate(image, size=(224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        np.testing.assert_allclose(found.features, small((seen - mean) / std), rtol=1e-4, atol=1e-5)
    assert (found.extractor.distance, found.extractor.input_size) == ("FD (DINOv2 ViT-B/14)", 224)
    assert found.extractor_hash == dinov2.SHA256


def test_another_file_is_refused(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")
    with pytest.raises(UserError, match=rf"{other} is not the published file .*SHA-256 starts with d9298a10d1b07358"):
        create_extractor("dinov2", weights=other)


def test_missing_weights_are_asked_for_with_their_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / "dinov2_vitb14_pretrain.pth"
    assert weights.state("dinov2") == (place, "not fetched yet: `snakemake weights` does it")
    nowhere = "http://127.0.0.1:9/dinov2_vitb14_pretrain.pth"
    monkeypatch.setattr(dinov2, "URL", nowhere)
    with pytest.raises(UserError, match=rf"Could not download {nowhere} .*: fetch it by hand and put it at {place}"):
        create_extractor("dinov2")
    monkeypatch.setitem(weights.URLS, "dinov2", nowhere)
    with pytest.raises(UserError, match=rf"Could not download {nowhere} .*: fetch it by hand and put it at {place}"):
        main(["weights", "dinov2"])
    with pytest.raises(UserError, match=r"gone\.pth do not exist: correct the path, or leave it out to have http"):
        create_extractor("dinov2", weights="gone.pth")
