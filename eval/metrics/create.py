"""The extractor of a name, with the options that fit."""

from __future__ import annotations

from typing import get_args

import torch

from enco.errors import UserError, unknown
from enco.io.files import StrPath
from enco.runtime.devices import as_device
from eval.extractors import INPUT_SIZE, ExtractorName
from eval.metrics.extractor import Extractor


def create_extractor(
    name: str = "inception",
    device: str | torch.device = "cpu",
    *,
    seed: int | None = None,
    input_size: int | None = None,
    weights: StrPath | None = None,
) -> Extractor:
    """Build the extractor `name`.

    `inception` is the paper's, always at 299 pixels; `weights` names the published file where torch's cache has none.
    Weights that are nowhere are fetched. So it is with `dinov2`, always at 224 pixels. `efficientnet-lite0`, always at
    224 pixels, has its weights in a package.
    `random-inception` is Inception's architecture with weights drawn from `seed` (default 0), at any `input_size` from
    75 pixels. Raises UserError for an unknown name, a size that does not fit, an argument without use for the
    extractor, a named device that is not there, and weights that cannot be had or are not the published.
    """
    if name not in get_args(ExtractorName):
        raise unknown("extractor", name, get_args(ExtractorName))
    _check_options(name, seed, input_size, weights)
    place = as_device(device)
    if name == "efficientnet-lite0":
        from eval.metrics.efficientnet import efficientnet_lite0

        return efficientnet_lite0(place)
    if name == "dinov2":
        from eval.metrics.dinov2 import dinov2

        return dinov2(place, weights)
    from eval.metrics.inception import published_inception, random_inception

    if name == "inception":
        return published_inception(place, weights)
    return random_inception(place, seed or 0, INPUT_SIZE[name] if input_size is None else input_size)


def _check_options(name: str, seed: int | None, input_size: int | None, weights: StrPath | None) -> None:
    """Raise UserError for an option that has no use for an extractor."""
    is_random = name == "random-inception"
    if not is_random and input_size not in (None, INPUT_SIZE[name]):
        raise UserError(f"The extractor {name} works at {INPUT_SIZE[name]} pixels only: leave out --input-size.")
    if not is_random and seed is not None:
        raise UserError(f"The extractor {name} has published weights, not drawn ones: leave out --seed.")
    if name not in ("inception", "dinov2") and weights is not None:
        where = "draws its weights" if is_random else "has its weights in a package"
        raise UserError(f"The extractor {name} {where}: leave out --weights.")
