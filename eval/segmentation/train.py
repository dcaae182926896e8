"""Train a DRN on photos and label maps of one's own, by the recipe of fyu/drn without its crop."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from enco.errors import UserError
from eval.segmentation.data import Size, check_size, load_label_maps, load_photos, normalise, pairs
from eval.segmentation.drn import DRN
from eval.segmentation.labels import IGNORE
from eval.segmentation.weights import load_trunk, save_segmenter


@dataclass(frozen=True)
class Recipe:
    """Training settings; the defaults are those of fyu/drn's DRN-D-22 (SGD, step schedule), at 256 x 128 pixels."""

    width: float = 1.0
    size: Size = (256, 128)
    epochs: int = 250
    batch_size: int = 32
    lr: float = 0.01
    step: int = 100
    """Epochs after which the rate is divided by 10, again and again."""
    momentum: float = 0.9
    weight_decay: float = 1e-4
    seed: int = 0


def train_segmenter(
    images: Path, labels: Path, out: Path, recipe: Recipe, device: torch.device, trunk: Path | None = None
) -> DRN:
    """Train on every photo of `images` with its label map and write `out` (.safetensors) whole.

    `trunk` is the ImageNet classifier to start from. All images are held in memory as bytes. Raises UserError for a
    photo without label map, a size that is no multiple of 8, and a loss that is not finite.
    """
    check_size(recipe.size)
    photos, maps = _load(images, labels, recipe.size)
    torch.manual_seed(recipe.seed)
    network = DRN(width=recipe.width)
    if trunk:
        load_trunk(network, trunk)
    fit(network.to(device), photos, maps, recipe)
    about = {**asdict(recipe), "images": len(photos), "trunk": trunk.name if trunk else None}
    label = f"own DRN-D-22, width {recipe.width:g}, trained on {len(photos)} images of the task"
    save_segmenter(network, out, {"label": label, "width": str(recipe.width), "recipe": json.dumps(about)})
    return network


def fit(network: DRN, photos: Tensor, maps: Tensor, recipe: Recipe) -> None:
    """Train in place on B x 3 x H x W bytes and B x H x W labels, in an order drawn from torch's random state."""
    device = next(network.parameters()).device
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, recipe.step)
    network.train()
    progress = tqdm(range(1, recipe.epochs + 1), desc="segmentation network", unit="epoch", mininterval=1)
    for epoch in progress:
        losses = [_step(network, optimizer, photos[i], maps[i], device) for i in _batches(len(photos), recipe)]
        schedule.step()
        mean = sum(losses) / len(losses)
        if not math.isfinite(mean):
            raise UserError(
                f"The segmentation loss is {mean} in epoch {epoch}: lower --lr, or see that maps have labels."
            )
        progress.set_postfix_str(f"loss {mean:.4f}")
    network.eval()


def _load(images: Path, labels: Path, size: Size) -> tuple[Tensor, Tensor]:
    photos, maps = zip(*pairs(images, labels), strict=True)
    return load_photos(photos, size), load_label_maps(maps, size)


def _batches(count: int, recipe: Recipe) -> list[Tensor]:
    """A random order cut into whole batches; the rest sits out this epoch."""
    size = min(recipe.batch_size, count)
    order = torch.randperm(count)
    return [order[start : start + size] for start in range(0, count - size + 1, size)]


def _step(network: DRN, optimizer: torch.optim.Optimizer, photos: Tensor, maps: Tensor, device: torch.device) -> float:
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
