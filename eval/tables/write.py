"""Write one table in every format, from the scores and timing files behind the planned cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from enco.io.files import atomic_path
from eval.published import Published, read_published
from eval.tables.cells import in_print, read_cells, save_cells, tidy
from eval.tables.layout import TableBlock, headline, supplementary
from eval.tables.planned import PlannedCell
from eval.tables.protocol import ProtocolLine, Provenance, protocol
from eval.tables.render import Page, to_csv, to_html, to_latex, to_markdown
from eval.tables.sources import read_sources
from eval.tables.spec import TableSpec

FORMATS: dict[str, Callable[[Page], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex, "html": to_html}


def write_table(
    spec: TableSpec, planned: Sequence[PlannedCell], published: Path, out: Mapping[str, Path], provenance: Provenance
) -> TableBlock:
    """Write a table to the files of `out`: any of csv, md, tex, html, and `cells` for the tidy lines.

    Returns the paper's rows and columns as printed.
    Raises UserError for a number that is missing or not finite, and for numbers that were not made alike.
    """
    printed = read_published(published)
    cells, made = tidy_and_protocol(spec, planned, printed, provenance)
    page = Page(spec, headline(spec, cells, printed), supplementary(spec, cells), made, provenance)
    for kind, path in out.items():
        if kind == "cells":
            save_cells(in_print(cells, provenance.distance), path)
        else:
            with atomic_path(path) as partial:
                partial.write_text(FORMATS[kind](page), encoding="utf-8")
    return page.headline


def tidy_and_protocol(
    spec: TableSpec, planned: Sequence[PlannedCell], published: Published, about: Provenance
) -> tuple[pd.DataFrame, list[ProtocolLine]]:
    """Return a table's tidy lines, the Fréchet distance as FID, and how they were made.

    Raises UserError for a number that is missing or not finite, and for numbers that were not made alike.
    """
    sources = read_sources(planned)
    cells = tidy(
        spec, planned, sources, published, scale=about.scale, comparable=about.comparable, distance=about.distance
    )
    return cells, protocol(spec, planned, sources, about)


def write_cells(tables: Sequence[Path], out: Path) -> None:
    """Join the tidy lines of several tables, as `write_table` wrote them, in one file, equal lines once."""
    save_cells(pd.concat([read_cells(path) for path in tables], ignore_index=True).drop_duplicates(), out)
