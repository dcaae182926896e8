"""What a scale's numbers cannot say: computed from the cells and the curves, and told by the scale's settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from eval.publication.claims import is_distance
from eval.tables.columns import HEADLINE_SET

CAVEAT = "caveat."
"""How keys of a scale's own caveats begin."""


def cautions(
    cells: pd.DataFrame, curves: pd.DataFrame, titles: Mapping[str, str], about: Mapping[str, str]
) -> list[str]:
    """Return sentences on what differences between rows have to be seen against."""
    told = [text for key, text in about.items() if key.startswith(CAVEAT)]
    return [of_seeds(cells, titles), *of_checkpoints(curves, titles), *told]


def of_seeds(cells: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return how far the seeds of one row lie apart, which a difference between rows has to exceed, or what ± lacks."""
    lines = cells[cells["metric"].map(is_distance) & (cells["real_set"] == HEADLINE_SET)].dropna(subset=["std"])
    if lines.empty and "sampling_sd" in cells and cells["sampling_sd"].notna().any():
        return "Every row has one seed: ± says how far other test images would move a number, and not another seed."
    if lines.empty:
        return "Every row has one seed, so no difference here has an error bar."
    std, label, task, n = max(lines[["std", "label", "task", "n"]].itertuples(index=False, name=None))
    where = f"{label} on {titles[task]}, {n} seeds"
    return (
        f"Seeds of one row lie apart by up to ± {std:.1f} (sample standard deviation; {where}); rows with one"
        " seed have no error bar, and smaller differences are no evidence."
    )


def of_checkpoints(curves: pd.DataFrame, titles: Mapping[str, str]) -> Iterator[str]:
    """Yield how far the distance moved from one saved generator to another of a training's second half, by task."""
    lines = curves[curves["metric"].map(is_distance).astype(bool)]
    late = lines[lines["iteration"] > lines.groupby(["task", "row", "seed"])["iteration"].transform("max") / 2]
    for task, of_task in late.groupby("task", sort=False):
        name = of_task["metric"].iloc[0]
        parts = [_moved(label, of_row) for label, of_row in of_task.groupby("label", sort=False)]
        yield (
            f"The tables have the last generator. In the second half of training on {titles[str(task)]} the {name} of"
            f" {', and that of '.join(parts)}. A generator that was saved earlier may turn an order."
        )


def _moved(label: object, lines: pd.DataFrame) -> str:
    """Return 'CUT lay between 188.4 and 277.6, in the end at 277.6', for several seeds over all of them."""
    lowest, highest = lines["value"].min(), lines["value"].max()
    last = lines[lines["iteration"] == lines["iteration"].max()]["value"]
    end = " and ".join(f"{value:.1f}" for value in last)
    return f"{label} lay between {lowest:.1f} and {highest:.1f}, in the end at {end}"
