"""Hold the paper's claims against the numbers that are there; nothing is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from enco.io.files import atomic_path
from eval.claims.render import write_ledger
from workflow import paths
from workflow.ledger import ledger_so_far
from workflow.project import Project


def write_claims(project: Project, commit: str) -> list[Path]:
    """Write the ledger of a configuration and its copy under results/, and return the files.

    Raises UserError for a mistake in the file of claims.
    """
    ledger = ledger_so_far(project, commit)
    files = {kind: project.plan.file(template) for kind, template in paths.CLAIMS.items()}
    write_ledger(ledger, files)
    current = {kind: Path(path) for kind, path in paths.CURRENT_CLAIMS.items()}
    for kind, path in current.items():
        with atomic_path(path) as partial:
            shutil.copyfile(files[kind], partial)
    return [*files.values(), *current.values()]
