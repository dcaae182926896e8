"""The table of the authors' generators as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pandas as pd

from eval.tables.layout import TableCell
from eval.tables.marks import legend
from eval.tables.protocol import ProtocolLine
from eval.tables.render import ABSENT, HTML, LATEX, MARKDOWN, Markup, bare, published_text, template

HEADS = ("Task", "Generator", "Metric", "The paper", "Its own paper", "Authors' file", "Δ")
PACKAGES = r"% Needs \usepackage{booktabs,longtable,xcolor}"
LEGEND = "Δ is the measured number minus the paper's."


@dataclass(frozen=True)
class Line:
    """One task, row and metric, or several metrics in one cell; `own` is what the method's own paper prints."""

    group: str
    task: str
    row: str
    label: str
    metric: str
    better: str
    own: str
    cell: TableCell
    delta: str

    @property
    def paper(self) -> str:
        """The paper's numbers as printed, empty where there are none."""
        return published_text(self.cell)

    @property
    def measured(self) -> TableCell:
        """The cell without the paper's numbers."""
        return replace(self.cell, values=tuple(replace(value, published="") for value in self.cell.values))


@dataclass(frozen=True)
class Page:
    """All that the files of the table show."""

    title: str
    name: str
    lines: tuple[Line, ...]
    footer: tuple[ProtocolLine, ...]
    comparable: bool
    is_sure: bool
    """Whether some differences are known of rows to the best."""

    def legend(self, bold: str, underlined: str) -> str:
        """Return what the marks say, given words for both, and what Δ is, or why it is empty."""
        delta = LEGEND if self.comparable else "Measured and printed numbers are not comparable: see Scale."
        return f"{legend('certain', self.is_sure, bold, underlined)}, of each task and metric. {delta}"


def to_csv(page: Page) -> str:
    """Return a line for each task, row and metric; the protocol follows as lines that begin with '#'."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(["task", "row", "label", "metric", "paper", "own_paper", "authors", "delta", "reason"])
    writer.writerows(map(_csv_values, page.lines))
    return out.getvalue() + "".join(f"# {key}: {text}\n" for key, text in page.footer)


def _csv_values(line: Line) -> list[str | Decimal]:
    measured = " & ".join(value.text for value in line.cell.values) if line.cell.measured else ABSENT
    numbers = [bare(text) for text in (line.paper, line.own, measured, line.delta)]
    return [line.task, line.row, line.label, line.metric, *numbers, "; ".join(line.cell.reasons)]


def to_markdown(page: Page) -> str:
    """Return a Markdown table, marked among a task's generators; the protocol as a list."""
    escape = MARKDOWN.escape
    table = frame(page, MARKDOWN).to_markdown(index=False, disable_numparse=True, colalign=_sides("left", "right"))
    legend = page.legend("**bold**", "*italic*")
    footer = "\n".join(f"- **{key}**: {escape(text)}" for key, text in page.footer)
    return "\n\n".join([f"## {escape(page.title)}", legend, table, "### Protocol", footer]) + "\n"


def frame(page: Page, markup: Markup) -> pd.DataFrame:
    """Return the lines as marked-up text."""
    return pd.DataFrame([_values(line, markup) for line in page.lines], columns=[markup.escape(one) for one in HEADS])


def _values(line: Line, markup: Markup) -> list[str]:
    arrow = "↓" if line.better == "lower" else "↑"
    texts = [markup.escape(text) for text in (line.group, line.label, f"{line.metric} {arrow}", line.paper, line.own)]
    return [*texts, markup.cell(line.measured, stacked=False), markup.escape(line.delta)]


def _sides(left: str, right: str) -> list[str]:
    """Return the alignment of each column: three of text, four of numbers."""
    return [*[left] * 3, *[right] * (len(HEADS) - 3)]


def to_latex(page: Page) -> str:
    """Return a table over several pages, marks bold and underlined; then the protocol."""
    caption = f"{page.title}. {page.legend('bold', 'underlined')}"
    table = frame(page, LATEX).style.hide(axis="index")
    text = table.to_latex(
        hrules=True,
        environment="longtable",
        column_format="".join(_sides("l", "r")),
        caption=LATEX.escape(caption),
        label=f"tab:{page.name}",
    )
    footer = (rf"\textbf{{{LATEX.escape(key)}}}: {LATEX.escape(text)}\par" for key, text in page.footer)
    return "\n".join([PACKAGES, text, r"{\footnotesize\raggedright", *footer, "}", ""])


def to_html(page: Page) -> str:
    """Return a page that stands alone, light or dark as the reader's system is."""
    table = frame(page, HTML).style.hide(axis="index")
    return template("table.html").render(
        title=page.title,
        legend=page.legend(HTML.bold.format("bold"), HTML.underlined.format("underlined")),
        headline=table.to_html(exclude_styles=True),
        footer=page.footer,
    )


FORMATS: dict[str, Callable[[Page], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex, "html": to_html}
