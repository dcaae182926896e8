"""Append to metrics.jsonl, the truth about a run's losses, while training; cut the file back on resume."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from enco.errors import disk_full, is_full
from enco.io.files import atomic_path


def append_line(path: Path, content: dict[str, Any]) -> None:
    """Append one line and flush the file onto the disk; UserError where that is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if is_full(error):
            raise disk_full(path) from error
        raise


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a metrics.jsonl, oldest first, without a last line that is half written."""
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def cut_back(path: Path, iteration: int) -> None:
    """Drop the lines of a metrics.jsonl that are later than an iteration, or half written."""
    if not path.exists():
        return
    kept = [line for line in read_metrics(path) if line["iteration"] <= iteration]
    with atomic_path(path) as partial:
        partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
