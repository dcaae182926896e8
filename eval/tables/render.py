"""A printed table as CSV, Markdown, LaTeX and HTML: every `to_` function returns the text of one file."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from eval.extractors import FID
from eval.tables.differences import differences_block, is_sure
from eval.tables.gaps import gaps, reference_line
from eval.tables.layout import Column, Compared, TableBlock, TableCell, Value
from eval.tables.marks import legend
from eval.tables.protocol import ProtocolLine, Provenance
from eval.tables.spec import REFERENCE_ROW, RowSpec, TableSpec

ABSENT = "–"
DIFFERENCES_TITLE = "Differences to the best"
DIFFERENCES_LEGEND = (
    "± the standard deviation of the difference; P, the probability that the row is better than the best one; and the"
    " ranks that it may have"
)
SUPPLEMENTARY_TITLE = "Beside the headline"
TEMPLATES = Path(__file__).parent / "templates"
WIDE = 8
"""Columns above which LaTeX and HTML put the published numbers below the measured ones."""


@dataclass(frozen=True)
class Page:
    """All that the files of one table show; `supplementary` is None while nothing is measured."""

    spec: TableSpec
    headline: TableBlock
    supplementary: TableBlock | None
    protocol: Sequence[ProtocolLine]
    provenance: Provenance
    compared: Compared
    name: str
    """The name of its files, which the label in LaTeX has: of two selections, those of the best end in `.best`."""

    @property
    def title(self) -> str:
        """The table's number, or else the name, and the title."""
        return self.spec.heading

    @property
    def published(self) -> bool:
        """Whether a published number stands anywhere."""
        return any(value.published for _, _, cell in self.headline.places() for value in cell.values)

    @property
    def differences(self) -> TableBlock | None:
        """The differences to the best of each column; None where nothing is known of any."""
        return differences_block(self.spec, self.compared)

    def legend(self, bold: str, underlined: str, published: str) -> str:
        """Return what the marks and the published numbers say, given how these are shown."""
        said = legend(self.spec.marks, is_sure(self.compared), bold, underlined)
        if not self.published:
            return f"{said}."
        papers = "the paper's number" if self.provenance.distance == FID else "the paper's number, its distance FID"
        warning = "" if self.provenance.comparable else " The two are not comparable: see Scale."
        return f"{said}; {published.format(papers)}.{warning}"

    @property
    def footer(self) -> list[ProtocolLine]:
        """The protocol, headed by what is missing and why, and by what the last row is."""
        return [*gaps(self.headline), *reference_line(self.headline, self.provenance.distance), *self.protocol]


@dataclass(frozen=True)
class Markup:
    """Escapes of one format, its marks, and what is missing.

    `pair` puts the published number beside the measured one; `stack` puts the published one below, for wide tables.
    """

    escape: Callable[[str], str]
    bold: str
    underlined: str
    pair: str
    stack: str
    absent: str

    def value(self, value: Value) -> str:
        """Return a measured value with its mark."""
        return {"bold": self.bold, "underlined": self.underlined}.get(value.mark, "{}").format(self.escape(value.text))

    def cell(self, cell: TableCell, stacked: bool) -> str:
        """Return '72.6 & 78.6', then what is to be said of several seeds, then the published numbers."""
        text = self.absent.format(self.escape(ABSENT))
        if cell.measured:
            text = self.escape(" & ").join(map(self.value, cell.values)) + self.escape(seeds(cell))
        published = self.escape(published_text(cell))
        return (self.stack if stacked else self.pair).format(text, published) if published else text


def seeds(cell: TableCell) -> str:
    """Return ' (seeds ± 0.4, n=3)' where several seeds are behind a cell, or ' (n=1)' for fewer than asked for."""
    if cell.n <= 1 and not cell.reasons:
        return ""
    spreads = " & ".join(value.seeds or ABSENT for value in cell.values)
    return f" (seeds ± {spreads}, n={cell.n})" if any(value.seeds for value in cell.values) else f" (n={cell.n})"


def published_text(cell: TableCell) -> str:
    """Return the paper's numbers of one cell as printed there, empty where the paper has none."""
    return " & ".join(value.published for value in cell.values if value.published)


def to_csv(page: Page) -> str:
    """Return the paper's rows and columns, each number with the paper's own; text is quoted, numbers are bare.

    The protocol follows as lines that begin with '#': read the file with `pandas.read_csv(path, comment="#")`.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    block = page.headline
    writer.writerow(["row", "label", *(name for column in block.columns for name in _csv_headers(column, page))])
    for row, cells in block.lines():
        writer.writerow([row.key, row.label, *(value for cell in cells for value in _csv_values(cell, page))])
    return out.getvalue() + "".join(f"# {key}: {text}\n" for key, text in page.footer)


def _csv_headers(column: Column, page: Page) -> list[str]:
    name = f"{column.group} {column.header(page.provenance.distance)}"
    return [name, f"{column.group} {column.header()} (paper)"] if page.published else [name]


def _csv_values(cell: TableCell, page: Page) -> list[str | Decimal]:
    measured = " & ".join(value.text for value in cell.values) + seeds(cell) if cell.measured else ABSENT
    return [bare(text) for text in ([measured, published_text(cell)] if page.published else [measured])]


def bare(text: str) -> str | Decimal:
    """Return a number with the digits of the text, which the CSV writer leaves unquoted; other text unchanged."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


MARKDOWN = Markup(
    escape=lambda text: "".join(f"\\{char}" if char in "|*_<`\\" else char for char in text),
    bold="**{}**",
    underlined="*{}*",
    pair="{} ({})",
    stack="{} ({})",
    absent="{}",
)


def to_markdown(page: Page) -> str:
    """Return Markdown tables: marks bold and italic, the paper's number in brackets; the protocol as a list."""
    legend = page.legend("**bold**", "*italic*", "in brackets {}")
    parts = [f"## {MARKDOWN.escape(page.title)}", legend, _markdown_table(page, page.headline)]
    if page.supplementary:
        parts += [f"### {SUPPLEMENTARY_TITLE}", _markdown_table(page, page.supplementary)]
    if page.differences:
        parts += [f"### {DIFFERENCES_TITLE}", f"{DIFFERENCES_LEGEND}.", _markdown_table(page, page.differences)]
    footer = "\n".join(f"- **{key}**: {MARKDOWN.escape(text)}" for key, text in page.footer)
    return "\n\n".join([*parts, "### Protocol", footer]) + "\n"


def _markdown_table(page: Page, block: TableBlock) -> str:
    table = frame(page, block, MARKDOWN)
    table.columns = pd.Index([" ".join(filter(None, column)) for column in table.columns])
    align = ["left", *["right"] * len(block.columns)]
    return table.to_markdown(index=False, disable_numparse=True, colalign=align)


def frame(page: Page, block: TableBlock, markup: Markup) -> pd.DataFrame:
    """Return a block as marked-up text under two header levels: the task, and the metric with an arrow to better."""
    spec, distance = page.spec, page.provenance.distance
    stacked = len(block.columns) > WIDE
    heads = [("", spec.row_header), *((column.group, _with_arrow(column, distance)) for column in block.columns)]
    lines = [
        [markup.escape(_row_name(spec, row)), *(markup.cell(cell, stacked) for cell in cells)]
        for row, cells in block.lines()
    ]
    columns = pd.MultiIndex.from_tuples([(markup.escape(group), markup.escape(head)) for group, head in heads])
    return pd.DataFrame(lines, columns=columns)


def _with_arrow(column: Column, distance: str) -> str:
    return f"{column.header(distance)} {'↓' if column.better == 'lower' else '↑'}"


def _row_name(spec: TableSpec, row: RowSpec) -> str:
    return f"{row.key}: {row.label}" if spec.show_keys and row is not REFERENCE_ROW else row.label


_LATEX = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{
            "β": r"$\beta$",
            "±": r"$\pm$",
            "×": r"$\times$",
            "≥": r"$\geq$",
            "≤": r"$\leq$",
            "–": "--",
            "†": r"$\dagger$",
        },
        **{"→": r"$\rightarrow$", "↓": r"$\downarrow$", "↑": r"$\uparrow$"},
    }
)

LATEX = Markup(
    escape=lambda text: text.translate(_LATEX),
    bold=r"\textbf{{{}}}",
    underlined=r"\underline{{{}}}",
    pair=r"{} {{\scriptsize\color{{gray}}{}}}",
    stack=r"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{}\\{{\scriptsize\color{{gray}}{}}}\end{{tabular}}",
    absent=r"{{\color{{gray}}{}}}",
)


def to_latex(page: Page) -> str:
    """Return a booktabs table: marks bold and underlined, the paper's number small and grey; then the protocol."""
    legend = page.legend("bold", "underlined", "small and grey: {}")
    return template("table.tex").render(
        caption=LATEX.escape(f"{page.spec.title or page.spec.name}. {legend}"),
        label=page.name,
        headline=_latex_table(page, page.headline),
        supplementary=_latex_table(page, page.supplementary) if page.supplementary else "",
        supplementary_title=SUPPLEMENTARY_TITLE,
        footer=[(LATEX.escape(key), LATEX.escape(text)) for key, text in page.footer],
    )


def _latex_table(page: Page, block: TableBlock) -> str:
    styler = frame(page, block, LATEX).style.hide(axis="index")
    text = styler.to_latex(hrules=True, multicol_align="c", column_format="l" + "r" * len(block.columns))
    rule, groups, rest = text.partition("\\\\\n")
    if block.reference:
        *above, last, bottom, end = rest.rstrip().split("\n")
        rest = "\n".join([*above, r"\midrule", last, bottom, end])
    return f"{rule}{groups}{_group_rules(block)}\n{rest}".rstrip()


def _group_rules(block: TableBlock) -> str:
    """Return a short rule under the header of each task."""
    rules, at = [], 2
    for _, columns in groupby(block.columns, key=lambda column: column.group):
        end = at + len(list(columns)) - 1
        rules.append(rf"\cmidrule(lr){{{at}-{end}}}")
        at = end + 1
    return " ".join(rules)


HTML = Markup(
    escape=html.escape,
    bold='<strong class="best">{}</strong>',
    underlined='<span class="underlined">{}</span>',
    pair='{} <span class="paper">{}</span>',
    stack='{}<br><span class="paper">{}</span>',
    absent='<span class="absent">{}</span>',
)
HTML_PAPERS = 'small and grey: <span class="paper">{}</span>'


def to_html(page: Page) -> str:
    """Return a page that stands alone, light or dark as the reader's system is."""
    return template("table.html").render(
        title=page.title,
        legend=page.legend(HTML.bold.format("bold"), HTML.underlined.format("underlined"), HTML_PAPERS),
        headline=_html_table(page, page.headline),
        supplementary=_html_table(page, page.supplementary) if page.supplementary else "",
        supplementary_title=SUPPLEMENTARY_TITLE,
        differences=_html_table(page, page.differences) if page.differences else "",
        differences_title=DIFFERENCES_TITLE,
        differences_legend=DIFFERENCES_LEGEND,
        footer=page.footer,
    )


def _html_table(page: Page, block: TableBlock) -> str:
    styler = frame(page, block, HTML).style.hide(axis="index")
    text = styler.to_html(exclude_styles=True)
    return text.replace("<table", '<table class="reference"', 1) if block.reference else text


def template(name: str, folder: Path = TEMPLATES) -> jinja2.Template:
    """Return a template of a folder, which may extend one of the tables'; a `.tex` one has `<< >>` and `<% %>`."""
    loader = jinja2.FileSystemLoader([folder, TEMPLATES])
    latex = {
        "block_start_string": "<%",
        "block_end_string": "%>",
        "variable_start_string": "<<",
        "variable_end_string": ">>",
    }
    syntax: dict[str, Any] = (
        {**latex, "comment_start_string": "<#", "comment_end_string": "#>"} if name.endswith(".tex") else {}
    )
    environment = jinja2.Environment(
        loader=loader,
        autoescape=name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **syntax,
    )
    return environment.get_template(name)
