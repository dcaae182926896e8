"""Train a DRN on photos and label maps of one's own, by the recipe of fyu/drn without its crop."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from enco.data.labels import IGNORE
from enco.data.reading import DEFAULT_READING, Reading
from enco.errors import UserError
from enco.runtime.signals import Stopped, StopRequest
from eval.config import DrnRecipe
from eval.segmentation.checkpoint import EpochCheckpoint, Stateful, identity
from eval.segmentation.data import Size, check_size, load_label_maps, load_photos, normalise, pairs
from eval.segmentation.drn import DRN
from eval.segmentation.weights import load_trunk, save_segmenter

MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4
"""Of fyu/drn's recipe for DRN-D-22, with the defaults of `DrnRecipe`: SGD with a step schedule."""


def train_segmenter(
    images: Path,
    labels: Path,
    out: Path,
    recipe: DrnRecipe,
    device: torch.device,
    *,
    seed: int = 0,
    trunk: Path | None = None,
    stop: StopRequest | None = None,
    reading: Reading = DEFAULT_READING,
) -> DRN:
    """Train on every photo of `images` with its label map and write `out` (.safetensors) whole.

    `trunk` is the ImageNet classifier to start from. The network of the last epoch is kept. A training that was stopped
    or killed goes on after its last whole epoch, on a CPU bit for bit. All images are held in memory as bytes.
    Raises UserError for a photo without label map, a size that is no multiple of 8, and a loss that is not finite, and
    Stopped if `stop` was set.
    """
    check_size(recipe.size)
    photos, maps = _load(images, labels, recipe.size, reading)
    network = _new_network(recipe, seed, trunk)
    settings = _described(recipe, seed, trunk, len(photos))
    checkpoint = EpochCheckpoint(out, identity(settings, [*network.state_dict().values(), photos, maps]))
    fit(network.to(device), photos, maps, recipe, checkpoint, stop or StopRequest())
    start = "ImageNet weights" if trunk else "random weights"
    label = f"own DRN-D-22, width {recipe.width:g}, trained from {start} on {len(photos)} images of the task"
    save_segmenter(network, out, {"label": label, "width": str(recipe.width), "recipe": settings})
    checkpoint.remove()
    return network


def _new_network(recipe: DrnRecipe, seed: int, trunk: Path | None) -> DRN:
    torch.manual_seed(seed)
    network = DRN(width=recipe.width)
    if trunk:
        load_trunk(network, trunk)
    return network


def _described(recipe: DrnRecipe, seed: int, trunk: Path | None, images: int) -> str:
    """Return as JSON what decides a training beside its images."""
    fixed = {"momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY, "seed": seed}
    return json.dumps(recipe.model_dump() | fixed | {"images": images, "trunk": trunk.name if trunk else None})


def fit(
    network: DRN, photos: Tensor, maps: Tensor, recipe: DrnRecipe, checkpoint: EpochCheckpoint, stop: StopRequest
) -> None:
    """Train in place on B x 3 x H x W bytes and B x H x W labels, in an order drawn from torch's random state."""
    device = next(network.parameters()).device
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, recipe.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, recipe.step)
    parts: dict[str, Stateful] = {"network": network, "optimizer": optimizer, "schedule": schedule}
    done = checkpoint.resume(parts, device)
    network.train()
    epochs = range(done + 1, recipe.epochs + 1)
    progress = tqdm(epochs, "segmentation network", recipe.epochs, initial=done, unit="epoch", mininterval=1)
    for epoch in progress:
        mean = _epoch(network, optimizer, photos, maps, recipe, stop)
        schedule.step()
        if not math.isfinite(mean):
            raise UserError(
                f"The segmentation loss is {mean} in epoch {epoch}: lower --lr, or see that maps have labels."
            )
        progress.set_postfix_str(f"loss {mean:.4f}")
        checkpoint.save(epoch, parts, device)
    network.eval()


def _epoch(
    network: DRN, optimizer: torch.optim.Optimizer, photos: Tensor, maps: Tensor, recipe: DrnRecipe, stop: StopRequest
) -> float:
    """Train on every whole batch of a new order and return the mean loss; Stopped is raised, and the epoch is lost."""
    losses = []
    for chosen in _batches(len(photos), recipe):
        losses.append(_step(network, optimizer, photos[chosen], maps[chosen]))
        if stop.by:
            raise Stopped(f"stopped by {stop.by}: the same command goes on after the last whole epoch")
    return sum(losses) / len(losses)


def _load(images: Path, labels: Path, size: Size, reading: Reading) -> tuple[Tensor, Tensor]:
    photos, maps = zip(*pairs(images, labels, reading.recursive), strict=True)
    return load_photos(photos, size, reading.levels), load_label_maps(maps, size)


def _batches(count: int, recipe: DrnRecipe) -> list[Tensor]:
    """Draw a random order and cut it into whole batches; images of the rest sit out this epoch."""
    size = min(recipe.batch_size, count)
    order = torch.randperm(count)
    return [order[start : start + size] for start in range(0, count - size + 1, size)]


def _step(network: DRN, optimizer: torch.optim.Optimizer, photos: Tensor, maps: Tensor) -> float:
    device = network.seg.weight.device
    photos, maps = _flip(photos, maps)
    scores = network(normalise(photos.to(device)))
    loss = cross_entropy(scores, maps.long().to(device), ignore_index=IGNORE)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def _flip(photos: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
    """Flip each photo left-right, together with its labels, with probability 0.5."""
    flipped = torch.rand(len(photos)) < 0.5
    photos = torch.where(flipped[:, None, None, None], photos.flip(-1), photos)
    return photos, torch.where(flipped[:, None, None], maps.flip(-1), maps)
