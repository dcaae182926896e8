"""The scores of one run on one task: every metric of its translated test images, with how each was computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enco.config.compute import PLAIN
from enco.data.folders import list_images
from enco.errors import UserError
from enco.io.files import StrPath, read_json
from enco.training.provenance import device_name, versions
from eval.config import Preparation
from eval.metrics.features import Features, check_comparable
from eval.metrics.fid import fid
from eval.metrics.inception import Extractor, extract_features
from eval.metrics.precision_recall import precision_recall
from eval.tables.training_settings import changed_settings

SCORING_LIBRARIES = ("pytorch-fid", "piq")


@dataclass(frozen=True)
class SegmentationTest:
    """The scores files of `python -m eval segmentation` on the translated and on the real photos."""

    translated: Mapping[str, Any]
    real: Mapping[str, Any] | None = None


def score_run(
    run: Mapping[str, Any],
    generated: Features,
    reals: Mapping[str, Features],
    device: torch.device,
    *,
    k: int = 5,
    task: str | None = None,
    selection: str = "final",
    segmentation: SegmentationTest | None = None,
) -> dict[str, Any]:
    """The content of a scores file.

    `run` is the content of a run.json, `reals` the features of each real set by name (paired, full). `task` names the
    task where it is not the run's own: the way back of a two-sided method.
    Raises UserError for sets too small to score and for features of different extractors.
    """
    config = run["config"]
    metrics: dict[str, Any] = dict(compare_each(reals, generated, k))
    return {
        "task": task or config["task"],
        "run": run_name(config),
        "selection": selection,
        "scale": config["scale"],
        "config_hash": run["config_hash"],
        "trained_at": run["git"],
        "settings": changed_settings(run),
        "computed": run.get("computed", str(PLAIN)),  # as every training did that does not say
        "changes": run["changes"],
        "data": {"hash": run["data_hash"], "source": run.get("data_source", {})},
        "metrics": metrics | _segmentation_metrics(segmentation),
        "protocol": {
            **_features_protocol(generated, reals),
            "k": k,
            **_segmentation_protocol(segmentation),
            "device": device_name(device),
            "versions": versions() | {name: version(name) for name in SCORING_LIBRARIES},
        },
        "training_time_hours": run["wall_seconds"] / 3600,
        "model_size_millions": run["parameter_count"] / 1e6,
    }


def compare(real: Features, generated: Features, k: int) -> dict[str, float]:
    """FID, and precision and recall in percent, against one set of real images."""
    check_comparable(real, generated)
    pr = precision_recall(real.features, generated.features, k)
    return {"FID": fid(real.features, generated.features), **pr._asdict()}


def compare_each(reals: Mapping[str, Features], generated: Features, k: int) -> dict[str, dict[str, float]]:
    """`compare` with each real set, once for equal ones, as paired and full are where each source has a target."""
    found: dict[str, dict[str, float]] = {}
    for name, real in reals.items():
        check_comparable(real, generated)
        same = next((other for other in found if np.array_equal(reals[other].features, real.features)), None)
        found[name] = dict(found[same]) if same else compare(real, generated, k)
    return found


def translated_features(
    images: Path, reals: Mapping[str, Features], extractor: Extractor, batch_size: int, recursive: bool = False
) -> Features:
    """Features of a translated folder, prepared as the real images were; UserError unless those were all alike."""
    first, *others = reals.values()
    for other in others:
        check_comparable(first, other)
    files = list_images(images, recursive)
    preparation = Preparation(size=first.size, levels=first.levels)
    return extract_features(files, extractor, preparation, batch_size=batch_size, root=images)


def run_name(config: Mapping[str, Any]) -> str:
    """`demo/horse2zebra/enco/seed0`."""
    return "/".join([config["scale"], config["task"], config["variant"] or config["method"], f"seed{config['seed']}"])


def read_run(path: StrPath) -> dict[str, Any]:
    """A run.json; UserError if it is missing or is not one of a finished training."""
    run = read_json(Path(path))
    needed = {"config", "config_hash", "data_hash", "git", "wall_seconds", "parameter_count"}
    missing = needed - run.keys() if isinstance(run, dict) else needed
    if missing:
        raise UserError(f"{path} has no '{min(missing)}': name the run.json of a finished training.")
    return run


def _features_protocol(generated: Features, reals: Mapping[str, Features]) -> dict[str, Any]:
    return {
        "extractor": str(generated.extractor),
        "extractor_settings": generated.extractor.model_dump(),
        "extractor_hash": generated.extractor_hash,
        "size": generated.size,
        "n_generated": len(generated),
        "n_real": {name: len(real) for name, real in reals.items()},
        "legacy_rounding": any(real.legacy_rounding for real in reals.values()),
    }


def _segmentation_metrics(segmentation: SegmentationTest | None) -> dict[str, Any]:
    if segmentation is None:
        return {}
    found = {"segmentation": segmentation.translated["metrics"]}
    return found | ({"segmentation_real": segmentation.real["metrics"]} if segmentation.real else {})


def _segmentation_protocol(segmentation: SegmentationTest | None) -> dict[str, Any]:
    if segmentation is None:
        return {}
    used, real = segmentation.translated["protocol"], segmentation.real
    if real and {**used, "n": 0} != {**real["protocol"], "n": 0}:
        raise UserError("The scores of the real photos are of another network or size: make them again.")
    return {name: used[name] for name in ("drn", "drn_network", "drn_hash", "drn_size")}
