"""How long and where a table's rows were trained, and with which options that are not their methods' defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from eval.records import Scores
from eval.tables.agreement import agree
from eval.tables.planned import PlannedCell
from eval.tables.spec import ALL_TASKS, TableSpec


def describe_settings(spec: TableSpec, planned: Iterable[PlannedCell], scores: Mapping[Path, Scores]) -> str:
    """Return 'every row ngf=8; CUT lr_g=0.002; EnCo epochs=200+200 (Cityscapes)': what all rows share is said once.

    What a row's own options set is not repeated: the row is about that.
    """
    found = _found(spec, planned, scores)
    common = _shared(texts for tasks in found.values() for texts in tasks.values())
    parts = [f"every row {', '.join(sorted(common))}"] if common else []
    headers = {column.task: column.header for column in spec.columns}
    for row in spec.rows:
        if changed := _of_row(found.get(row.key, {}), common, headers):
            parts.append(f"{row.label} {', '.join(changed)}")
    return "; ".join(parts)


def describe_devices(spec: TableSpec, planned: Sequence[PlannedCell], scores: Mapping[Path, Scores]) -> str:
    """Return the device of every training, where there are several with the rows: 'A100: CUT; V100: EnCo'.

    Raises UserError for a column of training times of several devices, unless the table allows that.
    """
    labels = {row.key: row.label for row in spec.rows}
    found: dict[str, set[str]] = {}
    for cell in planned:
        if cell.scores:
            found.setdefault(_device(scores[cell.scores]), set()).add(labels[cell.row])
    if not spec.mixed_devices:
        _check_hours(spec, planned, scores)
    order = list(labels.values())
    rows = {device: ", ".join(sorted(names, key=order.index)) for device, names in sorted(found.items())}
    return "; ".join(f"{device}: {names}" for device, names in rows.items()) if len(rows) > 1 else "".join(rows)


def _check_hours(spec: TableSpec, planned: Sequence[PlannedCell], scores: Mapping[Path, Scores]) -> None:
    timed = [cell for cell in planned if cell.metric == "training_time_hours" and cell.scores]
    cure = f"train all of them on one kind of device, or set 'mixed_devices: true' for table {spec.name}"
    for task in dict.fromkeys(cell.task for cell in timed):
        files = dict.fromkeys(cell.scores for cell in timed if cell.task == task)
        agree({path: _device(scores[path]) for path in files if path}, "devices of training times", cure)


def _device(scores: Scores) -> str:
    return scores.trained_on or "unknown"


def _found(
    spec: TableSpec, planned: Iterable[PlannedCell], scores: Mapping[Path, Scores]
) -> dict[str, dict[str, set[str]]]:
    """Return the settings of each row and task, without the row's own options."""
    own = {row.key: row.options.keys() for row in spec.rows}
    found: dict[str, dict[str, set[str]]] = {}
    for cell in planned:
        if cell.scores and cell.task != ALL_TASKS:
            settings = scores[cell.scores].settings.items()
            texts = {f"{key}={value}" for key, value in settings if key not in own[cell.row]}
            found.setdefault(cell.row, {})[cell.task] = texts
    return found


def _of_row(tasks: Mapping[str, set[str]], common: set[str], headers: Mapping[str, str]) -> list[str]:
    everywhere = _shared(tasks.values())
    single = [f"{text} ({headers[task]})" for task in tasks for text in sorted(tasks[task] - everywhere - common)]
    return [*sorted(everywhere - common), *single]


def _shared(sets: Iterable[set[str]]) -> set[str]:
    """Return what is in all of the sets."""
    all_sets = list(sets)
    return set.intersection(*all_sets) if all_sets else set()
