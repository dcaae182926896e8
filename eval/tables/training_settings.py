"""How long a table's rows were trained, and with which options where these are not their methods' defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enco.config.base import parse
from enco.methods import info
from eval.tables.cells import Sources
from eval.tables.planned import PlannedCell
from eval.tables.spec import ALL_TASKS, TableSpec


def changed_settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """From run.json: the epochs, or the iterations where these ended the training, and options that are not defaults.

    Raises UserError for options that the method no longer has.
    """

    config, train = run["config"], run["config"]["train"]
    model = info(config["method"]).Options
    options = parse(model, config["options"], f"the run.json of an {config['method']} training")
    values, defaults = options.model_dump(mode="json"), model().model_dump(mode="json")
    changed = {key: value for key, value in values.items() if value != defaults[key]}
    if run["iterations"] == options.max_iterations:
        return {"iterations": run["iterations"], **changed}
    return {"epochs": f"{train['n_const']}+{train['n_decay']}", **changed}


def describe_settings(spec: TableSpec, planned: Iterable[PlannedCell], scores: Sources) -> str:
    """'every row ngf=8; CUT lr_g=0.002; EnCo epochs=200+200 (Cityscapes)': what all rows share is said once.

    What a row's own options set is not repeated: the row is about that.
    """
    own = {row.key: row.options.keys() for row in spec.rows}
    found: dict[str, dict[str, set[str]]] = {}
    for cell in planned:
        if cell.scores and cell.task != ALL_TASKS:
            settings = scores[cell.scores].get("settings", {"settings": "unknown"})
            texts = {f"{key}={value}" for key, value in settings.items() if key not in own[cell.row]}
            found.setdefault(cell.row, {})[cell.task] = texts
    common = _shared(texts for tasks in found.values() for texts in tasks.values())
    parts = [f"every row {', '.join(sorted(common))}"] if common else []
    headers = {column.task: column.header for column in spec.columns}
    for row in spec.rows:
        if changed := _of_row(found.get(row.key, {}), common, headers):
            parts.append(f"{row.label} {', '.join(changed)}")
    return "; ".join(parts)


def _of_row(tasks: Mapping[str, set[str]], common: set[str], headers: Mapping[str, str]) -> list[str]:
    everywhere = _shared(tasks.values())
    single = [f"{text} ({headers[task]})" for task in tasks for text in sorted(tasks[task] - everywhere - common)]
    return [*sorted(everywhere - common), *single]


def _shared(sets: Iterable[set[str]]) -> set[str]:
    """What is in all of the sets."""
    all_sets = list(sets)
    return set.intersection(*all_sets) if all_sets else set()
