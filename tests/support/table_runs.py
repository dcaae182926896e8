"""Fixed scores and timing files in the shape that evaluation writes, and the cells that a table plans with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from enco.config.compute import PLAIN, ComputeConfig
from enco.config.run import DataConfig, RunConfig
from enco.io.files import read_json, write_json
from enco.records import FinishedRecord, GitState
from eval.provenance import RESAMPLING, SCORES, code_of
from eval.records import ALONE, ExtractorRecord, replicates_file
from eval.tables.columns import METRICS
from eval.tables.planned import PlannedCell
from eval.tables.protocol import Provenance
from eval.tables.spec import REFERENCE_ROW, TableSpec, load_tables
from eval.tables.write import write_table
from eval.uncertainty.gram import Matrix
from eval.uncertainty.records import Estimate, Uncertainty, place, save_arrays

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "config" / "published.csv"
TABLES = load_tables(ROOT / "config" / "tables.yaml")
DEMO = Provenance(scale="demo", commit="0123abc", distance="FD (random Inception)")
PAPER = Provenance(scale="paper", comparable=True, commit="0123abc")

NO_COMMIT = GitState(commit=None, dirty=None, diff=None)
EXTRACTOR = ExtractorRecord(kind="random-inception", seed=0, input_size=75)
PUBLISHED_INCEPTION = ExtractorRecord(kind="inception")


def scores(task: str, *, scale: str = "demo", offset: float = 0.0) -> dict[str, Any]:
    """A scores file's content; `offset` moves every metric."""
    paired = {"frechet_distance": 60.25 + offset, "precision": 50.5 + offset, "recall": 70.25, "recall_exact": 69.75}
    metrics: dict[str, Any] = {"paired": paired, "full": {**paired, "frechet_distance": 59.5 + offset}}
    if task == "cityscapes":
        per_class = {"road": 71.5, "train": None}
        segmentation = {"mAP": 20.0 + offset, "pixAcc": 55.5, "classAcc": 25.25, "perClassIoU": per_class}
        metrics |= {"segmentation": segmentation, "segmentation_real": {**segmentation, "mAP": 61.5}}
    extractor = PUBLISHED_INCEPTION if scale == "paper" else EXTRACTOR
    protocol = {
        **{"extractor": extractor.kind, "extractor_settings": extractor.model_dump(), "distance": extractor.distance},
        **{"extractor_hash": "feed" * 16, "size": 32, "filter": "bicubic", "levels": "16bit"},
        **{"n_generated": 32, "n_real": {"paired": 32, "full": 40}, "legacy_rounding": True, "k": 5},
        **{"drn": "drn_d_22", "drn_network": "negcut", "drn_hash": "beef" * 16, "drn_size": [32, 32]},
        **{"device": "cpu", "versions": {"torch": "2.15.0"}, "code": code_of(*SCORES)},
        "images": {"sources": f"sources of {task}", "real": f"targets of {task}"},
    }
    kept = {"task": task, "selection": "final", "scale": scale, "metrics": metrics, "protocol": protocol}
    kept |= {"run": f"{scale}/{task}/enco/seed0", "config_hash": "0", "computed": str(PLAIN), "changes": []}
    kept |= {"data": {"hash": sha256(task.encode()).hexdigest(), "source": source_of(task)}}
    trained_at = {"commit": "fedcba9876543210", "dirty": False, "diff": None}
    kept |= {"trained_at": trained_at, "trained_on": "laptop", "settings": {"epochs": "3+2", "ngf": 8}}
    return {**kept, "training_time_hours": 0.01234, "model_size_millions": 0.532}


def uncertainty(task: str, sampling_sd: float | None = 1.5) -> dict[str, Any]:
    """The content of a file of uncertainties: every distance with one deviation, and one metric without a value."""
    against = {
        name: {"value": 0.25, "sampling_sd": sampling_sd} for name in ("frechet_distance", "recall_exact", "KID")
    }
    metrics = {"images": {"content_cosine": {"value": 0.5, "sampling_sd": 0.125}}, "paired": against, "full": against}
    about = {"task": task, "seed": 0, "replicates": 20, "k": 5, "images": {"generated": 32, "paired": 32, "full": 40}}
    about |= {"code": code_of(*RESAMPLING)}
    return {**about, "metrics": metrics, "missing": {"paired": {"density": "k = 5 needs more than 5 images"}}}


def source_of(task: str) -> dict[str, Any]:
    """What a manifest says of where its images come from: those of cityscapes from an archive."""
    archive = {"name": "gtFine.zip", "bytes": 3, "sha256": "a74d" * 16}
    return {"archives": [archive], "photo_filter": "legacy"} if task == "cityscapes" else {}


def timing(seconds: Collection[str] | Mapping[str, float], device: str = "laptop") -> dict[str, Any]:
    """A timing file's content: the seconds per iteration of each variant, or 0.1, 0.2, ... of variants alone."""
    known = seconds if isinstance(seconds, Mapping) else {name: 0.1 * (i + 1) for i, name in enumerate(seconds)}
    asked = {name: {"method": name, "options": {}, "sources": {}} for name in known}
    about = {"device": device, "precision": "float32", "compute": [], "versions": {"torch": "2.15.0"}}
    about |= {"size": 64, "batch_size": None, "warmup": 1, "iterations": 4}
    about |= {"measured": {name: measured(value) for name, value in known.items()}, "errors": {}}
    about |= {"options": {name: {} for name in known}}
    return {**about, "asked": {"compute": ComputeConfig().model_dump(mode="json"), "variants": asked}}


def measured(seconds: float) -> dict[str, Any]:
    """What a timing file says of one variant: steps of so many seconds, on a quiet machine."""
    half = {"median": seconds, "mean": seconds, "iqr": 0.004, "n": 4}
    return {
        **{"size": 64, "batch_size": 1, "images_per_iteration": 1, "first_half": half, "second_half": half},
        **{"sec_per_step": seconds, "sec_per_iter": seconds, "iqr": 0.004, "spread": 0.05, "busy": False},
        "legacy": seconds,
    }


def plan(
    folder: Path, spec: TableSpec, measured: Sequence[str], seeds: Sequence[int] = (0,), scale: str = "demo"
) -> list[PlannedCell]:
    """Every cell of a table, with files for the rows in `measured`: the i-th row is worse by 10 i, seed s by s."""
    timings = folder / "timing.json"
    write_json(timings, timing(measured))
    cells = []
    for row in spec.rows:
        for task, metric in spec.task_metrics():
            for seed in seeds:
                known: dict[str, Any] = {}
                if row.key in measured:
                    trained = spec.trained_task(task)
                    path = folder / row.key / trained / f"{seed}.json"
                    write_json(path, scores(trained, scale=scale, offset=10.0 * measured.index(row.key) + seed))
                    by_timing = METRICS[metric].source == "timing"
                    known = {"variant": row.key, "run": f"{trained}/{row.key}/seed{seed}"}
                    known |= {"timing": timings} if by_timing else {"scores": path}
                cells.append(PlannedCell(row=row.key, task=task, metric=metric, seed=seed, **known))
    return cells


def resampled(cells: Sequence[PlannedCell], apart: Mapping[str, float] | None = None) -> list[PlannedCell]:
    """The cells with replicates beside their scores: 2 for what all rows of a task share, and 7 for each row's own.

    `apart` are other deviations of tasks' rows; replicates are shifted, as those of a bootstrap are.
    """
    rows = {path: cell.row for cell in cells if (path := cell.scored)}
    seeds = {row: number for number, row in enumerate(dict.fromkeys(rows.values()), 1)}
    for path, row in rows.items():
        content = read_json(path)
        own = (apart or {}).get(content["task"], 7.0)
        metrics, drawn = resampled_metrics(content["metrics"], own, seeds[row])
        images = {"generated": 32, "paired": 32, "full": 40}
        record = Uncertainty(
            task=content["task"], seed=0, replicates=200, k=5, images=images, metrics=metrics, missing={}
        )
        record.write(uncertainty_of(path))
        save_arrays(drawn, replicates_file(uncertainty_of(path)))
    return [replace(cell, uncertainty=uncertainty_of(cell.scored)) if cell.scored else cell for cell in cells]


def uncertainty_of(scores: Path) -> Path:
    """Where the uncertainties of a scores file lie."""
    return scores.with_suffix(".uncertainty.json")


def resampled_metrics(
    metrics: Mapping[str, Any], own: float, seed: int
) -> tuple[dict[str, dict[str, Estimate]], dict[str, Matrix]]:
    """Estimates and replicates of the metrics of a scores file that `python -m eval.uncertainty` knows."""
    values = {("", "mAP"): metrics["segmentation"]["mAP"]} if "segmentation" in metrics else {}
    for real_set in ("paired", "full"):
        names = ("frechet_distance", "precision", "recall_exact")
        values |= {(real_set, name): metrics[real_set][name] for name in names}
    shared = 2 * np.random.default_rng(0).normal(size=200)
    alone = own * np.random.default_rng(seed).normal(size=200)
    drawn = {at: value + 5 + shared + alone for at, value in values.items()}
    found: dict[str, dict[str, Estimate]] = {}
    for (real_set, name), replicates in drawn.items():
        estimate = Estimate(value=values[real_set, name], sampling_sd=float(replicates.std(ddof=1)))
        found.setdefault(real_set or ALONE, {})[name] = estimate
    return found, {place(*at): replicates for at, replicates in drawn.items()}


def reference(folder: Path, spec: TableSpec, scale: str = "demo", offset: float = -15.0) -> list[PlannedCell]:
    """The cells of the untranslated inputs, by default better than every method in what is better lower."""
    cells = []
    for task, metric in spec.task_metrics():
        known: dict[str, Any] = {"reason": "nothing is trained"}
        if METRICS[metric].of_images:
            known = {"reference": folder / "untranslated" / f"{task}.json"}
            write_json(known["reference"], scores(task, scale=scale, offset=offset))
        cells.append(PlannedCell(row=REFERENCE_ROW.key, task=task, metric=metric, seed=0, **known))
    return cells


def written(folder: Path, spec: TableSpec, planned: list[PlannedCell], made: Provenance = DEMO) -> dict[str, Path]:
    """Write every file of a table, and return them by kind."""
    out = {kind: folder / f"{spec.name}.{kind}" for kind in ("csv", "md", "tex", "html")}
    out |= {kind: folder / kind / f"{spec.name}.csv" for kind in ("cells", "differences")}
    write_table(spec, planned, PUBLISHED, out, made)
    return out


def some_config(method: str = "cut", **about: Any) -> RunConfig:
    """The settings of a training."""
    return RunConfig(method=method, task="horse2zebra", data=DataConfig(root=Path("data")), **about)


def finished_record(**about: Any) -> FinishedRecord:
    """What run.json says of a training that nobody did."""
    known: dict[str, Any] = {
        **{"config": some_config(), "config_hash": "0", "plan": "1", "settings": {}, "sources": {}},
        **{"data_hash": "2", "data_source": {}, "parameter_count": 1, "git": NO_COMMIT, "versions": {}},
        **{"device": "cpu", "computed": str(PLAIN), "pieces": {}, "changes": []},
        **{"iterations": 2, "wall_seconds": 1.0, "data_wait": 0.0, "begun": "", "finished": ""},
    }
    return FinishedRecord(**(known | about))
