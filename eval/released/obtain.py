"""Find or fetch a published generator, take it out of its archive, and import it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from enco.data.folders import printable
from enco.datasets.archives import NO_FILE, MemberInfo, archive_files, is_hidden, read_members, refused
from enco.datasets.obtain import obtain_file
from enco.errors import UserError
from enco.io.fetch import NotPublished
from eval.released.catalogue import Released
from eval.released.record import ANOTHER_FILE, NOT_FETCHED, NOT_IMPORTED, NOT_THERE, FoundFile, Gap, GeneratorRecord

LARGEST = 2**31
"""Bytes of a generator's file in an archive, as each is read into memory whole."""


def obtain_generator(released: Released, files: Path, out: Path, attempt: int = 0) -> GeneratorRecord:
    """Import one published generator to `out`; files are looked for and fetched in `files`.

    What a user can mend is no error but the record's gap, so that others go on. What stands at `out` stays until a file
    is found for it, as its own may have been deleted; where that file cannot be imported, nothing is left there.
    """
    path = _find_or_fetch(released, files)
    if isinstance(path, Gap):
        return GeneratorRecord(attempt=attempt, gap=path, file=None, members=())
    found = FoundFile.of(path)
    try:
        members = find_members(path, released.generator.members)
        _import(released, path, members, out)
    except UserError as error:
        out.unlink(missing_ok=True)
        gap = Gap(reason=NOT_IMPORTED, sentence=f"{released.key}: {error}")
        return GeneratorRecord(attempt=attempt, gap=gap, file=found, members=())
    return GeneratorRecord(attempt=attempt, gap=None, file=found, members=tuple(members))


def _find_or_fetch(released: Released, files: Path) -> Path | Gap:
    """Return the published file, or why it is not to be had."""
    if not released.is_to_be_had(files):
        return Gap(reason=NOT_THERE, sentence=released.request(files))
    folder = released.folder(files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return obtain_file(released.archive, folder)
    except UserError as error:
        return Gap(reason=ANOTHER_FILE if isinstance(error, NotPublished) else NOT_FETCHED, sentence=str(error))


def find_members(archive: Path, patterns: Sequence[str]) -> list[str]:
    """Return the one file of an archive that fits each pattern, matched from the end of a path.

    Raises UserError for a file that is no whole archive, where none or several fit, and where what fits is a link or
    too large. What else the archive holds does not matter.
    """
    files = [one for one in archive_files(archive) if not is_hidden(PurePosixPath(one[0]))] if patterns else []
    return [_find_member(archive, pattern, files) for pattern in patterns]


def _find_member(archive: Path, pattern: str, files: Sequence[MemberInfo]) -> str:
    fitting = [one for one in files if PurePosixPath(one[0]).match(pattern)]
    if len(fitting) != 1:
        held = ", ".join(printable(name) for name, _, _ in fitting or files[:8]) or "nothing"
        what = "holds no file" if not fitting else "holds several files"
        raise UserError(f"{archive} {what} like {pattern} ({held}): get another, or correct its 'members'.")
    name, is_plain, size = fitting[0]
    if not is_plain:
        raise refused(archive, name, NO_FILE)
    if size > LARGEST:
        raise refused(archive, name, f"of {size} bytes, which is more than a generator has")
    return name


def _import(released: Released, path: Path, members: Sequence[str], out: Path) -> None:
    """Import the file, or its members; a mistake in a member is said of the archive."""
    from enco.interchange.importing import import_generator

    options, method = released.generator.options, released.variant.method
    with _unpacked(path, members) as files:
        try:
            import_generator(list(files), out, method=method, options=options)
        except UserError as error:
            raise UserError(_in_place(str(error), files)) from error


def _in_place(text: str, files: Mapping[Path, str]) -> str:
    """Name files in a text by what they were unpacked from."""
    for file, name in files.items():
        text = text.replace(str(file), name)
    return text


@contextmanager
def _unpacked(path: Path, members: Sequence[str]) -> Iterator[dict[Path, str]]:
    """Give the files to import, as long as the block runs: those members of an archive, each with a name for people.

    Without members it is the file itself.
    """
    if not members:
        yield {path: str(path)}
        return
    with TemporaryDirectory() as folder:
        places = {member: Path(folder, str(at), PurePosixPath(member).name) for at, member in enumerate(members)}
        for member, content in read_members(path, members):
            places[member].parent.mkdir()
            places[member].write_bytes(content)
        yield {place: f"{path} ({member})" for member, place in places.items()}
