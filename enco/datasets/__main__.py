"""Data from the command line: `python -m enco.datasets fetch | prepare | check | demo | link | manifest | sheet`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

from tabulate import tabulate

from enco.data.folders import present_sets
from enco.data.manifest import write_manifest
from enco.data.reading import Reading
from enco.datasets import demo
from enco.datasets.arguments import ROOT, parser
from enco.datasets.catalogue import find_dataset, load_datasets, load_tasks
from enco.datasets.check import summarise, table
from enco.datasets.hashes import check_hashes, hash_folder, load_hashes, published_hashes
from enco.datasets.obtain import obtain, read_record, write_record
from enco.datasets.place import Expected, link_folder
from enco.datasets.prepare import prepare
from enco.datasets.sheet import contact_sheet, data_folders
from enco.datasets.state import READY, DataPaths, state_table, states
from enco.datasets.twins import shared_images
from enco.errors import UserError, run_cli
from enco.io.files import atomic_path


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words, by default the command line's, name; the exit status."""
    args = parser().parse_args(words)
    return COMMANDS[args.command](args) or 0


def _demo(args: argparse.Namespace) -> None:
    for name in [args.dataset] if args.dataset else demo.ARCHIVES:
        start = time.perf_counter()
        folder = demo.make_archive(name, args.out, args.seed, args.size, args.scale_counts, args.replace)
        print(f"{folder}: made in {time.perf_counter() - start:.1f} s")


def _fetch(args: argparse.Namespace) -> None:
    archives = obtain(args.dataset, find_dataset(args.dataset, args.catalogue), args.archives, args.mirror)
    if args.record:
        write_record(args.record, archives)
    rows = [(file.path, f"{file.bytes:,} bytes", f"sha256 {file.sha256}") for file in archives]
    print(tabulate(rows, tablefmt="plain"))


def _prepare(args: argparse.Namespace) -> None:
    dataset = find_dataset(args.dataset, args.catalogue)
    if args.photo_filter and dataset.preparation != "cityscapes":
        raise UserError(f"--photo-filter is of Cityscapes, and nothing is resized of {args.dataset}: leave it out.")
    out = args.out or ROOT / args.dataset
    record = args.fetched
    archives = read_record(record) if record else obtain(args.dataset, dataset, args.archives, args.mirror)
    print(prepare(args.dataset, dataset, archives, out, args.photo_filter or "legacy", args.replace))


def _check(args: argparse.Namespace) -> int:
    if args.folder:
        _check_folder(args)
        return 0
    if args.against:
        raise UserError("--against is of one folder: name it.")
    places = DataPaths(args.prepared, archives=args.archives, mirror=args.mirror, reading=Reading.of(args))
    found = states(load_tasks(args.catalogue), load_datasets(args.catalogue), places)
    print(state_table(found))
    return 0 if all(line.state == READY for line in found) else 1


def _check_folder(args: argparse.Namespace) -> None:
    reading = Reading.of(args)
    published = published_hashes(args.against, args.catalogue) if args.against else {}
    print(table(summarise(args.folder, reading)))
    for sentence in shared_images(args.folder, reading):
        print(sentence)
    if published:
        cure = f"get {args.against} again with `python -m enco.datasets prepare {args.against}`"
        check_hashes(args.folder, hash_folder(args.folder, reading), published, cure)
        print(f"All {len(published)} files are those of {args.against}, by SHA-256.")


def _manifest(args: argparse.Namespace) -> None:
    print(write_manifest(args.folder, reading=Reading.of(args)))


def _link(args: argparse.Namespace) -> None:
    expected = Expected(photo_filter=args.photo_filter)
    if args.like:
        like = find_dataset(args.like, args.catalogue)
        sets = present_sets(args.folder)  # label sets that are not there are not missed: only scores need them
        counts = {name: count for name, count in like.counts.items() if name in sets}
        hashes = load_hashes(like.hashes) if like.hashes else {}
        expected = Expected(counts, like.other_releases, args.photo_filter, hashes)
    print(link_folder(args.folder, args.out, expected, args.replace, Reading.of(args)))


def _sheet(args: argparse.Namespace) -> None:
    image = contact_sheet(data_folders(args.folder), args.per_set, args.tile, Reading.of(args))
    with atomic_path(args.out) as partial:
        image.save(partial, format="PNG")
    print(args.out)


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "fetch": _fetch,
    "prepare": _prepare,
    "check": _check,
    "demo": _demo,
    "link": _link,
    "manifest": _manifest,
    "sheet": _sheet,
}


if __name__ == "__main__":
    run_cli(main)
