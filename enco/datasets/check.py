"""Checks of a data folder: the number and sizes of images, and whether all can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from tabulate import tabulate

from enco.data.folders import SETS, decode_all, load_labels, name_in, present_sets, printable, stem_in
from enco.data.reading import DEFAULT_READING, Reading
from enco.datasets.catalogue import Counts, count_mismatch
from enco.errors import UserError

NAMESAKES = {"trainA_labels": ("trainA",), "testA_labels": ("testA", "testB")}
"""For each label set the sets of the same file names: its photos, and the label images whose translations it scores."""


@dataclass(frozen=True)
class SetSummary:
    """The number of images in a set, and their sizes (width, height)."""

    name: str
    count: int
    smallest: tuple[int, int]
    largest: tuple[int, int]


def summarise(root: Path, reading: Reading = DEFAULT_READING) -> list[SetSummary]:
    """Decode every image of a data folder and describe its sets; label sets only where there are any.

    Raises UserError for a missing or empty set, an unreadable image or label map, or a label map without its photo. A
    label map may be of another size than its photo.
    """
    names = present_sets(root)
    check_stems(root, {name: [name_in(root / name, path) for path in reading.files(root / name)] for name in names})
    for name in names[len(SETS) :]:
        decode_all(reading.files(root / name), load_labels)
        for other in NAMESAKES[name]:
            _check_names(root / name, root / other, reading)
    return [_summary(root / name, reading) for name in names]


def check_counts(
    root: Path, expected: Counts, other_releases: Mapping[str, Counts] | None = None, reading: Reading = DEFAULT_READING
) -> None:
    """Raise UserError, with all counts that differ, unless each named set of a data folder has as many images.

    The message names the release that has the counts which are found instead, if there is one.
    """
    counts = {name: len(reading.files(root / name)) for name in expected}
    wrong = count_mismatch(str(root), counts, expected, other_releases or {})
    if wrong:
        raise UserError(f"{wrong}: get the release that has these.")


def check_stems(root: Path, files: Mapping[str, Iterable[str]]) -> None:
    """Raise UserError for two files of a set that differ in the ending only, as translations would have one name."""
    for name, found in files.items():
        known: dict[str, str] = {}
        for file in sorted(found):
            other = known.setdefault(str(PurePath(file).with_suffix("")), file)
            if other != file:
                raise UserError(
                    f"{root} has {printable(other)} and {printable(file)} in {name}, whose translations would have one"
                    " name: rename one of them."
                )


def table(summaries: list[SetSummary]) -> str:
    """Write the sets as a plain table."""
    rows = [(s.name, s.count, _size(s.smallest), _size(s.largest)) for s in summaries]
    return tabulate(rows, headers=("set", "images", "smallest", "largest"))


def _summary(folder: Path, reading: Reading) -> SetSummary:
    sizes = sorted(decode_all(reading.files(folder), reading.load_size), key=lambda size: size[0] * size[1])
    return SetSummary(folder.name, len(sizes), sizes[0], sizes[-1])


def _check_names(labels: Path, images: Path, reading: Reading) -> None:
    maps, others = ({stem_in(folder, path): path for path in reading.files(folder)} for folder in (labels, images))
    for stem in sorted(maps.keys() ^ others.keys()):
        file, place = (maps[stem], images) if stem in maps else (others[stem], labels)
        same = ", ".join((*NAMESAKES[labels.name], labels.name))
        raise UserError(f"{file} has no namesake in {place}: name what belongs together alike in {same}.")


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
