"""The files behind a table's numbers, each read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from enco.records import FileRecord
from eval.records import Scores, SetScores, Timing, read_reference, read_scores, read_timing, replicates_file
from eval.tables.planned import PlannedCell
from eval.uncertainty.records import Replicates, Uncertainty, load_arrays, read_uncertainty


@dataclass(frozen=True)
class Sources:
    """The scores files, of runs and of untranslated inputs, their uncertainties, and the timing files behind cells."""

    scores: Mapping[Path, Scores]
    timing: Mapping[Path, Timing]
    references: Mapping[Path, SetScores]
    uncertainties: Mapping[Path, Uncertainty]

    @property
    def scored(self) -> dict[Path, SetScores]:
        """All scores files."""
        return {**self.scores, **self.references}

    @property
    def records(self) -> dict[Path, FileRecord]:
        """All files."""
        return {**self.scored, **self.timing, **self.uncertainties}


def read_sources(planned: Iterable[PlannedCell]) -> Sources:
    """Read every file behind the cells; UserError for a file of another version."""
    cells = list(planned)
    scores = dict.fromkeys(cell.scores for cell in cells if cell.scores)
    timing = dict.fromkeys(cell.timing for cell in cells if cell.timing)
    references = dict.fromkeys(cell.reference for cell in cells if cell.reference)
    uncertainties = dict.fromkeys(cell.uncertainty for cell in cells if cell.uncertainty)
    return Sources(
        {path: read_scores(path) for path in scores},
        {path: read_timing(path) for path in timing},
        {path: read_reference(path) for path in references},
        {path: read_uncertainty(path) for path in uncertainties},
    )


def read_replicates(planned: Iterable[PlannedCell]) -> dict[str, Replicates]:
    """Read the replicates behind the cells, by each of the files that a line of tidy cells may name.

    Raises UserError for a file that is missing or something else.
    """
    cells = [(cell.scored, cell.uncertainty) for cell in planned if cell.scored and cell.uncertainty]
    read = {path: load_arrays(replicates_file(path)) for path in dict.fromkeys(path for _, path in cells)}
    return {str(file): read[path] for scored, path in cells for file in (scored, path)}
