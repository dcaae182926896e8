"""The ledger of claims as CSV, Markdown and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from enco.io.files import atomic_path
from eval.claims.ledger import Ledger, Line
from eval.claims.verdicts import Judgement, Verdict, in_words
from eval.extractors import FID
from eval.tables.render import MARKDOWN, template

TITLE = "The paper's claims"
TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = [
    *["key", "sentence", "source", "note", "paper_verdict", "paper_margin", "paper_said"],
    *["verdict", "margin", "probability_low", "probability_high", "spread_of", "said"],
    *["comparisons", "measured", "reason", "scale", "comparable"],
]


def write_ledger(ledger: Ledger, out: Mapping[str, Path]) -> None:
    """Write the ledger to the files of `out`: any of csv, md and html."""
    for kind, path in out.items():
        with atomic_path(path) as partial:
            partial.write_text(FORMATS[kind](ledger), encoding="utf-8")


def to_csv(ledger: Ledger) -> str:
    """Return a line for each claim, numbers in full precision, and the footer as lines that begin with '#'."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_values(ledger, line) for line in ledger.lines)
    return out.getvalue() + "".join(f"# {key}: {text}\n" for key, text in ledger.footer)


def _values(ledger: Ledger, line: Line) -> dict[str, object]:
    ours, about = line.ours, ledger.provenance
    known = ours.known > 0
    return {
        **{name: getattr(line.claim, name) for name in ("key", "sentence", "source", "note")},
        **{"paper_verdict": line.paper.verdict, "paper_margin": _margin(line.paper)},
        "paper_said": ledger.said(line.paper, FID),
        **{"verdict": ours.verdict, "margin": _margin(ours), "spread_of": ours.spread_of},
        "probability_low": ours.low if known else "",
        "probability_high": ours.high if known else "",
        "said": ledger.said(ours, about.distance),
        **{"comparisons": ours.count, "measured": ours.known, "reason": "; ".join(ours.reasons)},
        **{"scale": about.scale, "comparable": "yes" if about.comparable else "no"},
    }


def _margin(judgement: Judgement) -> float | str:
    return judgement.tightest[1].margin if judgement.tightest else ""


def to_markdown(ledger: Ledger) -> str:
    """Return a Markdown table of the claims, and the footer as a list."""
    heads = ["claim", "source", "the paper's numbers", ours(ledger)]
    lines = [
        [
            MARKDOWN.escape(_claim(line)),
            MARKDOWN.escape(line.claim.source),
            *(f"**{verdict}**, {MARKDOWN.escape(said)}" for verdict, said in _both(ledger, line)),
        ]
        for line in ledger.lines
    ]
    table = tabulate(lines, heads, tablefmt="pipe", disable_numparse=True)
    footer = "\n".join(f"- **{key}**: {MARKDOWN.escape(text)}" for key, text in ledger.footer)
    return f"## {TITLE}\n\n{table}\n\n### How to read this\n\n{footer}\n"


def to_html(ledger: Ledger) -> str:
    """Return a page that stands alone, light or dark as the reader's system is."""
    page = template("claims.html", TEMPLATES)
    return page.render(title=TITLE, ours=ours(ledger), rows=html_rows(ledger), footer=ledger.footer)


def html_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """Return what a row of HTML shows of each claim, each verdict with its reason and the name of its style."""
    return [
        {
            **{"sentence": line.claim.sentence, "note": line.claim.note, "source": line.claim.source},
            "verdicts": [(verdict, said, _class(verdict)) for verdict, said in _both(ledger, line)],
        }
        for line in ledger.lines
    ]


def ours(ledger: Ledger) -> str:
    """Return the header of the measured numbers' column."""
    return f"these numbers ({ledger.other_scale.strip()}, not the paper's)" if ledger.other_scale else "these numbers"


def _claim(line: Line) -> str:
    return f"{line.claim.sentence} ({line.claim.note})" if line.claim.note else line.claim.sentence


def _both(ledger: Ledger, line: Line) -> list[tuple[str, str]]:
    """Return the verdict of each column with what is said of it; at another scale the verdict names the scale."""
    ours = in_words(line.ours.verdict, line.ours.spread_of)
    scaled = ours if line.ours.verdict is Verdict.NOT_MEASURED else f"{ours}{ledger.other_scale}"
    return [
        (line.paper.verdict, ledger.said(line.paper, FID)),
        (scaled, ledger.said(line.ours, ledger.provenance.distance)),
    ]


def _class(verdict: str) -> str:
    """Return the style of a verdict."""
    return {"holds": "best", "fails": "fails"}.get(verdict.split()[0], "absent")


FORMATS: dict[str, Callable[[Ledger], str]] = {"csv": to_csv, "md": to_markdown, "html": to_html}
