"""What Snakemake scripts share."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enco.errors import UserError


@contextmanager
def log_errors_to(log: Path) -> Iterator[None]:
    """Within this block a user's mistake ends the script with one line in the log, an error with its traceback."""
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except UserError as error:
        log.write_text(f"error: {error}\n", encoding="utf-8")
        sys.exit(2)
    except Exception:
        log.write_text(traceback.format_exc(), encoding="utf-8")
        raise
    log.write_text("done\n", encoding="utf-8")
