"""The error budget as lines: each number under each alternative beside the default's, its rank, and a summary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from eval.records import RunMetrics, read_scores
from eval.sensitivity.choices import MOVES
from eval.sensitivity.planned import PlannedAlternative, PlannedScores
from eval.sensitivity.record import Outcome, of_features, read_measured
from eval.tables.columns import METRICS

CELL = ["choice", "setting", "task", "metric"]
"""Columns of the numbers that are ranked with each other."""
COLUMNS = [
    *["choice", "setting", "default_setting", "task", "row", "metric", "value", "default_value", "delta"],
    *["rank", "default_rank", "n", "reason"],
]
SUMMARY = ["choice", "setting", "default_setting", "metric"]
"""Columns that a line of the summary is about."""


def measured_lines(alternatives: Iterable[PlannedAlternative], planned: Sequence[PlannedScores]) -> pd.DataFrame:
    """Read every number under every alternative: a line for each task, row, metric and seed.

    What cannot be tried stands as one line with the reason. Raises UserError for a file that is missing or of another
    version.
    """
    lines = [
        line
        for alternative in alternatives
        for task in dict.fromkeys(one.task for one in planned)
        for line in _of_task(alternative, task, [one for one in planned if one.task == task])
    ]
    found = pd.DataFrame(lines, columns=[*SUMMARY, "task", "row", "seed", "value", "default_value", "reason"])
    return found.astype({"value": float, "default_value": float})


def _of_task(alternative: PlannedAlternative, task: str, planned: Iterable[PlannedScores]) -> Iterator[dict[str, Any]]:
    about = {"choice": alternative.choice, "setting": alternative.setting, "default_setting": alternative.default}
    about |= {"task": task}
    if reason := alternative.reasons.get(task):
        yield {**about, "row": "", "metric": "", "seed": 0, "reason": reason}
        return
    for one in planned:
        outcome, default = _outcome(alternative, one), metrics_of(read_scores(one.scores).metrics)
        line = {**about, "row": one.row, "seed": one.seed, "reason": outcome.reason}
        for metric in MOVES[alternative.choice]:
            if metric in default:
                value = outcome.values.get(metric, math.nan)
                yield {**line, "metric": metric, "value": value, "default_value": default[metric]}


def _outcome(alternative: PlannedAlternative, one: PlannedScores) -> Outcome:
    """Return the numbers of one set of translations under an alternative."""
    if alternative.source == "measured":
        record = read_measured(one.measured)
        return record.outcomes[alternative.choice][alternative.setting]
    if alternative.source == "other" and one.other:
        return Outcome(values=metrics_of(read_scores(one.other).metrics))
    metrics = read_scores(one.scores).metrics
    if alternative.choice == "recall":
        return Outcome(values={"recall": metrics.paired.recall_exact})
    return Outcome(values=metrics_of(metrics, alternative.setting))


def metrics_of(metrics: RunMetrics, real_set: str = "paired") -> dict[str, float]:
    """Return the metrics that choices can move, against one real set."""
    values = of_features(getattr(metrics, real_set))
    mAP = metrics.segmentation.mAP if metrics.segmentation else None
    return values if mAP is None else values | {"mAP": mAP}


def budget(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of each number, its difference to the default's, and both ranks.

    A rank is that of a row among the rows of its task, 1 for the best; rows with equal numbers share the better rank.
    """
    keys = [*SUMMARY, "task", "row"]
    means = lines.groupby(keys, sort=False, dropna=False, as_index=False).agg(
        value=("value", "mean"),
        default_value=("default_value", "mean"),
        n=("value", "count"),
        reason=("reason", "first"),
    )
    means["delta"] = means["value"] - means["default_value"]
    for rank, value in (("rank", "value"), ("default_rank", "default_value")):
        signed = means[value].where(means["metric"].map(_lower_is_better), -means[value])
        means[rank] = signed.groupby([means[key] for key in CELL], sort=False).rank(method="min").astype("Int64")
    return means[COLUMNS]


def _lower_is_better(metric: str) -> bool:
    return metric not in METRICS or METRICS[metric].better == "lower"


def summary(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return for each setting and metric how far numbers and ranks move: a line each, over all tasks and rows.

    `kendall_tau` (b) is between both orders of a task's rows, the mean over tasks; empty where no task has two rows.
    """
    known = numbers[numbers["value"].notna()]
    lines = [
        dict(zip(SUMMARY, key, strict=True))
        | {
            "numbers": len(group),
            "largest_delta": group["delta"].abs().max(),
            "median_delta": group["delta"].abs().median(),
            "ranks_changed": int((group["rank"] != group["default_rank"]).sum()),
            "kendall_tau": _tau(group),
        }
        for key, group in known.groupby(SUMMARY, sort=False)
    ]
    columns = [*SUMMARY, "numbers", "largest_delta", "median_delta", "ranks_changed", "kendall_tau"]
    return pd.DataFrame(lines, columns=columns)


def _tau(group: pd.DataFrame) -> float:
    """Return the mean over tasks of Kendall's tau-b between the default's and the alternative's numbers."""
    tasks = [task for _, task in group.groupby("task") if len(task) > 1]
    taus = [task["value"].corr(task["default_value"], method="kendall") for task in tasks]
    found = [tau for tau in taus if not math.isnan(tau)]
    return sum(found) / len(found) if found else math.nan
