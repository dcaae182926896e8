"""Hold the paper's claims against the numbers that are there; nothing is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from enco.errors import UserError
from enco.io.files import atomic_path
from eval.claims.evidence import Evidence, measured
from eval.claims.ledger import build_ledger
from eval.claims.render import write_ledger
from eval.claims.spec import load_claims
from eval.published import Published, read_published
from eval.tables.cells import COLUMNS
from eval.tables.protocol import Provenance
from eval.tables.write import Numbers, read_numbers
from workflow import paths
from workflow.project import Project
from workflow.so_far import SoFar


def write_claims(project: Project, commit: str) -> list[Path]:
    """Write the ledger of a configuration and its copy under results/, and return the files.

    Raises UserError for a mistake in the file of claims.
    """
    plan, published = project.plan, read_published(project.plan.published)
    about = Provenance(**project.tables.provenance(), commit=commit)
    ledger = build_ledger(
        load_claims(plan.base / plan.config.claims),
        published,
        evidence_so_far(project, published, about),
        {spec.key: spec for spec in plan.tables_once.values()},
        about,
        plan.config.seeds,
    )
    files = {kind: plan.file(template) for kind, template in paths.CLAIMS.items()}
    write_ledger(ledger, files)
    current = {kind: Path(path) for kind, path in paths.CURRENT_CLAIMS.items()}
    for kind, path in current.items():
        with atomic_path(path) as partial:
            shutil.copyfile(files[kind], partial)
    return [*files.values(), *current.values()]


def evidence_so_far(project: Project, published: Published, about: Provenance) -> Evidence:
    """Return the numbers of all tables that are there; of a table whose numbers do not go together none, and why."""
    found: list[Numbers] = []
    reasons: dict[str, str] = {}
    for name, spec in project.plan.tables_once.items():
        try:
            found.append(read_numbers(spec, SoFar(project).planned(name), published, about))
        except UserError as error:
            reasons[spec.key] = f"the table's numbers do not go together: {error}"
    cells = pd.concat([one.cells for one in found], ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
    return measured(cells, reasons, {file: drawn for one in found for file, drawn in one.replicates.items()})
