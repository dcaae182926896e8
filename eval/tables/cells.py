"""Tidy cells: one line for every number measured, with the published number and the spread over seeds beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from enco.errors import UserError
from enco.io.files import atomic_path, read_json
from eval.published import Published
from eval.segmentation.published import THE_PAPERS
from eval.tables.columns import HEADLINE_SET, METRICS
from eval.tables.planned import PlannedCell, is_timed
from eval.tables.spec import ALL_TASKS, TableSpec

COLUMNS = [
    *["table", "row", "label", "task", "metric", "seed", "value", "std", "n"],
    *["published", "delta", "real_set", "selection", "scale", "run"],
    *["iqr", "mark", "file", "reason"],
]
NUMBERS = ["value", "std", "published", "delta", "iqr"]
BUSY = "busy machine"
"""The mark of seconds whose spread says that the machine had other work."""
PLACE = ["row", "task", "metric", "seed", "real_set"]
"""What tells one line of a table from another."""
CELL = ["table", "row", "task", "metric", "real_set"]
"""What the seeds of one cell have in common."""

Sources = Mapping[Path, dict[str, Any]]


def read_sources(planned: Iterable[PlannedCell]) -> dict[Path, dict[str, Any]]:
    """Every scores and timing file behind the cells, read once."""
    files = dict.fromkeys(path for cell in planned for path in (cell.scores, cell.timing) if path)
    return {path: read_json(path) for path in files}


def tidy(
    spec: TableSpec,
    planned: Sequence[PlannedCell],
    sources: Sources,
    published: Published,
    *,
    scale: str,
    comparable: bool,
) -> pd.DataFrame:
    """The tidy lines of one table: a line for each planned number, and for every other number of its scores file.

    `value` is empty while pending, and `reason` says why. `std` (sample, empty for one seed) and `n` are over the
    cell's seeds. `published` stands on headline lines only; `delta` (value - published) only where the scale is
    `comparable` with the paper, and mAP's only where the segmentation network is the paper's. `file` is the one that
    holds the number. `iqr` and `mark` are of sec/iter: its interquartile range, and BUSY where that is large.
    Raises UserError for a number that is missing or not finite.
    """
    lines = [*_planned_lines(planned, sources), *_beside_lines(planned, sources)]
    own = ["value", "selection", "run", "iqr", "mark", "file", "reason"]
    cells = pd.DataFrame(lines, columns=[*PLACE, *own, "whose_drn"])
    cells = cells.drop_duplicates(PLACE)
    cells[["value", "iqr"]] = cells[["value", "iqr"]].astype(float)
    cells["table"], cells["scale"] = spec.key, scale
    cells["label"] = cells["row"].map({row.key: row.label for row in spec.rows})
    cells["n"] = cells.groupby(CELL)["value"].transform("count")
    cells["std"] = cells.groupby(CELL)["value"].transform("std")
    cells["published"] = [_published(published, line) for line in cells.itertuples()]
    cells["delta"] = cells["value"] - cells["published"] if comparable else math.nan
    cells.loc[cells["whose_drn"].notna() & (cells["whose_drn"] != THE_PAPERS), "delta"] = math.nan
    return cells[COLUMNS].reset_index(drop=True)


def _published(published: Published, line: Any) -> float:
    headline = line.real_set in ("", HEADLINE_SET)
    return float(published.get((line.table, line.row, line.task, line.metric), "nan")) if headline else math.nan


def _planned_lines(planned: Iterable[PlannedCell], sources: Sources) -> Iterator[dict[str, Any]]:
    for cell in _once_each(planned):
        metric, value = METRICS[cell.metric], None
        if cell.file is not None:
            _check_timed(cell, sources)
            value = number(sources[cell.file], [key.format(variant=cell.variant) for key in metric.path], cell.file)
        yield _line(cell, cell.metric, value, metric.real_set, sources, cell.file)


def _check_timed(cell: PlannedCell, sources: Sources) -> None:
    """Raise UserError for a variant whose timing failed, with how."""
    if cell.timing and is_timed(cell.metric) and cell.variant in sources[cell.timing]["errors"]:
        error = sources[cell.timing]["errors"][cell.variant]
        raise UserError(
            f"{cell.variant} could not be timed ({error}): mend it, delete {cell.timing} and measure again."
        )


def _once_each(planned: Iterable[PlannedCell]) -> Iterable[PlannedCell]:
    """The cells; of those that seeds cannot change, one that has its number, if any has."""
    chosen: dict[tuple[str, str, str, int], PlannedCell] = {}
    for cell in planned:
        seed = cell.seed if METRICS[cell.metric].per_seed else 0
        place = (cell.row, cell.task, cell.metric, seed)
        if place not in chosen or (chosen[place].file is None and cell.file is not None):
            chosen[place] = cell
    return chosen.values()


def _beside_lines(planned: Iterable[PlannedCell], sources: Sources) -> Iterator[dict[str, Any]]:
    """What the scores files hold beyond the planned numbers."""
    scored = [(cell, cell.scores) for cell in planned if cell.scores and cell.task != ALL_TASKS]
    for cell, file in {(cell.row, cell.task, cell.seed): (cell, file) for cell, file in scored}.values():
        for metric, real_set, keys in _all_metrics(sources[file]):
            yield _line(cell, metric, number(sources[file], keys, file), real_set, sources, file)


def _all_metrics(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Every computed number of a scores file: its metric's name, its real set and its place."""
    for section, values in scores["metrics"].items():
        segmentation = section.startswith("segmentation")
        suffix = "_real" if section == "segmentation_real" else ""
        for name, value in (values or {}).items():
            if isinstance(value, dict):
                for part, inner in value.items():
                    if inner is not None:
                        yield f"IoU {part}{suffix}", "", ["metrics", section, name, part]
            elif value is not None:
                yield f"{name}{suffix}", "" if segmentation else section, ["metrics", section, name]


def _line(
    cell: PlannedCell, metric: str, value: float | None, real_set: str, sources: Sources, file: Path | None
) -> dict[str, Any]:
    scores = sources[cell.scores] if cell.scores else {}
    timed = sources[file]["measured"][cell.variant] if file and is_timed(metric) else {}
    whose = scores.get("protocol", {}).get("drn_network") if metric == "mAP" else None
    return {
        **{"row": cell.row, "task": cell.task, "seed": cell.seed, "run": cell.run},
        **{"metric": metric, "value": value, "real_set": real_set, "selection": scores.get("selection", "")},
        "whose_drn": whose,
        **{"iqr": timed.get("iqr"), "mark": BUSY if timed.get("busy") else ""},
        **{"file": str(file) if file else "", "reason": "" if file else cell.reason},
    }


def number(content: Any, keys: Sequence[str], file: Path) -> float:
    """The finite number at a place of a scores or timing file; UserError names file and key where there is none."""
    place = ".".join(keys)
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    if content is None:
        raise UserError(f"{file} has no number '{place}': take that metric out of the table, or measure it again.")
    if isinstance(content, bool) or not isinstance(content, int | float) or not math.isfinite(content):
        raise UserError(f"'{place}' in {file} is {content}, not a finite number: delete the file and measure it again.")
    return float(content)


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
