"""Beside the published tables: differences to the best, further metrics, and the ledger of claims, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from eval.claims.verdicts import in_words
from eval.publication.files import read_lines
from eval.tables.columns import HEADLINE_SET, METRICS
from eval.tables.differences import difference_text, read_difference
from eval.tables.layout import format_summary
from eval.tables.render import ABSENT, MARKDOWN
from eval.tables.summaries import summarise

FURTHER = ("KID", "density", "coverage", "content_cosine", "ssim_source", "psnr_truth", "ssim_truth")
ARROWS = {"lower": "↓", "higher": "↑"}
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


def further_table(cells: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return what features and pixels tell beyond the paper's metrics of one table's cells; empty where it is nothing.

    Each number is a mean over seeds, with its deviation over other images.
    """
    wanted = cells["metric"].isin(FURTHER) & cells["real_set"].isin(["", HEADLINE_SET]) & cells["value"].notna()
    known = cells[wanted]
    found = {(row, task, metric): one for (_, row, task, metric, _), one in summarise(known).items()}
    measured = {(task, metric) for _, task, metric in found}
    columns = [(task, metric) for task in known["task"].unique() for metric in FURTHER if (task, metric) in measured]
    rows = [
        [MARKDOWN.escape(label), *(format_summary(found.get((row, *at)), at[1]) or ABSENT for at in columns)]
        for row, label in known[["row", "label"]].drop_duplicates().itertuples(index=False, name=None)
    ]
    heads = [
        "",
        *(f"{titles[task]} {METRICS[metric].header} {ARROWS[METRICS[metric].better]}" for task, metric in columns),
    ]
    return tabulate(rows, heads, tablefmt="pipe", disable_numparse=True) if rows else ""


def claims_table(path: Path) -> str:
    """Return a line for each claim of a ledger's CSV file: its verdicts, and what they rest on."""
    rows = [
        (
            f"{line['sentence']} ({line['note']})" if line["note"] else line["sentence"],
            line["source"],
            _verdict(line["paper_verdict"], line["paper_said"]),
            _verdict(in_words(line["verdict"], line["spread_of"]), line["said"]),
        )
        for line in read_lines(path)
    ]
    lines = [CLAIM_HEADS, ["---"] * len(CLAIM_HEADS), *rows]  # not aligned: sentences would be padded to the longest
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _verdict(verdict: str, said: str) -> str:
    return f"**{verdict}**, {MARKDOWN.escape(said)}" if said else f"**{verdict}**"
