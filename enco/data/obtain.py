"""Where a data set's archives are: in the user's folder, on a mirror, or fetched from where they were published."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from enco.data.catalogue import ArchiveFile, Dataset
from enco.errors import UserError

ARCHIVES = Path("data", "archives")


def obtain(name: str, dataset: Dataset, folder: Path = ARCHIVES, mirror: str | None = None) -> list[Path]:
    """The archives of a data set, each checked; those that are not there are fetched into `folder`.

    A mirror is an address that is asked instead of the archives' own, or another folder. Raises UserError for archives
    that only the user can get, a failed download, and a file that is not the published one.
    """
    missing = [archive.name for archive in dataset.archives if is_for_the_user(archive, folder, mirror)]
    if missing:
        them = "them" if len(missing) > 1 else "it"
        raise UserError(
            f"{name} needs {' and '.join(missing)}, which cannot be fetched without you: get {them} from"
            f" {dataset.site} and put {them} into {folder}."
        )
    return [_obtain(archive, folder, mirror) for archive in dataset.archives]


def located(archive: ArchiveFile, folder: Path, mirror: str | None = None) -> Path | None:
    """Where an archive lies on this machine, if it does."""
    places = [folder] if mirror is None or _is_address(mirror) else [folder, Path(mirror)]
    return next((place / archive.name for place in places if (place / archive.name).is_file()), None)


def is_for_the_user(archive: ArchiveFile, folder: Path, mirror: str | None) -> bool:
    """Whether an archive is missing and cannot be fetched."""
    return located(archive, folder, mirror) is None and _address(archive, mirror) is None


def _obtain(archive: ArchiveFile, folder: Path, mirror: str | None) -> Path:
    from enco.fetch import Published, fetch  # brings requests, which planning a workflow has no use for

    published = Published(archive.sha256, archive.bytes)
    path, url = located(archive, folder, mirror), _address(archive, mirror)
    if path is None:
        if url is None:
            raise UserError(f"{archive.name} is gone from {folder}: put it there again.")
        return fetch(url, folder / archive.name, published)
    wrong = published.mismatch(path)
    if wrong:
        again = f"get it again from {url}" if url else "get it again"
        raise UserError(f"{path} is not the published archive, {wrong}: delete it and {again}.")
    return path


def _address(archive: ArchiveFile, mirror: str | None) -> str | None:
    if mirror is None:
        return archive.url
    return f"{mirror.rstrip('/')}/{quote(archive.name)}" if _is_address(mirror) else archive.url


def _is_address(mirror: str) -> bool:
    return "://" in mirror
