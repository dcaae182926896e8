"""What a scale's numbers say of the paper's claims: one sentence each, computed from the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd

from eval.publication.tables import REFERENCE
from eval.tables.columns import HEADLINE_SET


@dataclass(frozen=True)
class Distances:
    """The mean distance of each row on each task over its seeds, in the order of the tables."""

    name: str
    """The distance as tables name it."""
    means: Mapping[tuple[str, str, str], float]
    """By table, row and task."""
    labels: Mapping[str, str]
    titles: Mapping[str, str]

    @classmethod
    def of(cls, cells: pd.DataFrame, titles: Mapping[str, str]) -> Distances:
        """Take the distances against the headline's real set from tidy cells."""
        lines = cells[cells["metric"].map(is_distance) & (cells["real_set"] == HEADLINE_SET) & cells["value"].notna()]
        means = lines.groupby(["table", "row", "task"], sort=False)["value"].mean()
        labels = dict(zip(cells["row"], cells["label"], strict=True))
        return cls(
            lines["metric"].iloc[0] if len(lines) else "FID",
            cast("Mapping[tuple[str, str, str], float]", means.to_dict()),
            labels,
            titles,
        )

    def on(self, table: str, task: str) -> dict[str, float]:
        """Return the distances of a table's rows on a task."""
        return {row: value for (name, row, at), value in self.means.items() if (name, at) == (table, task)}

    def tasks(self, table: str) -> list[str]:
        """Return the tasks that a table has a number for."""
        return list(dict.fromkeys(task for name, _, task in self.means if name == table))

    def tables(self) -> list[str]:
        """Return the tables that have a number."""
        return list(dict.fromkeys(name for name, _, _ in self.means))


def is_distance(metric: str) -> bool:
    """Return whether a metric is a Fréchet distance of features, whatever network made them."""
    return metric.startswith(("FID", "FD"))


def without_second_choice(cells: pd.DataFrame) -> pd.DataFrame:
    """Leave out generators that were chosen on the test set where those of the final ones are there, too."""
    return cells[cells["selection"] != "best"] if (cells["selection"] == "final").any() else cells


def claims(cells: pd.DataFrame, titles: Mapping[str, str]) -> list[str]:
    """Return the sentences: who is best, EnCo and CUT, sampling, pairs of layers, and projectors."""
    found = Distances.of(cells, titles)
    return [
        _best(found),
        _against_cut(found, cells),
        _ablation(found, "4", "default", ["uniform"], "Discriminative sampling", "uniform sampling"),
        _ablation(found, "3", "F", ["A", "B", "C"], "Three pairs of layers", "every choice of fewer pairs"),
        _ablation(found, "3", "F", ["E"], "One shared projector", "two projectors"),
    ]


def _best(found: Distances) -> str:
    parts = [_best_on(found, task) for task in found.tasks("1") if len(_methods(found, task)) > 1]
    return f"Table 1: {'; '.join(parts)}." if parts else "Table 1: too few numbers to say which method is best."


def _methods(found: Distances, task: str) -> dict[str, float]:
    return {row: value for row, value in found.on("1", task).items() if row != REFERENCE}


def _best_on(found: Distances, task: str) -> str:
    methods, reference = _methods(found, task), found.on("1", task).get(REFERENCE)
    order = sorted(methods, key=lambda row: methods[row])
    best = f"on {found.titles[task]} {found.labels[order[0]]} has the lowest {found.name} of {len(order)} methods"
    texts = [f"{best} ({methods[order[0]]:.1f})"]
    if "enco" in order[1:]:
        texts.append(f"EnCo is number {order.index('enco') + 1} ({methods['enco']:.1f})")
    if reference is not None:
        below = sum(value < reference for value in methods.values())
        texts.append(f"{below} of {len(order)} are below the untranslated inputs ({reference:.1f})")
    return ", ".join(texts)


def _against_cut(found: Distances, cells: pd.DataFrame) -> str:
    pairs: dict[str, tuple[float, float]] = {}
    for table in found.tables():
        for task in found.tasks(table):
            values = found.on(table, task)
            if {"enco", "cut"} <= values.keys():
                pairs.setdefault(task, (values["enco"], values["cut"]))
    if not pairs:
        return "EnCo against CUT: no task has a number of both."
    parts = [f"{found.titles[task]} {ours:.1f} against {theirs:.1f}" for task, (ours, theirs) in pairs.items()]
    wins = sum(ours < theirs for ours, theirs in pairs.values())
    text = f"EnCo's {found.name} is lower than CUT's on {wins} of {_count(len(pairs), 'task')} ({'; '.join(parts)})"
    return f"{text}{_seconds(cells)}."


def _seconds(cells: pd.DataFrame) -> str:
    seconds = cells[cells["metric"] == "sec/iter"].dropna(subset=["value"]).groupby("row")["value"].first()
    if not {"enco", "cut"} <= set(seconds.index):
        return ""
    return f", and an iteration takes {seconds['enco'] / seconds['cut']:.2f} times CUT's seconds"


def _ablation(found: Distances, table: str, ours: str, others: Sequence[str], subject: str, than: str) -> str:
    """Return on how many tasks one row of a table has a lower distance than each of some others."""
    parts, wins = [], 0
    for task in found.tasks(table):
        values = found.on(table, task)
        if {ours, *others} <= values.keys():
            wins += all(values[ours] < values[row] for row in others)
            rows = ", ".join(f"{row} {values[row]:.1f}" for row in others)
            parts.append(f"{found.titles[task]} {values[ours]:.1f} against {rows}")
    if not parts:
        return f"{subject} against {than} (Table {table}): no task has all the numbers."
    count = f"{wins} of {_count(len(parts), 'task')}"
    return f"{subject} (Table {table}, {ours}) has a lower {found.name} than {than} on {count} ({'; '.join(parts)})."


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
