"""The scores of one run on one task: every metric of its translated test images, with how each was computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enco.config.base import parse
from enco.config.run import RunConfig
from enco.data.folders import list_images
from enco.data.manifest import hash_images
from enco.errors import UserError
from enco.io.files import StrPath
from enco.methods import info
from enco.methods.parts.generator_file import load_generator
from enco.records import FinishedRecord, read_record
from enco.training.provenance import device_name, versions
from eval.config import NEIGHBOURS, Preparation
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features, check_comparable
from eval.metrics.fid import fid
from eval.metrics.precision_recall import precision_recall
from eval.metrics.too_few import too_few
from eval.provenance import SCORES, code_of
from eval.records import (
    DataRecord,
    ImagesSource,
    RealSetMetrics,
    RunMetrics,
    Scores,
    ScoresProtocol,
    SegmentationMetrics,
    SegmentationScores,
    Selection,
    SetScores,
)

SCORING_LIBRARIES = ("pytorch-fid", "piq", "efficientnet-lite-pytorch")


@dataclass(frozen=True)
class SegmentationTest:
    """The segmentation scores of the translated and of the real photos."""

    translated: SegmentationScores
    real: SegmentationScores | None = None


def score_run(
    run: FinishedRecord,
    generated: Features,
    reals: Mapping[str, Features],
    device: torch.device,
    *,
    k: int = NEIGHBOURS,
    task: str | None = None,
    selection: Selection = "final",
    segmentation: SegmentationTest | None = None,
    hashes: Mapping[str, str] | None = None,
) -> Scores:
    """Score the translations of one run; `reals` holds the features of each real set by name (paired, full).

    `task` names the task where that is not the run's own: the way back of a two-sided method. `hashes` has those of
    the sources and of the label maps, where these are known.
    Raises UserError for sets too small to score and for features of different extractors.
    """
    measured = score_images(
        task or run.config.task, run.config.scale, generated, reals, device, k, segmentation, hashes
    )
    return Scores(
        **dict(measured),
        run=run_name(run.config),
        selection=selection,
        config_hash=run.config_hash,
        trained_at=run.git,
        trained_on=run.device,
        settings=changed_settings(run),
        computed=run.computed,
        changes=run.changes,
        data=DataRecord(hash=run.data_hash, source=ImagesSource(**run.data_source)),
        training_time_hours=run.wall_seconds / 3600,
        model_size_millions=run.parameter_count / 1e6,
    )


def score_images(
    task: str,
    scale: str,
    images: Features,
    reals: Mapping[str, Features],
    device: torch.device,
    k: int = NEIGHBOURS,
    segmentation: SegmentationTest | None = None,
    hashes: Mapping[str, str] | None = None,
) -> SetScores:
    """Score a set of images, translated or not, against each real set; `hashes` and errors are as of `score_run`."""
    return SetScores(
        task=task,
        scale=scale,
        metrics=RunMetrics(**compare_each(reals, images, k), **_segmentation_metrics(segmentation)),
        protocol=_protocol(images, reals, k, segmentation, device, hashes or {}),
    )


def compare(real: Features, generated: Features, k: int) -> RealSetMetrics:
    """Compute the Fréchet distance, and precision and recall in percent, against one set of real images.

    A metric that a set is too small for is None, with the reason.
    """
    check_comparable(real, generated)
    missing = too_few(min(len(real), len(generated)), k)
    found: dict[str, Any] = {"missing": missing} if missing else {}
    if "frechet_distance" not in missing:
        found["frechet_distance"] = fid(real.features, generated.features)
    if "precision" not in missing:
        found |= precision_recall(real.features, generated.features, k)._asdict()
    return RealSetMetrics(**found)


def compare_each(reals: Mapping[str, Features], generated: Features, k: int) -> dict[str, RealSetMetrics]:
    """Compare with each real set, once for equal ones, as paired and full are where each source has a target."""
    found: dict[str, RealSetMetrics] = {}
    for name, real in reals.items():
        check_comparable(real, generated)
        same = next((other for other in found if np.array_equal(reals[other].features, real.features)), None)
        found[name] = found[same] if same else compare(real, generated, k)
    return found


def translated_features(
    images: Path, reals: Mapping[str, Features], extractor: Extractor, batch_size: int, recursive: bool = False
) -> Features:
    """Extract the features of a translated folder, prepared as the real images were.

    Raises UserError unless all real images were prepared alike.
    """
    first, *others = reals.values()
    for other in others:
        check_comparable(first, other)
    files = list_images(images, recursive)
    preparation = Preparation(size=first.size, levels=first.levels, filter=first.filter)
    return extract_features(files, extractor, preparation, batch_size=batch_size, root=images)


def run_name(config: RunConfig) -> str:
    """Return the name of a run: `demo/horse2zebra/enco/seed0`."""
    return "/".join([config.scale, config.task, config.variant or config.method, f"seed{config.seed}"])


def read_run(path: StrPath) -> FinishedRecord:
    """Read a run.json; UserError for a file that is missing or is not of a finished training of this version."""
    return read_record(Path(path), FinishedRecord, "name the run.json of a finished training")


def read_import(generator: StrPath) -> dict[str, Any]:
    """Read the record of a generator's import; UserError for a generator that was trained here."""
    record = load_generator(generator).metadata.get("imported")
    if record is None:
        raise UserError(f"{generator} was not imported: score it with its run, by `python -m eval evaluate`.")
    return json.loads(record)


def changed_settings(run: FinishedRecord) -> dict[str, Any]:
    """Return the epochs, or the iterations where these ended the training, and the options that are not defaults.

    `init` is there for a training that started from a generator file, with the file's name and SHA-256.
    Raises UserError for options that the method no longer has.
    """
    method, train = run.config.method, run.config.train
    model = info(method).Options
    options = parse(model, run.config.options, f"the run.json of an {method} training")
    values, defaults = options.model_dump(mode="json"), model().model_dump(mode="json")
    changed = {key: value for key, value in values.items() if value != defaults[key]}
    if init := run.config.init:
        changed["init"] = f"{init.path.name} (sha256 {init.sha256[:12]})"
    if run.config.copy_steps:
        changed["copy_steps"] = run.config.copy_steps
    if run.iterations == options.max_iterations:
        return {"iterations": run.iterations, **changed}
    return {"epochs": f"{train.n_const}+{train.n_decay}", **changed}


def _protocol(
    generated: Features,
    reals: Mapping[str, Features],
    k: int,
    segmentation: SegmentationTest | None,
    device: torch.device,
    hashes: Mapping[str, str],
) -> ScoresProtocol:
    full = reals["full"]
    return ScoresProtocol(
        extractor=str(generated.extractor),
        extractor_settings=generated.extractor,
        extractor_hash=generated.extractor_hash,
        distance=generated.extractor.distance,
        size=generated.size,
        filter=generated.filter,
        levels=generated.levels,
        n_generated=len(generated),
        n_real={name: len(real) for name, real in reals.items()},
        images={**hashes, "real": hash_images(zip(full.files, full.sha256, strict=True))},
        legacy_rounding=any(real.legacy_rounding for real in reals.values()),
        k=k,
        **_segmentation_protocol(segmentation),
        device=device_name(device),
        versions=versions() | {name: version(name) for name in SCORING_LIBRARIES},
        code=code_of(*SCORES),
    )


def _segmentation_metrics(segmentation: SegmentationTest | None) -> dict[str, SegmentationMetrics]:
    if segmentation is None:
        return {}
    found = {"segmentation": segmentation.translated.metrics}
    return found | ({"segmentation_real": segmentation.real.metrics} if segmentation.real else {})


def _segmentation_protocol(segmentation: SegmentationTest | None) -> dict[str, Any]:
    if segmentation is None:
        return {}
    used, real = segmentation.translated.protocol, segmentation.real
    if real and real.protocol.model_copy(update={"n": used.n}) != used:
        raise UserError("The scores of the real photos are of another network or size: make them again.")
    return used.model_dump(exclude={"n"})
