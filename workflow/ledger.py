"""The paper's claims, held against the numbers of a project that are there."""

from __future__ import annotations

import pandas as pd

from enco.errors import UserError
from eval.claims.evidence import Evidence, measured
from eval.claims.ledger import Ledger, build_ledger
from eval.claims.spec import load_claims
from eval.published import Published, read_published
from eval.tables.cells import COLUMNS
from eval.tables.protocol import Provenance
from eval.tables.write import Numbers, read_numbers
from workflow.project import Project
from workflow.so_far import SoFar


def ledger_so_far(project: Project, commit: str) -> Ledger:
    """Return every claim with its verdicts; UserError for a mistake in the file of claims."""
    plan, published = project.plan, read_published(project.plan.published)
    about = Provenance(**project.tables.provenance(), commit=commit)
    return build_ledger(
        load_claims(plan.base / plan.config.claims),
        published,
        evidence_so_far(project, published, about),
        {spec.key: spec for spec in plan.tables_once.values()},
        about,
        plan.config.seeds,
    )


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
