"""Archives of data sets: found in the user's folder or on a mirror, or fetched from the publisher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from enco.datasets.catalogue import ArchiveFile, Dataset
from enco.errors import UserError
from enco.io.files import read_json, sha256, write_json

ARCHIVES = Path("data", "archives")


@dataclass(frozen=True)
class LocalArchive:
    """An archive on this machine, with size and SHA-256."""

    path: Path
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> LocalArchive:
        """Read a file whole and describe it."""
        return cls(path, path.stat().st_size, sha256(path))


def obtain(name: str, dataset: Dataset, folder: Path = ARCHIVES, mirror: str | None = None) -> list[LocalArchive]:
    """Return the archives of a data set, each checked; missing ones are fetched into `folder`.

    A mirror is an address that is asked instead of the archives' own, or another folder. Raises UserError for archives
    that only the user can get, a failed download, and a file that is not the published one.
    """
    check_mirror(mirror)
    missing = [archive.name for archive in dataset.archives if only_user_can_get(archive, folder, mirror)]
    if missing:
        them = "them" if len(missing) > 1 else "it"
        raise UserError(
            f"{name} needs {' and '.join(missing)}, which cannot be fetched without you: get {them} from"
            f" {dataset.site} and put {them} into {folder}."
        )
    return [LocalArchive.of(obtain_file(archive, folder, mirror)) for archive in dataset.archives]


def write_archives(path: Path, archives: Iterable[LocalArchive]) -> None:
    """Write which archives were found or fetched, for `read_archives`."""
    write_json(path, [{"file": str(file.path), "bytes": file.bytes, "sha256": file.sha256} for file in archives])


def read_archives(path: Path) -> list[LocalArchive]:
    """Read which archives were found before; UserError for one that has gone or changed since, or for another file."""
    try:
        archives = [LocalArchive(Path(file["file"]), file["bytes"], file["sha256"]) for file in read_json(path)]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} is no record of archives: name one that `fetch --record` wrote.") from error
    for archive in archives:
        if not archive.path.is_file() or archive.path.stat().st_size != archive.bytes:
            raise UserError(f"{archive.path} has gone or changed since it was checked: delete {path} and run again.")
    return archives


def check_mirror(mirror: str | None) -> None:
    """Raise UserError unless a mirror is an address or a folder."""
    if mirror is not None and not _is_address(mirror) and not Path(mirror).is_dir():
        raise UserError(f"The mirror {mirror} is neither an address nor a folder: correct it, or leave it out.")


def local_path(archive: ArchiveFile, folder: Path, mirror: str | None = None) -> Path | None:
    """Return the path of an archive on this machine; None if there is none."""
    folders = [folder] if mirror is None or _is_address(mirror) else [folder, Path(mirror)]
    return next((place / archive.name for place in folders if (place / archive.name).is_file()), None)


def only_user_can_get(archive: ArchiveFile, folder: Path, mirror: str | None) -> bool:
    """Return whether an archive is missing and cannot be fetched."""
    return local_path(archive, folder, mirror) is None and _address(archive, mirror) is None


def obtain_file(archive: ArchiveFile, folder: Path, mirror: str | None = None) -> Path:
    """Return one published file, checked, found or fetched as `obtain` does it.

    Raises UserError as there, which is a NotPublished for a file that is not the published one.
    """
    from enco.io.fetch import NotPublished, Published, fetch  # brings requests, which planning does not use

    published = Published(archive.sha256, archive.bytes)
    path, url = local_path(archive, folder, mirror), _address(archive, mirror)
    if path is None:
        if url is None:
            raise UserError(f"{archive.name} is gone from {folder}: put it there again.")
        return fetch(url, folder / archive.name, published)
    wrong = published.mismatch(path)
    if wrong:
        again = f"get it again from {url}" if url else "get it again"
        raise NotPublished(f"{path} is not the published file, {wrong}: move it away and {again}.")
    return path


def _address(archive: ArchiveFile, mirror: str | None) -> str | None:
    if mirror is None:
        return archive.url
    return f"{mirror.rstrip('/')}/{quote(archive.name)}" if _is_address(mirror) else archive.url


def _is_address(mirror: str) -> bool:
    return "://" in mirror
