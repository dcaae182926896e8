"""Write the error budget of a table: every number as CSV, a summary as CSV, and a page to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from enco.io.files import atomic_path
from eval.sensitivity.lines import budget, measured_lines, summary
from eval.sensitivity.planned import PlannedAlternative, PlannedScores
from eval.tables.cells import in_print
from eval.tables.planned import PlannedCell
from eval.tables.protocol import ProtocolLine, Provenance, protocol
from eval.tables.sources import read_sources
from eval.tables.spec import TableSpec

HEADS = {
    "default_setting": "default",
    "default_value": "default value",
    "default_rank": "default rank",
    "largest_delta": "largest change",
    "median_delta": "median change",
    "ranks_changed": "ranks changed",
    "kendall_tau": "Kendall τ",
    "delta": "change",
}


def write_budget(
    spec: TableSpec,
    cells: Sequence[PlannedCell],
    alternatives: Sequence[PlannedAlternative],
    planned: Sequence[PlannedScores],
    out: Mapping[str, Path],
    provenance: Provenance,
) -> None:
    """Write the files of `out`: `csv` (every number), `summary` (CSV) and `md`.

    `cells` are the table's numbers, whose protocol is the default. Raises UserError for a number that is missing, and
    for default numbers that were not made alike.
    """
    numbers = budget(measured_lines(alternatives, planned))
    about = protocol(spec, cells, read_sources(cells), provenance)
    in_all = in_print(numbers, provenance.distance)
    short = in_print(summary(numbers), provenance.distance)
    texts = {
        "csv": in_all.to_csv(index=False, lineterminator="\n"),
        "summary": short.to_csv(index=False, lineterminator="\n"),
        "md": page(spec, in_all, short, about),
    }
    for kind, path in out.items():
        with atomic_path(path) as partial:
            partial.write_text(texts[kind], encoding="utf-8")


def page(spec: TableSpec, numbers: pd.DataFrame, short: pd.DataFrame, about: Sequence[ProtocolLine]) -> str:
    """Return the page: the summary, what was not tried and why, every number, and the default protocol."""
    left_out = _left_out(numbers[numbers["reason"] != ""])
    known = numbers[numbers["value"].notna()].drop(columns=["reason", "default_setting"])
    return (
        f"# How far the protocol moves the numbers of {spec.heading}\n\n"
        "Each line changes one choice and leaves all others as the table has them.\n\n"
        f"{_table(short)}\n\n"
        f"{f'## Not tried{2 * chr(10)}{left_out}{chr(10)}' if left_out else ''}"
        f"## Every number\n\n{_table(known)}\n\n"
        "## Default protocol\n\n" + "".join(f"- {key}: {text}\n" for key, text in about)
    )


def _left_out(numbers: pd.DataFrame) -> str:
    """Return one line for each setting that was not tried, with its tasks and the reason."""
    tasks: dict[tuple[str, str, str], list[str]] = {}
    for choice, setting, reason, task in numbers[["choice", "setting", "reason", "task"]].values.tolist():
        tasks.setdefault((choice, setting, reason), []).append(task)
    return "".join(
        f"- {choice} {setting} ({', '.join(dict.fromkeys(names))}): {reason}\n"
        for (choice, setting, reason), names in tasks.items()
    )


def _table(frame: pd.DataFrame) -> str:
    """Return a frame as a table of Markdown, numbers with two decimals, empty where there is none."""
    plain = frame.rename(columns=HEADS).astype(object)
    rows = plain.where(plain.notna(), None).values.tolist()
    return tabulate(rows, headers=list(plain.columns), tablefmt="github", floatfmt=".2f", missingval="")
