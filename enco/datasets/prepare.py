"""Published archives made into a data folder: checked by count, every image decoded once, with a manifest."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from enco.data.folders import decode_image, present_sets, printable, to_rgb
from enco.data.manifest import Entry, entry, read_hashes, save_manifest
from enco.datasets import cityscapes
from enco.datasets.archives import Member, image_folders, member_names, read_members
from enco.datasets.catalogue import Counts, Dataset, count_mismatch
from enco.datasets.check import check_stems
from enco.datasets.cityscapes import PhotoFilter
from enco.datasets.hashes import check_hashes, load_hashes
from enco.datasets.new_folder import known_source, new_folder
from enco.datasets.obtain import LocalArchive
from enco.datasets.output_file import EncodedImage, OutputFile
from enco.errors import UserError, writing
from enco.io.locks import locked

Plan = dict[Path, dict[str, OutputFile]]
"""For each archive the files that are made of it, by the names of their originals in the archive."""
THREADS = 4
TOGETHER = 8 * THREADS
"""Files of an archive that are held in memory at a time."""


def prepare(
    name: str,
    dataset: Dataset,
    archives: Sequence[LocalArchive],
    out: Path,
    photo_filter: PhotoFilter = "legacy",
    replace: bool = False,
) -> Path:
    """Make the data folder `out` of a data set's archives, whole or not at all, and return the path.

    Processes that make the same folder take turns, and the second finds it made. `photo_filter` is for Cityscapes;
    `replace` also replaces a folder of files that these commands have not made. Raises UserError for archives that are
    damaged or suspicious, for other than the expected numbers of images, and for an image that does not decode.
    """
    source = _source(name, dataset, archives, photo_filter)
    with writing(out), locked(out.with_name(f".{out.name}.prepare.lock")):
        if known_source(out) != source:
            plan = _plan(dataset, [archive.path for archive in archives], photo_filter)
            _check_counts(dataset, plan)
            with new_folder(out, replace) as folder:
                save_manifest(folder, _unpack(plan, folder), source)
                if dataset.hashes:
                    place, cure = " and ".join(map(str, plan)), f"get {_names(dataset)} from {dataset.site}"
                    check_hashes(place, read_hashes(folder), load_hashes(dataset.hashes), cure)
    return out


def _check_counts(dataset: Dataset, plan: Plan) -> None:
    """Raise UserError, naming a known release, unless every set has the expected number of images."""
    counts: Counts = Counter(file.set for files in plan.values() for file in files.values())
    wrong = count_mismatch(" and ".join(map(str, plan)), counts, dataset.counts, dataset.other_releases)
    if wrong:
        raise UserError(f"{wrong}: get {_names(dataset)} from {dataset.site}.")


def _names(dataset: Dataset) -> str:
    return " and ".join(archive.name for archive in dataset.archives)


def _check_names(plan: Plan, names: Mapping[Path, Sequence[str]]) -> None:
    """Raise UserError for a file that is there twice, in one archive or in two, or with two endings."""
    known: dict[str, set[str]] = {}
    for path, members in names.items():
        twice = [member for member, count in Counter(m for m in members if m in plan[path]).items() if count > 1]
        if twice:
            raise UserError(f"{path} holds {printable(twice[0])} twice: get {path.name} again.")
        for file in plan[path].values():
            if file.name in known.setdefault(file.set, set()):
                raise UserError(f"{path} holds {printable(file.name)} for {file.set}, as another archive does.")
            known[file.set].add(file.name)
    check_stems(next(iter(plan)), known)


def _plan(dataset: Dataset, archives: Sequence[Path], photo_filter: PhotoFilter) -> Plan:
    """Plan the output of every file that is used; UserError for names that do not go together."""
    names = {path: member_names(path) for path in archives}
    if dataset.preparation == "cityscapes":
        found = cityscapes.output_files([member for members in names.values() for member in members], photo_filter)
        plan = {path: {key: found[key] for key in members if key in found} for path, members in names.items()}
    else:
        wanted = {key: dataset.folders_of(key) for key in dataset.counts}
        plan = {path: _unchanged(image_folders(members, wanted, path)) for path, members in names.items()}
    _check_names(plan, names)
    return plan


def _unchanged(folders: Mapping[str, Sequence[str]]) -> dict[str, OutputFile]:
    """Plan to copy the files of each set unchanged."""
    return {
        member: OutputFile(key, PurePosixPath(member).name) for key, members in folders.items() for member in members
    }


def _unpack(plan: Plan, folder: Path) -> dict[str, list[Entry]]:
    """Write every planned file and return the manifest's entries by set, sorted by name."""
    for key in {file.set for files in plan.values() for file in files.values()}:
        (folder / key).mkdir()
    entries: dict[str, list[Entry]] = {key: [] for key in present_sets(folder)}
    total = sum(len(files) for files in plan.values())
    with ThreadPoolExecutor(THREADS) as pool, tqdm(total=total, unit="image", disable=None) as bar:
        for archive, files in plan.items():
            write = partial(_write, folder, archive, files)
            for members in _batches(read_members(archive, files)):
                for key, written in pool.map(write, members):
                    entries[key].append(written)
                bar.update(len(members))
    return {key: sorted(written, key=lambda entry: str(entry["file"])) for key, written in entries.items()}


def _write(folder: Path, archive: Path, files: Mapping[str, OutputFile], member: Member) -> tuple[str, Entry]:
    """Decode one file of an archive, write the output, and return the set and the manifest's entry."""
    original, content = member
    file, where = files[original], f"{original} in {archive}"
    image = decode_image(io.BytesIO(content), where)
    written = file.encode(image, where) if file.encode else EncodedImage(content, to_rgb(image, where).size)
    (folder / file.set / file.name).write_bytes(written.content)
    return file.set, entry(file.name, written.content, written.size)


def _batches(members: Iterator[Member]) -> Iterator[list[Member]]:
    while batch := list(islice(members, TOGETHER)):
        yield batch


def _source(name: str, dataset: Dataset, archives: Sequence[LocalArchive], photo_filter: PhotoFilter) -> dict[str, Any]:
    """Describe for the manifest where the images come from."""
    files = [{"name": file.path.name, "bytes": file.bytes, "sha256": file.sha256} for file in archives]
    filters = {"photo_filter": photo_filter} if dataset.preparation == "cityscapes" else {}
    return {"dataset": name, "site": dataset.site, "licence": dataset.licence, "archives": files, **filters}
