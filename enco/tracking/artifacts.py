"""Put files beside an MLflow run: as second names (hard links) or copies beside a database, as uploads to a server."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from PIL import Image

from enco.io.files import atomic_path, sha256
from enco.training.identity import digest_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

ARTIFACTS = "mlartifacts"
"""The folder beside a database in which the files of its runs lie."""
IN_PLACE = {".jsonl", ".log"}
"""Endings of files that are written in place, perhaps by a later training: these are copied."""
UPLOADED = "uploaded"
"""The tag with the digest of the files that a server was given."""


@dataclass(frozen=True)
class Artifacts:
    """The files of one run or logged model, each put there once."""

    client: MlflowClient
    owner: str
    """The run's id, or the model's."""
    folder: Path | None
    """Where `mlflow ui --artifacts-destination` looks for the files beside a database; None for a server."""
    uploaded: str | None = None
    """The digest of the files that a server has."""

    @classmethod
    def of_run(cls, client: MlflowClient, run: Run, home: Path | None) -> Artifacts:
        """Return those of a run; `home` is the database's folder, None for a server."""
        return cls(client, run.info.run_id, _beside(run.info.artifact_uri, home), run.data.tags.get(UPLOADED))

    @classmethod
    def of_model(cls, client: MlflowClient, model: LoggedModel, home: Path | None) -> Artifacts:
        """Return those of a logged model."""
        return cls(client, model.model_id, _beside(model.artifact_location, home))

    def names(self, folder: str) -> list[str]:
        """List the names of the run's files in one folder of its artifacts."""
        if self.folder:
            return [f"{folder}/{path.name}" for path in self.folder.joinpath(folder).glob("*")]
        return [file.path for file in self.client.list_artifacts(self.owner, folder)]

    def put(self, files: dict[str, Path]) -> None:
        """Put files there that are not, or are there with another content, each by its name below the artifacts."""
        for name, path in files.items():
            if self.folder:
                place(path, self.folder / name)
        if not self.folder and files:
            self._upload(files)

    def _upload(self, files: dict[str, Path]) -> None:
        digest = digest_of({name: sha256(path) for name, path in files.items()})
        if digest != self.uploaded:
            for name, path in files.items():
                self._upload_as(name, path)
            self.client.set_tag(self.owner, UPLOADED, digest)

    def _upload_as(self, name: str, path: Path) -> None:
        """Upload a file under a name, which MLflow takes from the file."""
        with TemporaryDirectory() as folder:
            named = Path(folder) / Path(name).name
            named.symlink_to(path.resolve())
            self.client.log_artifact(self.owner, str(named), _folder(name))

    def put_picture(self, picture: Image.Image, name: str) -> None:
        """Save a picture under a name whose ending is the format."""
        if self.folder is None:
            self.client.log_image(self.owner, picture, artifact_file=name)
            return
        with atomic_path(self.folder / name) as partial:
            picture.save(partial, format=Path(name).suffix[1:])


def place(path: Path, there: Path) -> None:
    """Give a file a second name, or a copy on another disk; one that is there with the same content stays.

    Results are replaced and never written over, so a second name keeps its content. What is written over is copied.
    """
    about = path.stat()
    linked, copied = path.suffix not in IN_PLACE, there.exists() and _same(there.stat(), about)
    if there.exists() and (linked if there.samefile(path) else copied):
        return
    there.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(there) as partial:
        try:
            (os.link if linked else shutil.copy2)(path, partial)
        except OSError:  # another disk, or one without hard links
            shutil.copy2(path, partial)


def _folder(name: str) -> str | None:
    """Return the folder of an artifact by its name, None for the uppermost."""
    return name.rpartition("/")[0] or None


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _beside(uri: str, home: Path | None) -> Path | None:
    return home / ARTIFACTS / urlparse(uri).path.lstrip("/") if home else None
