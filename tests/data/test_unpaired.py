"""Which images an item holds, and that nothing but the seed and the item decides it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from enco.config.run import Direction
from enco.data.unpaired import UnpairedImages, random_crop
from enco.errors import UserError
from enco.options.base import MethodOptions

SIDE = 24
PLAIN = MethodOptions(crop_size=SIDE, load_size=SIDE, flip=False)
JITTER = MethodOptions(crop_size=SIDE, load_size=SIDE + 4)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images of domain A (red 0..4) and three of domain B (red 100..102), each with a left-right gradient."""
    root = tmp_path_factory.mktemp("unpaired")
    for name, first, count in (("trainA", 0, 5), ("trainB", 100, 3)):
        (root / name).mkdir()
        for number in range(count):
            pixels = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
            pixels[..., 0], pixels[..., 1] = first + number, np.arange(SIDE) * 10
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def data(
    root: Path, options: MethodOptions = PLAIN, direction: Direction = "AtoB", seed: int = 0, cache_mb: int = 1
) -> UnpairedImages:
    return UnpairedImages(root, direction, options, n_const=2, seed=seed, cache_mb=cache_mb)


def identity(image: torch.Tensor) -> int:
    return round((float(image[0].mean()) + 1) / 2 * 255)


def test_item_holds_an_a_and_a_b_in_range(root: Path) -> None:
    item = data(root).get(0)
    assert item["source"].shape == item["target"].shape == (3, SIDE, SIDE)
    assert identity(item["source"]) < 5 and identity(item["target"]) >= 100


def test_direction_swaps_source_and_target_after_loading(root: Path) -> None:
    forward, backward = data(root).get(7), data(root, direction="BtoA").get(7)
    assert torch.equal(forward["source"], backward["target"])
    assert torch.equal(forward["target"], backward["source"])


def test_every_epoch_shows_every_a_once_in_an_order_of_its_own(root: Path) -> None:
    images = data(root)
    assert len(images) == 5
    orders = [[identity(images.get(5 * epoch + i)["source"]) for i in range(5)] for epoch in range(6)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_smaller_a_is_repeated_and_b_drawn_with_replacement(tmp_path: Path, root: Path) -> None:
    (tmp_path / "trainA").symlink_to(root / "trainB")
    (tmp_path / "trainB").symlink_to(root / "trainA")
    images = data(tmp_path)
    epoch = [images.get(i) for i in range(5)]
    assert sorted(identity(item["source"]) for item in epoch) == [100, 100, 101, 101, 102]
    drawn = [identity(images.get(i)["target"]) for i in range(200)]
    assert set(drawn) == {0, 1, 2, 3, 4}
    assert all(20 < drawn.count(number) < 65 for number in range(5))
    assert any(len(set(drawn[5 * e : 5 * e + 5])) < 5 for e in range(4))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(item=st.integers(0, 10**7), seed=st.integers(0, 10**6))
def test_item_is_a_pure_function_of_seed_and_index(root: Path, item: int, seed: int) -> None:
    fresh, used = data(root, JITTER, seed=seed), data(root, JITTER, seed=seed)
    used.get(item + 1), used.get(3)
    assert all(torch.equal(fresh.get(item)[side], used.get(item)[side]) for side in ("source", "target"))


def test_seed_changes_the_order(root: Path) -> None:
    orders = {tuple(identity(data(root, seed=seed).get(i)["source"]) for i in range(5)) for seed in range(4)}
    assert len(orders) > 1


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("start", [0, 3, 5])
def test_resumed_loader_goes_on_with_the_same_batches(root: Path, start: int, workers: int) -> None:
    whole = list(data(root, JITTER).loader(0, 7, batch_size=2))
    rest = list(data(root, JITTER).loader(start, 7, batch_size=2, workers=workers))
    assert len(rest) == 7 - start
    for batch, again in zip(whole[start:], rest, strict=True):
        assert torch.equal(batch["source"], again["source"]) and torch.equal(batch["target"], again["target"])


def test_loader_drops_what_fills_no_batch(root: Path) -> None:
    images = data(root)
    second_epoch = list(images.loader(2, 4, batch_size=2))
    seen = [identity(image) for batch in second_epoch for image in batch["source"]]
    assert seen == [identity(images.get(item)["source"]) for item in (5, 6, 7, 8)]


def test_loader_leaves_the_global_random_state_alone(root: Path) -> None:
    before = torch.get_rng_state()
    list(data(root, JITTER).loader(0, 3, batch_size=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_epoch_without_a_whole_batch_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match="holds no batch of 6"):
        data(root).loader(0, 3, batch_size=6)


def crops(images: UnpairedImages, epoch: int) -> set[tuple[float, ...]]:
    """The gradients seen in an epoch's A images, which differ with the crop's place."""
    items = (images.get(5 * epoch + i)["source"] for i in range(5))
    return {tuple(item[1, 0].tolist()) for item in items}


def test_jitter_stops_in_the_decay_half(root: Path) -> None:
    options = JITTER.model_copy(update={"flip": False})
    assert len(crops(data(root, options), 1)) > 1
    assert len(crops(data(root, options), 2)) == 1
    kept = options.model_copy(update={"jitter_in_decay": True})
    assert len(crops(data(root, kept), 2)) > 1


def test_jitter_covers_every_place() -> None:
    rng = np.random.default_rng(0)
    pixels = np.arange(11 * 11, dtype=np.uint8).reshape(11, 11)
    image = Image.fromarray(np.repeat(pixels[..., None], 3, axis=2))
    corners = {int(np.asarray(random_crop(image, 8, rng))[0, 0, 0]) for _ in range(400)}
    assert corners == {row * 11 + column for row in range(4) for column in range(4)}


def test_half_of_the_images_are_flipped_each_domain_by_itself(root: Path) -> None:
    images = data(root, PLAIN.model_copy(update={"flip": True}))
    flips = [
        tuple(bool(images.get(i)[side][1, 0, 0] > images.get(i)[side][1, 0, -1]) for side in ("source", "target"))
        for i in range(300)
    ]
    assert all(50 < flips.count((a, b)) < 100 for a in (True, False) for b in (True, False))


def test_bad_data_is_said_before_training(tmp_path: Path, root: Path) -> None:
    (tmp_path / "trainA").symlink_to(root / "trainA")
    with pytest.raises(UserError, match="trainB does not exist"):
        data(tmp_path)
    (tmp_path / "trainB").mkdir()
    with pytest.raises(UserError, match="trainB holds no image"):
        data(tmp_path)
    whole = (root / "trainA" / "0.png").read_bytes()
    (tmp_path / "trainB" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.png is truncated"):
        data(tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
@settings(max_examples=4)
@given(images=st.integers(0, 8))
def test_batches_are_the_same_with_any_number_of_images_in_memory(root: Path, workers: int, images: int) -> None:
    some = data(root, JITTER)
    some._images.images.clear()
    some._images.free = images * SIDE * SIDE * 3
    without = data(root, JITTER, cache_mb=0)
    assert not without._images.images
    for batch, wanted in zip(some.loader(0, 12, 1, workers), without.loader(0, 12, 1), strict=True):
        assert torch.equal(batch["source"], wanted["source"]) and torch.equal(batch["target"], wanted["target"])
    assert len(some._images.images) == (0 if workers else min(images, 8))


def test_images_are_kept_up_to_the_cache_and_the_rest_is_read_anew(tmp_path: Path) -> None:
    for name in ("trainA", "trainB"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (256, 512), (number, 0, 0)).save(tmp_path / name / f"{number}.png")
    assert [len(data(tmp_path, cache_mb=mb)._images.images) for mb in (0, 1, 2, 9)] == [0, 2, 5, 6]


def test_workers_share_the_images_in_memory_and_decode_none_again(root: Path, tmp_path: Path) -> None:
    wanted = list(data(root, JITTER).loader(0, 5, batch_size=1))
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    kept = data(copy, JITTER, cache_mb=1)
    shutil.rmtree(copy)
    for batch, again in zip(wanted, kept.loader(0, 5, batch_size=1, workers=2), strict=True):
        assert torch.equal(batch["source"], again["source"]) and torch.equal(batch["target"], again["target"])
