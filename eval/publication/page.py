"""The page of a scale's results: a pure function of the CSV files beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from eval.figures.curves import COLUMNS
from eval.publication.cautions import cautions
from eval.publication.certainty import claims_table, differences_table, further_table
from eval.publication.claims import claims, without_second_choice
from eval.publication.files import ABOUT, CELLS, CLAIMS, CURVES, DATA, RUNS, TABLES, TASKS, read_lines, read_notes
from eval.publication.tables import markdown_table
from eval.tables.cells import read_cells
from eval.tables.differences import read_differences
from eval.tables.marks import legend
from eval.tables.render import MARKDOWN
from eval.tables.spec import Rule

WIDTH = 118
SETTING = "setting."
"""How keys of settings begin."""


def render_page(folder: Path) -> str:
    """Return docs/results.md, from the CSV files of a folder: equal files make equal pages."""
    about = {line["key"]: line["value"] for line in read_lines(folder / ABOUT)}
    tasks, data = read_lines(folder / TASKS), read_lines(folder / DATA)
    cells = read_cells(folder / CELLS)
    first = without_second_choice(cells)
    titles = {line["task"]: line["title"] for line in tasks}
    return _template().render(
        about=about,
        settings={key.removeprefix(SETTING): value for key, value in about.items() if key.startswith(SETTING)},
        tables=[_table(folder, line, cells, titles) for line in read_lines(folder / TABLES)],
        tasks=tasks,
        data=data,
        credits={line["data"]: f"Images: {line['data']}, {line['licence'] or 'your own'}." for line in data},
        claims=claims(first, titles),
        cautions=cautions(first, _curves(folder / CURVES), titles, about),
        ledger=claims_table(folder / CLAIMS) if (folder / CLAIMS).exists() else "",
        files=sorted(path.name for path in folder.glob("*.csv")),
        **_totals(read_lines(folder / RUNS)),
    )


def _curves(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)


def _totals(runs: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return what all trainings took, and on which devices and at which commits they were made."""
    distinct = {f"{key}s": sorted({run[key] for run in runs}) for key in ("device", "commit", "computed")}
    hours, iterations = sum(float(run["hours"]) for run in runs), sum(int(run["iterations"]) for run in runs)
    return {"trainings": len(runs), "hours": hours, "iterations": iterations, **distinct}


def _table(folder: Path, line: dict[str, str], cells: pd.DataFrame, titles: Mapping[str, str]) -> dict[str, Any]:
    path, differences = (folder / f"{line['table']}.{ending}" for ending in ("csv", "differences.csv"))
    own = cells[(cells["table"] == line["key"]) & cells["selection"].isin(["", line["selection"]])]
    rule: Rule = "certain" if line.get("marks") == "certain" else "best"
    told = read_differences(differences) if rule == "certain" else {}
    is_sure = any(one.rank_low for lines in told.values() for one in lines)
    return {
        **line,
        "text": markdown_table(path, rule, told, bool(line["shows_keys"])),
        "legend": legend(rule, is_sure, "**bold**", "*italic*"),
        "differences": differences_table(path, differences) if is_sure else "",
        "further": further_table(own, titles),
        "notes": read_notes(path),
    }


def _wrap(text: str, indent: int = 0) -> str:
    """Break a paragraph into lines, those after the first indented; a word is never broken."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"wrap": _wrap, "escape": MARKDOWN.escape}
    return environment.get_template("results.md")
