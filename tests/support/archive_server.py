"""A data set on a real server, for tests of fetching and preparing it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from enco.data.folders import SETS
from enco.datasets.__main__ import main
from enco.errors import run_cli
from tests.support.file_server import FileServer
from tests.support.make_archives import catalogue

COUNTS = {"trainA": 3, "trainB": 4, "testA": 2, "testB": 1}
NAME = "horses"


class Shop:
    """A folder with a catalogue of one data set, whose archive a server has."""

    def __init__(self, folder: Path, server: FileServer) -> None:
        self.folder, self.server = folder, server
        self.archives, self.out = folder / "archives", folder / "prepared" / NAME

    def offer(self, content: bytes, name: str = "horses.zip", known: bool = True, **changes: Any) -> None:
        """Serve an archive and say in the catalogue what it should be."""
        self.server.files = {name: content}
        digest = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} if known else {}
        archive = {"name": name, "url": self.server.url(name), **digest}
        self.describe({"archives": [archive], "counts": COUNTS, **changes})

    def describe(self, dataset: Mapping[str, Any]) -> None:
        (self.folder / "datasets.yaml").write_text(catalogue(dataset), encoding="utf-8")

    def words(self, *arguments: str) -> list[str]:
        """Return the command line of `python -m enco.datasets`."""
        places = ["--catalogue", str(self.folder / "datasets.yaml"), "--archives", str(self.archives)]
        return ["prepare", NAME, *places, "--out", str(self.out), *arguments]

    def prepare(self, *arguments: str) -> tuple[int, str]:
        """Exit status and standard error."""
        said = io.StringIO()
        with redirect_stderr(said), pytest.raises(SystemExit) as end:
            run_cli(lambda: main(self.words(*arguments)))
        return int(end.value.code or 0), said.getvalue()

    def prepared(self, *arguments: str) -> Path:
        """Prepare and return the data folder; fail unless there is one."""
        status, said = self.prepare(*arguments)
        assert status == 0, said
        return self.out

    def refused(self, *arguments: str) -> str:
        """Return the one sentence that preparing ends with; nothing half-made is left."""
        status, said = self.prepare(*arguments)
        last = said.strip().splitlines()[-1]
        assert status == 2 and last.startswith("error: ")
        assert not self.out.exists() and not list(self.folder.rglob("*.partial"))
        return last


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with FileServer({}) as server:
        yield Shop(tmp_path, server)


def files_of(folder: Path) -> dict[str, list[str]]:
    return {name: sorted(path.name for path in (folder / name).iterdir()) for name in SETS}
