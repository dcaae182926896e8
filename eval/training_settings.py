"""What a table's rows were trained with, where that is not what their methods publish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enco.methods import get
from eval.cells import PlannedCell, Sources
from eval.tablespec import ALL_TASKS, TableSpec


def changed_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The epochs of a run and those of its method's options that are not the defaults, from run.json's config."""
    options = get(config["method"]).Options.model_validate(config["options"]).model_dump(mode="json")
    defaults = get(config["method"]).Options().model_dump(mode="json")
    train = config["train"]
    changed = {key: value for key, value in options.items() if value != defaults[key]}
    return {"epochs": f"{train['n_const']}+{train['n_decay']}", **changed}


def describe_settings(spec: TableSpec, planned: Iterable[PlannedCell], scores: Sources) -> str:
    """'every row ngf=8; CUT lr_g=0.002; EnCo epochs=200+200 (Cityscapes)': what all rows share is said once.

    What a row's own options set is not repeated: the row is about that.
    """
    own = {row.key: row.options.keys() for row in spec.rows}
    found: dict[str, dict[str, set[str]]] = {}
    for cell in planned:
        if cell.scores and cell.task != ALL_TASKS:
            settings = scores[cell.scores].get("settings", {})
            texts = {f"{key}={value}" for key, value in settings.items() if key not in own[cell.row]}
            found.setdefault(cell.row, {})[cell.task] = texts
    common = _shared(texts for tasks in found.values() for texts in tasks.values())
    parts = [f"every row {', '.join(sorted(common))}"] if common else []
    headers = {column.task: column.header for column in spec.columns}
    for row in spec.rows:
        if changed := _of_row(found.get(row.key, {}), common, headers):
            parts.append(f"{row.label} {', '.join(changed)}")
    return "; ".join(parts) or "those of the methods' authors"


def _of_row(tasks: Mapping[str, set[str]], common: set[str], headers: Mapping[str, str]) -> list[str]:
    everywhere = _shared(tasks.values())
    single = [f"{text} ({headers[task]})" for task in tasks for text in sorted(tasks[task] - everywhere - common)]
    return [*sorted(everywhere - common), *single]


def _shared(sets: Iterable[set[str]]) -> set[str]:
    """What is in all of the sets."""
    all_sets = list(sets)
    return set.intersection(*all_sets) if all_sets else set()
