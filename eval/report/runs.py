"""What is known of one run: its settings, code, images, losses, samples and scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from enco.data.folders import load_rgb
from enco.records import FINISHED_FILE, FinishedRecord, read_record
from enco.training.metrics_file import read_metrics
from eval.records import ImagesSource
from eval.report.charts import loss_charts, spread_out
from eval.report.missing import Missing
from eval.report.model import INPUTS, RunView, ScoreLine, inputs_anchor, run_anchor
from eval.report.pictures import Pictures
from eval.tables.columns import METRICS, printed_name
from eval.tables.layout import decimals_for
from eval.tables.protocol import commit_name, data_name
from eval.tables.spec import REFERENCE_ROW

SAMPLES, SAMPLE_WIDTH = 3, 512


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A finished run: its folder, and how tables name it."""

    folder: Path
    task: str
    title: str
    method: str
    rows: str
    distance: str
    """What the Fréchet distance is called."""


def run_view(planned: PlannedRun, cells: pd.DataFrame, pictures: Pictures, missing: Missing) -> RunView:
    """Read what a finished run's folder says, and take its scores from the tidy cells of all tables.

    A file that cannot be used costs its own part of the run, and is said in `missing`.
    """
    folder, title = planned.folder, planned.title
    said = missing.attempt(f"settings and code of {title}", lambda: _said(folder))
    charts = missing.attempt(f"losses of {title}", lambda: loss_charts(read_metrics(folder / "metrics.jsonl")))
    return RunView(
        anchor=run_anchor(planned.folder),
        title=planned.title,
        rows=planned.rows,
        task=planned.task,
        method=planned.method,
        facts=said.facts if said else [("Folder", str(folder))],
        settings=said.settings if said else [],
        code=said.code if said else [],
        charts=charts or [],
        samples=_samples(planned, pictures, missing),
        scores=score_lines(cells[cells["run"] == str(folder)], planned.distance),
    )


def inputs_view(task: str, title: str, cells: pd.DataFrame, distance: str) -> RunView | None:
    """Return the scores of a task's untranslated inputs; None without any."""
    own = cells[(cells["row"] == REFERENCE_ROW.key) & (cells["task"] == task)]
    scores = score_lines(own, distance)
    if not scores:
        return None
    return RunView(inputs_anchor(task), f"{title}: {INPUTS}", "", task, "", (), (), (), (), (), scores)


@dataclass(frozen=True)
class _Said:
    facts: list[tuple[str, str]]
    settings: list[tuple[str, str]]
    code: list[tuple[str, str]]


def _said(folder: Path) -> _Said:
    """Return what the record of a run says."""
    record = read_record(folder / FINISHED_FILE, FinishedRecord)
    settings = [(key, text(value)) for key, value in record.settings.items() if value is not None]
    return _Said(_facts(record, folder), settings, list(record.sources.items()))


def _facts(record: FinishedRecord, folder: Path) -> list[tuple[str, str]]:
    changes = [f"from iteration {one.iteration}: {', '.join(one.before)}" for one in record.changes]
    return [
        ("Iterations", f"{record.iterations:,}"),
        ("Training time", f"{record.wall_seconds / 3600:.3g} h, {record.data_wait:.1%} of it waiting for images"),
        ("Parameters", f"{record.parameter_count:,}"),
        ("Device", f"{record.device}, {record.computed}"),
        ("Begun, finished", f"{record.begun[:16]}, {record.finished[:16]} UTC"),
        ("Commit", commit_name(record.git)),
        ("Images", f"{_images(record)}; sha256 {record.data_hash}"),
        ("Settings' digest", record.config_hash),
        ("Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items() if version)),
        *([("Changed midway", "; ".join(changes))] if changes else []),
        ("Folder", str(folder)),
    ]


def _images(record: FinishedRecord) -> str:
    """Return what the images were made from: archives, or a drawing of the demo."""
    if "drawn" in record.data_source:
        return ", ".join(f"{key} {value}" for key, value in record.data_source.items())
    return data_name(record.data_hash, ImagesSource.model_validate(record.data_source))


def text(value: Any) -> str:
    """Return a setting as text, without the quotes of Python's."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _samples(planned: PlannedRun, pictures: Pictures, missing: Missing) -> list[tuple[str, str]]:
    """Keep a few of the samples that were taken while training, the last among them."""
    files = sorted((planned.folder / "samples").glob("iter*.png"))
    chosen = [files[number] for number in spread_out(len(files), SAMPLES)]
    kept = (missing.attempt(f"a sample of {planned.title}", partial(_sample, file, pictures)) for file in chosen)
    return [sample for sample in kept if sample]


def _sample(file: Path, pictures: Pictures) -> tuple[str, str]:
    return f"iteration {int(file.stem[4:]):,}", pictures.add(load_rgb(file), SAMPLE_WIDTH)


def score_lines(cells: pd.DataFrame, distance: str) -> list[ScoreLine]:
    """Return a line for each number of some tidy cells, each once however many tables print it."""
    known = cells[cells["value"].notna()].drop_duplicates(["task", "metric", "real_set", "selection"])
    return [_score_line(line, distance) for line in known.to_dict("records")]


def _score_line(line: Mapping[Any, Any], distance: str) -> ScoreLine:
    return ScoreLine(
        task=line["task"],
        metric=printed_name(line["metric"], distance),
        real_set=line["real_set"],
        selection=line["selection"],
        value=number(line["value"], line["metric"]),
        spread="" if math.isnan(line["sampling_sd"]) else number(line["sampling_sd"], line["metric"]),
        file=Path(line["file"]).name,
    )


def number(value: float, metric: str) -> str:
    """Return a number with its metric's digits, of a metric without a place in tables with one."""
    return f"{value:.{decimals_for(value, metric) if metric in METRICS else 1}f}"


def rows_of(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the rows that a run is behind, by table: 'Table 1: EnCo; Table 3: F'."""
    by_table: dict[str, dict[str, None]] = {}
    for table, label in pairs:
        by_table.setdefault(table, {})[label] = None
    return "; ".join(f"{table}: {', '.join(labels)}" for table, labels in by_table.items())
