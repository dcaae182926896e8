"""Where image sets lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from enco.data.reading import DEFAULT_READING, Reading
from enco.datasets.catalogue import TaskConfig
from enco.datasets.obtain import ARCHIVES

Source = Literal["demo", "folder", "archives"]
"""Where a scale's datasets come from: drawn, folders of the user's, or published archives."""


@dataclass(frozen=True)
class DataPaths:
    """Where image sets lie: folders of the user's, archives, and folders prepared of either."""

    prepared: Path
    source: Source = "archives"
    root: Path = Path("data")
    archives: Path = ARCHIVES
    mirror: str | None = None
    base: Path = Path()
    """Folder that relative folders of tasks count from."""
    reading: Reading = DEFAULT_READING
    """How folders of the user's are read."""

    def own_folder(self, task: TaskConfig) -> Path | None:
        """Return the user's own folder of a task's image sets; None for drawn or fetched ones.

        A folder of the dataset's name under the root is taken before any archive.
        """
        if task.folder:
            return self.base / task.folder
        folder = self.root / task.dataset
        return folder if self.source == "folder" or (self.source == "archives" and folder.is_dir()) else None
