"""The record of a published generator: found and imported, or why it could not be. Free of torch, for planning."""

from __future__ import annotations

from pathlib import Path

from enco.io.files import sha256
from enco.records import FileRecord, Record
from eval.records import read_file
from eval.released.catalogue import PublishedFile

NOT_THERE = "its file is not there"
NOT_FETCHED = "its file could not be fetched"
ANOTHER_FILE = "the file is not the published one"
NOT_IMPORTED = "its file could not be imported"


class Gap(Record):
    """Why there is no generator, in a few words for a table, and in a sentence with the cure."""

    reason: str
    sentence: str


class FoundFile(Record):
    """A published file on this machine."""

    path: str
    bytes: int
    sha256: str
    mtime_ns: int
    """Nanoseconds of the last change: with the size, whether it is still the file that was read."""

    @classmethod
    def of(cls, path: Path) -> FoundFile:
        """Read a file whole and describe it."""
        state = path.stat()
        return cls(path=str(path), bytes=state.st_size, sha256=sha256(path), mtime_ns=state.st_mtime_ns)

    @property
    def has_changed(self) -> bool:
        """Return whether there is another file in its place; one that was deleted has not changed."""
        path = Path(self.path)
        if not path.is_file():
            return False
        state = path.stat()
        return (state.st_size, state.st_mtime_ns) != (self.bytes, self.mtime_ns)

    def fits(self, published: PublishedFile) -> bool:
        """Return whether the file has the hash and the size that are noted of the published one, if any are."""
        return self.sha256.startswith(published.sha256) and published.bytes in (None, self.bytes)


class GeneratorRecord(FileRecord):
    """What became of one published generator: `gap` is None where it was imported."""

    attempt: int
    """How often it had been tried before."""
    gap: Gap | None
    file: FoundFile | None
    members: tuple[str, ...]
    """Its files in an archive."""

    def stands(self, generator: Path, published: PublishedFile) -> bool:
        """Return whether the imported generator is there, made of the published file, in place or deleted since."""
        if self.gap is not None or self.file is None or not self.file.fits(published):
            return False
        return not self.file.has_changed and generator.is_file()


def read_generator_record(path: Path) -> GeneratorRecord:
    """Read a record; UserError for a file that is missing or that another version wrote."""
    return read_file(GeneratorRecord, path, "record of a published generator", "move it away and run again")
