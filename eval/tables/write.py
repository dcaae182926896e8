"""Write one table in every format, from the scores and timing files behind the planned cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from enco.io.files import atomic_path
from eval.published import Published, read_published
from eval.tables.cells import in_print, read_cells, save_cells, tidy
from eval.tables.differences import compare, save_differences
from eval.tables.layout import Compared, TableBlock, headline, supplementary
from eval.tables.planned import PlannedCell
from eval.tables.protocol import ProtocolLine, Provenance, protocol
from eval.tables.render import Page, to_csv, to_html, to_latex, to_markdown
from eval.tables.sources import read_replicates, read_sources
from eval.tables.spec import TableSpec
from eval.tables.summaries import ByFile

P = TypeVar("P")
FORMATS: dict[str, Callable[[Page], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex, "html": to_html}


@dataclass(frozen=True)
class Numbers:
    """A table's tidy lines, in which the Fréchet distance is FID, how they were made, and how their rows compare."""

    cells: pd.DataFrame
    protocol: list[ProtocolLine]
    replicates: ByFile
    compared: Compared


def write_table(
    spec: TableSpec, planned: Sequence[PlannedCell], published: Path, out: Mapping[str, Path], provenance: Provenance
) -> TableBlock:
    """Write a table to the files of `out`: csv always, md, tex, html, `cells` for the tidy lines, and `differences`.

    Returns the paper's rows and columns as printed.
    Raises UserError for a number that is missing or not finite, and for numbers that were not made alike.
    """
    printed = published_for(spec, read_published(published))
    found = read_numbers(spec, planned, printed, provenance)
    page = make_page(spec, found, printed, provenance, out["csv"].stem)
    saved = {
        "cells": lambda path: save_cells(in_print(found.cells, provenance.distance), path),
        "differences": lambda path: save_differences(spec, found.compared, provenance.distance, path),
    }
    write_files(out, FORMATS, page, saved)
    return page.headline


def make_page(spec: TableSpec, found: Numbers, published: Published, provenance: Provenance, name: str) -> Page:
    """Lay out what a table's files of this name show."""
    first = headline(spec, found.cells, published, found.compared)
    second = supplementary(spec, found.cells, found.compared)
    return Page(spec, first, second, found.protocol, provenance, found.compared, name)


def write_files(
    out: Mapping[str, Path],
    formats: Mapping[str, Callable[[P], str]],
    page: P,
    saved: Mapping[str, Callable[[Path], None]],
) -> None:
    """Write a page in the formats of `out`, and its other kinds by the functions of `saved`."""
    for kind, path in out.items():
        if kind in saved:
            saved[kind](path)
        else:
            with atomic_path(path) as partial:
                partial.write_text(formats[kind](page), encoding="utf-8")


def published_for(spec: TableSpec, published: Published) -> Published:
    """Return the paper's numbers with those of the table that a table of one's own names also under its own key."""
    borrowed = {
        (spec.key, row, task, metric): number
        for (table, row, task, metric), number in published.items()
        if table == str(spec.published)
    }
    return {**published, **borrowed}


def read_numbers(spec: TableSpec, planned: Sequence[PlannedCell], published: Published, about: Provenance) -> Numbers:
    """Read what stands behind a table.

    Raises UserError for a number that is missing or not finite, and for numbers that were not made alike.
    """
    sources = read_sources(planned)
    cells = tidy(
        spec, planned, sources, published, scale=about.scale, comparable=about.comparable, distance=about.distance
    )
    replicates = read_replicates(planned)
    return Numbers(cells, protocol(spec, planned, sources, about), replicates, compare(spec, cells, replicates))


def write_cells(tables: Sequence[Path], out: Path) -> None:
    """Join the tidy lines of several tables, as `write_table` wrote them, in one file, equal lines once."""
    save_cells(pd.concat([read_cells(path) for path in tables], ignore_index=True).drop_duplicates(), out)
