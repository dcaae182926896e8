"""Tidy cells: one line for every number measured, with the published number and the spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from enco.errors import UserError
from enco.io.files import atomic_path
from eval.extractors import FID
from eval.published import Published
from eval.records import ALONE, RealSetMetrics, Scores, SetScores
from eval.segmentation.releases import THE_PAPERS
from eval.tables.columns import BY_FIELD, HEADLINE_SET, METRICS, OF_BESIDE, OF_FEATURES, printed_name
from eval.tables.planned import PlannedCell, is_timed
from eval.tables.sources import Sources
from eval.tables.spec import ALL_TASKS, REFERENCE_ROW, TableSpec
from eval.uncertainty.records import Uncertainty

COLUMNS = [
    *["table", "row", "label", "task", "metric", "seed", "value", "std", "n"],
    *["published", "delta", "real_set", "selection", "scale", "run"],
    *["sampling_sd", "iqr", "mark", "file", "reason"],
]
NUMBERS = ["value", "std", "published", "delta", "sampling_sd", "iqr"]
BUSY = "busy machine"
"""The mark of seconds whose spread says that the machine had other work."""
LINE_KEY = ["row", "task", "metric", "seed", "real_set"]
"""Columns that tell one line of a table from another."""
CELL_KEY = ["table", "row", "task", "metric", "real_set"]
"""Columns that the seeds of one cell have in common."""


def tidy(
    spec: TableSpec,
    planned: Sequence[PlannedCell],
    sources: Sources,
    published: Published,
    *,
    scale: str,
    comparable: bool,
    distance: str = FID,
) -> pd.DataFrame:
    """Return a line for each planned number of one table, and for every other number of the scores files.

    `value` is empty while pending, and `reason` says why. `std` (sample, empty for one seed) and `n` are over the
    cell's seeds. `published` stands on headline lines only; `delta` (value - published) only where the scale is
    `comparable` with the paper, and where the number's network is the paper's: for mAP the segmentation network, for
    metrics of features the extractor, whose Fréchet distance is then FID. `file` holds the number.
    `sampling_sd` is the number's standard deviation over other test images, where it is known. `iqr` and `mark` are
    of sec/iter: the interquartile range, and BUSY where that is large.
    Raises UserError for a number that is missing.
    """
    lines = [*_planned_lines(planned, sources), *_supplementary_lines(planned, sources)]
    own = ["value", "selection", "run", "sampling_sd", "iqr", "mark", "file", "reason"]
    cells = pd.DataFrame(lines, columns=[*LINE_KEY, *own, "drn_source"])
    cells = cells.drop_duplicates(LINE_KEY)
    spread = ["value", "sampling_sd", "iqr"]
    cells[spread] = cells[spread].astype(float)
    cells["table"], cells["scale"] = spec.key, scale
    cells["label"] = cells["row"].map({row.key: row.label for row in (*spec.rows, REFERENCE_ROW)})
    cells["n"] = cells.groupby(CELL_KEY)["value"].transform("count")
    cells["std"] = cells.groupby(CELL_KEY)["value"].transform("std")
    cells["published"] = [_published(published, line) for line in cells.itertuples()]
    cells["delta"] = cells["value"] - cells["published"] if comparable else math.nan
    cells.loc[cells["drn_source"].notna() & (cells["drn_source"] != THE_PAPERS), "delta"] = math.nan
    cells.loc[cells["metric"].isin(OF_FEATURES) & (distance != FID), "delta"] = math.nan
    return cells[COLUMNS].reset_index(drop=True)


def _published(published: Published, line: Any) -> float:
    headline = line.real_set in ("", HEADLINE_SET)
    return float(published.get((line.table, line.row, line.task, line.metric), "nan")) if headline else math.nan


def _planned_lines(planned: Iterable[PlannedCell], sources: Sources) -> Iterator[dict[str, Any]]:
    for cell in _without_repeats(planned):
        gap = _gap(cell, sources)
        value = None if gap else _planned_value(cell, sources)
        yield _line(cell, cell.metric, value, METRICS[cell.metric].real_set, sources, cell.file, gap)


def _without_repeats(planned: Iterable[PlannedCell]) -> Iterable[PlannedCell]:
    """Return the cells; of cells that seeds cannot change, only one, with a number if there is any."""
    chosen: dict[tuple[str, str, str, int], PlannedCell] = {}
    for cell in planned:
        seed = cell.seed if METRICS[cell.metric].per_seed else 0
        place = (cell.row, cell.task, cell.metric, seed)
        if place not in chosen or (chosen[place].file is None and cell.file is not None):
            chosen[place] = cell
    return chosen.values()


def _gap(cell: PlannedCell, sources: Sources) -> str:
    """Return why a planned number is not there; empty if it is, or if it has no place in its file."""
    if cell.file is None:
        return cell.reason
    record, metric = sources.records[cell.file], METRICS[cell.metric]
    if isinstance(record, Uncertainty):
        _, real_set, name, _ = metric.path
        known = name in record.metrics.get(real_set, {})
        return "" if known else record.missing.get(real_set, {}).get(name, _not_compared(cell))
    if isinstance(record, SetScores) and metric.real_set:
        compared: RealSetMetrics = getattr(record.metrics, metric.real_set)
        return compared.missing.get(metric.path[-1], "")
    return ""


def _not_compared(cell: PlannedCell) -> str:
    """Return why a metric is not in a file of uncertainties: its extractor, or what images are compared with."""
    if cell.metric in OF_BESIDE:
        return "its extractor is not one of 'features: {beside: ...}'"
    if cell.metric.endswith("_truth"):
        return "the true images are not known"
    return "the inputs are their own source" if cell.reference else "the sources are not known"


def _planned_value(cell: PlannedCell, sources: Sources) -> float | None:
    if cell.file is None:
        return None
    if is_timed(cell.metric):
        _check_timed(cell, cell.file, sources)
    keys = [key.format(variant=cell.variant) for key in METRICS[cell.metric].path]
    return value_at(sources.records[cell.file], keys, cell.file)


def _check_timed(cell: PlannedCell, file: Path, sources: Sources) -> None:
    """Raise UserError for a variant whose timing failed, with how."""
    error = sources.timing[file].errors.get(cell.variant)
    if error is not None:
        raise UserError(f"{cell.variant} could not be timed ({error}): mend it, delete {file} and measure again.")


def _supplementary_lines(planned: Iterable[PlannedCell], sources: Sources) -> Iterator[dict[str, Any]]:
    """Return what the files of scores and uncertainties hold beyond the planned numbers."""
    scored = [(cell, cell.scored) for cell in planned if cell.scored and cell.task != ALL_TASKS]
    for cell, file in {(cell.row, cell.task, cell.seed): (cell, file) for cell, file in scored}.values():
        for metric, real_set, value in _all_metrics(sources.scored[file]):
            yield _line(cell, metric, value, real_set, sources, file)
        if cell.uncertainty:
            for metric, real_set, number, reason in _beyond(sources.uncertainties[cell.uncertainty]):
                yield _line(cell, metric, number, real_set, sources, cell.uncertainty, reason)


def _beyond(measured: Uncertainty) -> Iterator[tuple[str, str, float | None, str]]:
    """Return every number of a file of uncertainties that scores files do not hold, or why there is none."""
    known = [(real_set, name, one.value, "") for real_set, by in measured.metrics.items() for name, one in by.items()]
    gaps = [(real_set, name, None, reason) for real_set, by in measured.missing.items() for name, reason in by.items()]
    for real_set, name, value, reason in [*known, *gaps]:
        if name in METRICS and METRICS[name].source == "uncertainty":
            yield name, "" if real_set == ALONE else real_set, value, reason


def _all_metrics(scores: SetScores) -> Iterator[tuple[str, str, float]]:
    """Return every computed number of a scores file, with the metric's name and the real set."""
    for section, values in scores.metrics:
        segmentation = section.startswith("segmentation")
        suffix = "_real" if section == "segmentation_real" else ""
        for name, value in values or ():
            if name == "perClassIoU":
                yield from ((f"IoU {part}{suffix}", "", iou) for part, iou in value.items() if iou is not None)
            elif name != "missing" and value is not None:
                yield f"{BY_FIELD.get(name, name)}{suffix}", "" if segmentation else section, value


def _line(
    cell: PlannedCell,
    metric: str,
    value: float | None,
    real_set: str,
    sources: Sources,
    file: Path | None,
    reason: str = "",
) -> dict[str, Any]:
    scores = sources.scored[cell.scored] if cell.scored else None
    timed = sources.timing[file].measured[cell.variant] if file and is_timed(metric) else None
    sure = sources.uncertainties[cell.uncertainty] if cell.uncertainty else None
    return {
        **{"row": cell.row, "task": cell.task, "seed": cell.seed, "run": cell.run},
        **{"metric": metric, "value": value, "real_set": real_set},
        "selection": scores.selection if isinstance(scores, Scores) else "",
        "drn_source": scores.protocol.drn_network if scores and metric == "mAP" else None,
        "sampling_sd": sure.sampling_sd(real_set, metric) if sure else None,
        **{"iqr": timed.iqr if timed else None, "mark": BUSY if timed and timed.busy else ""},
        **{"file": str(file) if file else "", "reason": reason},
    }


def value_at(record: BaseModel, keys: Sequence[str], file: Path) -> float:
    """Return the number at a place of a scores or timing file; UserError names file and key where there is none."""
    found: Any = record
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else getattr(found, key, None)
    if found is None:
        place = ".".join(keys)
        raise UserError(f"{file} has no number '{place}': take that metric out of the table, or measure it again.")
    return float(found)


def in_print(cells: pd.DataFrame, distance: str) -> pd.DataFrame:
    """Return tidy cells in which the Fréchet distance has its name."""
    return cells.assign(metric=[printed_name(metric, distance) for metric in cells["metric"]])


def save_cells(cells: pd.DataFrame, path: Path) -> None:
    """Write tidy cells as CSV, numbers in full precision, empty where unknown."""
    with atomic_path(path) as partial:
        cells.to_csv(partial, index=False, lineterminator="\n")


def read_cells(path: Path) -> pd.DataFrame:
    """Read back what `save_cells` wrote, exactly: floats with NaN for empty, integers, and text."""
    text = {name: str for name in COLUMNS if name not in [*NUMBERS, "seed", "n"]}
    return pd.read_csv(
        path,
        dtype={**text, **dict.fromkeys(NUMBERS, float), "seed": int, "n": int},
        keep_default_na=False,
        na_values={name: [""] for name in NUMBERS},
    )
