"""How sure the published numbers are: differences to the best, and the ledger of claims, as Markdown tables."""

from __future__ import annotations

from pathlib import Path

from tabulate import tabulate

from eval.publication.files import read_lines
from eval.tables.columns import METRICS
from eval.tables.differences import difference_text, read_difference
from eval.tables.render import MARKDOWN

CLAIM_HEADS = ("claim", "source", "the paper's numbers", "these numbers")


def differences_table(table: Path, differences: Path) -> str:
    """Return a line for each row of each column of which it is known how sure it is; empty where there is none."""
    labels = {line["row"]: line["label"] for line in read_lines(table)}
    printed = read_lines(table)[0].keys()
    lines = [
        (line["column"], line["metric"], labels[line["row"]], text)
        for line in read_lines(differences)
        if line["column"] in printed and (text := _text(line))
    ]
    names = {(column, metric) for column, metric, *_ in lines}
    joint = {column for column, _ in names if sum(column == other for other, _ in names) > 1}
    rows = [
        tuple(map(MARKDOWN.escape, (f"{column}: {metric}" if column in joint else column, label, text)))
        for column, metric, label, text in lines
    ]
    return tabulate(rows, ("", "", "difference to the best"), tablefmt="pipe", disable_numparse=True) if rows else ""


def _text(line: dict[str, str]) -> str:
    return difference_text(read_difference(line), line["metric"] if line["metric"] in METRICS else "FID")


def claims_table(path: Path) -> str:
    """Return a line for each claim of a ledger's CSV file: its verdicts, and what they rest on."""
    rows = [
        (
            f"{line['sentence']} ({line['note']})" if line["note"] else line["sentence"],
            line["source"],
            _verdict(line["paper_verdict"], line["paper_said"]),
            _verdict(line["verdict"], line["said"]),
        )
        for line in read_lines(path)
    ]
    return tabulate(rows, CLAIM_HEADS, tablefmt="pipe", disable_numparse=True)


def _verdict(verdict: str, said: str) -> str:
    return f"**{verdict}**, {MARKDOWN.escape(said)}" if said else f"**{verdict}**"
