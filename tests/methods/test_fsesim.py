"""FSeSim against the published numbers, by hand where a hand can, and its VGG16 against torchvision's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import vgg16

from enco.errors import UserError
from enco.methods import create, fsesim
from enco.methods.fsesim import FSeSim, self_similarity, similarity_distance, window_cells
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.schedule import Schedule
from enco.networks import vgg
from enco.networks.vgg import Vgg16, frozen_vgg
from enco.options.fsesim import FSeSimOptions
from tests.support.tiny_methods import images, tiny_method

CPU = torch.device("cpu")


def fsesim_method(**options: Any) -> FSeSim:
    method = tiny_method("fsesim", **options)
    assert isinstance(method, FSeSim)
    return method


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def relus(network: torch.nn.Module, x: Tensor) -> list[Tensor]:
    """Return every ReLU's output of a plain sequence of modules."""
    found = []
    for module in network.children():
        x = module(x)
        if isinstance(module, torch.nn.ReLU):
            found.append(x.clone())
    return found


def test_parameter_totals() -> None:
    with torch.device("meta"):
        method = create("fsesim", device="meta")
        frozen = Vgg16()
    assert {name: count(net) for name, net in method.networks.items()} == {
        "generator": 11_378_179,
        "discriminator": 2_764_737,
    }
    assert method.parameter_count() == 14_142_916
    assert count(frozen) == 14_714_688


def test_vgg_layers_have_the_published_shapes() -> None:
    with torch.device("meta"):
        found = Vgg16().features(torch.empty(1, 3, 256, 256, device="meta"), (9, 4, 7))
    assert [tuple(f.shape[1:]) for f in found] == [(256, 64, 64), (512, 32, 32), (512, 32, 32)]


def test_vgg_is_torchvisions() -> None:
    torch.manual_seed(0)
    theirs = vgg16(weights=None).features
    ours = Vgg16()
    ours.load_state_dict(theirs.state_dict())
    source = images(0)["source"]
    expected = relus(theirs, ours.normalize(source))
    for found, wanted in zip(ours.features(source, range(13)), expected, strict=True):
        assert torch.equal(found, wanted)


def test_vgg_sees_what_imagenet_networks_see() -> None:
    grey = Vgg16(0.01).normalize(torch.zeros(1, 3, 1, 1))
    assert grey.flatten().tolist() == pytest.approx([0.0655, 0.1964, 0.4178], abs=5e-5)


def test_random_vgg_is_always_the_same_frozen_and_alive(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second = (frozen_vgg("random", 0.25, CPU) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert "random weights, not ImageNet's, of width 0.25" in capsys.readouterr().out
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert not ours.requires_grad
    for features in first.features(images(0)["source"], range(13)):
        assert 0.1 < float(features.std()) < 10


def test_narrow_images_have_features() -> None:
    assert [tuple(f.shape) for f in Vgg16(0.125).features(images(0)["source"], (9, 12))] == [
        (1, 64, 4, 4),
        (1, 64, 2, 2),
    ]
    method = fsesim_method(attn_layers=[0, 12], crop_size=24, load_size=24, sim_loss="l1")
    assert torch.isfinite(method.step(images(0, size=24))["spatial"])


@pytest.fixture
def imagenet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a random VGG16 like torchvision's file into torch's cache, under the true hash of the file."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(vgg, "STAGES", ((4, 2), (4, 2), (8, 3), (8, 3), (8, 3)))
    torch.manual_seed(7)
    weights = {f"features.{name}": value for name, value in Vgg16().state_dict().items()}
    made = tmp_path / "made.pth"
    torch.save(weights | {"classifier.0.weight": torch.zeros(2, 2)}, made)
    name = f"vgg16-{hashlib.sha256(made.read_bytes()).hexdigest()[:8]}.pth"
    monkeypatch.setattr(vgg, "URL", f"http://127.0.0.1:9/{name}")
    (tmp_path / "checkpoints").mkdir()
    return made.rename(tmp_path / "checkpoints" / name)


def test_imagenet_weights_are_loaded_from_the_cache_and_named(
    imagenet_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method = fsesim_method(vgg="imagenet", vgg_width=1)
    assert f"VGG16 with ImageNet weights: {imagenet_file}" in capsys.readouterr().out
    for name, value in torch.load(imagenet_file, weights_only=True).items():
        if name.startswith("features."):
            assert torch.equal(method.vgg.state_dict()[name.removeprefix("features.")], value)
    assert torch.isfinite(method.step(images(0))["spatial"])


def test_missing_imagenet_weights_fail_before_training_and_never_when_translating(
    imagenet_file: Path, tmp_path: Path
) -> None:
    save_generator(fsesim_method(vgg="imagenet", vgg_width=1), tmp_path / "generator.safetensors")
    imagenet_file.unlink()
    method = create("fsesim", ngf=4, ndf=4, crop_size=32, load_size=32)
    with pytest.raises(UserError, match=rf"Could not download .*{imagenet_file.name}.*put it at {imagenet_file}"):
        method.calibrate([])
    load_generator(tmp_path / "generator.safetensors")(images(0)["source"])


def test_a_narrow_vgg_is_a_random_one() -> None:
    with pytest.raises(UserError, match=r"vgg_width 0\.5 needs vgg random"):
        create("fsesim", vgg_width=0.5)


@pytest.mark.parametrize("layers", [[], [13], [-1]])
def test_layers_that_vgg_does_not_have_are_refused(layers: list[int]) -> None:
    with pytest.raises(UserError, match="attn_layers"):
        create("fsesim", attn_layers=layers)


def test_similarity_is_the_published_one() -> None:
    features = torch.tensor([[1.0, -1.0], [2.0, -2.0]]).view(1, 2, 1, 2)
    positions = torch.arange(2)
    found = self_similarity(features, positions, patch_size=64, use_norm=False)
    expected = 0.244919 * torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(self_similarity(features + 5, positions, 64, False), expected, atol=1e-6, rtol=0)
    cosine = self_similarity(features, positions, 64, use_norm=True)
    torch.testing.assert_close(cosine, torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]]))


def test_windows_stay_inside_the_map() -> None:
    cells = window_cells(torch.tensor([0, 4 * 6 + 2, 29]), (5, 6), 3)
    assert cells.tolist() == [
        [0, 1, 2, 6, 7, 8, 12, 13, 14],
        [13, 14, 15, 19, 20, 21, 25, 26, 27],
        [15, 16, 17, 21, 22, 23, 27, 28, 29],
    ]


def test_keys_are_those_of_the_window_where_the_map_is_larger() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 4, 5, 6)
    positions = torch.tensor([7, 28, 0])
    whole = self_similarity(features, positions, 5, use_norm=False)
    assert whole.shape == (2, 3, 30)
    part = self_similarity(features, positions, 3, use_norm=False)
    cells = window_cells(positions, (5, 6), 3)
    torch.testing.assert_close(part, whole.gather(2, cells.expand(2, -1, -1)))


def rows(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, -1)


RISING = rows([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
FALLING = RISING.flip(2)


@pytest.mark.parametrize(
    ("source", "fake", "options", "expected"),
    [
        (RISING, FALLING, {}, 0.00771335),
        (RISING, FALLING, {"use_norm": True}, 1 - 0.875796),
        (0 * RISING, FALLING, {}, 0.5),
        (RISING, RISING, {}, 0),
        (RISING, RISING, {"sim_loss": "l1"}, 0),
        # 8 of 2 keys: entries 4 x (0.8, 0.7, 0.6) against 4 x (0.1, 0.2, 0.3), the other five 0.
        (RISING, FALLING, {"sim_loss": "l1"}, (2.3 + 1.5 + 0.7) / 8),
        (RISING, FALLING, {"sim_loss": "l1", "use_norm": True}, (2.8 + 2.0 + 1.2) / 8),
        (RISING, FALLING, {"mask_quarter": False}, 0.5 * (1 - 1.2 / 2.04) ** 2),
        (RISING, FALLING, {"mask_quarter": False, "sim_loss": "l1"}, (0.245 + 0.125 + 0.045 + 0.005) / 4),
        (rows([1.0]), rows([0.4]), {"mask_quarter": False, "sim_loss": "l1"}, 0.18),
    ],
)
def test_distances_of_similarities(source: Tensor, fake: Tensor, options: dict[str, Any], expected: float) -> None:
    assert float(similarity_distance(source, fake, FSeSimOptions(**options))) == pytest.approx(expected, abs=1e-6)


def test_which_keys_count_is_the_translations_choice() -> None:
    fake = FALLING.clone().requires_grad_(True)
    source = RISING.clone().requires_grad_(True)
    similarity_distance(source, fake, FSeSimOptions()).backward()
    for given in (fake.grad, source.grad):
        assert given is not None and torch.equal(given[0, 0] != 0, FALLING[0, 0] >= 0.6)


def test_positions_are_the_same_in_source_and_translation_and_all_images() -> None:
    method = fsesim_method()
    source = images(0, batch_size=2)["source"]
    assert float(method.spatial_loss(source, source)) < 1e-12
    torch.manual_seed(0)
    both = method.spatial_loss(source, source.flip(0))
    apart = []
    for index in range(2):
        torch.manual_seed(0)
        apart.append(method.spatial_loss(source[[index]], source[[1 - index]]))
    torch.testing.assert_close(both, torch.stack(apart).mean())


def test_the_gradient_flows_through_the_translation_only() -> None:
    method = fsesim_method()
    source, fake = (images(0)[key].requires_grad_(True) for key in ("source", "target"))
    method.spatial_loss(source, fake).backward()
    assert source.grad is None
    assert fake.grad is not None and float(fake.grad.abs().sum()) > 0
    assert all(p.grad is None for p in method.vgg.parameters())


@pytest.mark.parametrize("options", [{}, {"use_norm": True}, {"sim_loss": "l1"}, {"patch_size": 4}])
def test_an_image_without_structure_gives_finite_gradients(options: dict[str, Any]) -> None:
    method = fsesim_method(**options)
    fake = torch.zeros(1, 3, 32, 32, requires_grad=True)
    method.spatial_loss(images(0)["source"], fake).backward()
    assert fake.grad is not None and torch.isfinite(fake.grad).all()


def test_loss_weights() -> None:
    terms = {"gan_g": torch.tensor(0.75), "spatial": torch.tensor(0.02)}
    assert float(fsesim.total_loss(terms, FSeSimOptions())) == pytest.approx(0.95)


def test_first_losses_are_those_of_scores_near_zero() -> None:
    terms = fsesim_method().step(images(0))
    assert float(terms["d_real"]) == pytest.approx(1, abs=0.05)
    assert float(terms["d_fake"]) == pytest.approx(0, abs=0.05)
    assert float(terms["gan_g"]) == pytest.approx(1, abs=0.05)
    assert 0 < float(terms["spatial"]) <= 0.5
    assert terms.keys() == {"d_real", "d_fake", "gan_g", "spatial"}


def test_the_discriminator_learns_from_the_pool_and_before_the_generator() -> None:
    """After each step the discriminator equals a copy that learnt from the images generated before that step."""
    method, copy = (fsesim_method(pool_size=1) for _ in range(2))
    discriminator = copy.discriminator
    first = copy.translate(images(0)["source"])
    for seed in range(2):
        # A pool of one image always hands back the first image or the newest, here the first.
        torch.manual_seed(1)
        method.step(images(seed))
        scores = discriminator(images(seed)["target"]), discriminator(first)
        copy.optimizers["discriminator"].zero_grad()
        (0.5 * ((scores[0] - 1).square().mean() + scores[1].square().mean())).backward()
        copy.optimizers["discriminator"].step()
    for ours, theirs in zip(method.discriminator.parameters(), discriminator.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(("epoch", "rate"), [(200, 1e-4), (201, 9.950249e-5), (300, 5.024876e-5), (400, 4.975124e-7)])
def test_learning_rates(epoch: int, rate: float) -> None:
    method = fsesim_method()
    method.schedule = Schedule(200, 200)
    method.begin_epoch(epoch)
    for optimizer in method.optimizers.values():
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-6)


def test_defaults_are_those_of_the_published_command() -> None:
    options = FSeSimOptions()
    assert (options.load_size, options.crop_size, options.jitter_in_decay, options.gan_mode) == (
        286,
        256,
        True,
        "lsgan",
    )
    assert (options.attn_layers, options.patch_size, options.patches, options.pool_size) == ((4, 7, 9), 64, 256, 50)
    assert (options.sim_loss, options.use_norm, options.mask_quarter, options.vgg) == ("cos", False, True, "imagenet")
