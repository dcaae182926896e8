"""Data from the command line: `python -m enco.datasets fetch | prepare | check | demo | link | manifest | sheet`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from tabulate import tabulate

from enco.config.commands import Command, command_parser
from enco.data.folders import present_sets
from enco.data.manifest import write_manifest
from enco.data.reading import Reading
from enco.datasets import arguments, demo
from enco.datasets.catalogue import find_dataset, load_datasets, load_tasks
from enco.datasets.check import summarise, table
from enco.datasets.duplicates import shared_images
from enco.datasets.hashes import check_hashes, hash_folder, load_hashes, published_hashes
from enco.datasets.link import Expected, link_folder
from enco.datasets.obtain import obtain, read_archives, write_archives
from enco.datasets.paths import DataPaths
from enco.datasets.prepare import prepare
from enco.datasets.sheet import contact_sheet, data_folders
from enco.datasets.status import READY, status_table, task_statuses
from enco.errors import UserError, run_cli
from enco.io.files import atomic_path


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words, by default the command line's, name, and return the exit status."""
    args = parser().parse_args(words)
    return COMMANDS[args.command].run(args) or 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    return command_parser("python -m enco.datasets", "Image sets: fetched, prepared, drawn, checked.", COMMANDS)


def _demo(args: argparse.Namespace) -> None:
    for name in [args.dataset] if args.dataset else demo.ARCHIVES:
        start = time.perf_counter()
        folder = demo.make_archive(name, args.out, args.seed, args.size, args.scale_counts, args.replace)
        print(f"{folder}: made in {time.perf_counter() - start:.1f} s")


def _fetch(args: argparse.Namespace) -> None:
    archives = obtain(args.dataset, find_dataset(args.dataset, args.catalogue), args.archives, args.mirror)
    if args.record:
        write_archives(args.record, archives)
    rows = [(file.path, f"{file.bytes:,} bytes", f"sha256 {file.sha256}") for file in archives]
    print(tabulate(rows, tablefmt="plain"))


def _prepare(args: argparse.Namespace) -> None:
    dataset = find_dataset(args.dataset, args.catalogue)
    if args.photo_filter and dataset.preparation != "cityscapes":
        raise UserError(f"--photo-filter is of Cityscapes, and nothing is resized of {args.dataset}: leave it out.")
    out = args.out or arguments.ROOT / args.dataset
    record = args.fetched
    archives = read_archives(record) if record else obtain(args.dataset, dataset, args.archives, args.mirror)
    print(prepare(args.dataset, dataset, archives, out, args.photo_filter or "legacy", args.replace))


def _check(args: argparse.Namespace) -> int:
    if args.folder:
        _check_folder(args)
        return 0
    if args.against:
        raise UserError("--against is of one folder: name it.")
    paths = DataPaths(args.prepared, archives=args.archives, mirror=args.mirror, reading=Reading.of(args))
    found = task_statuses(load_tasks(args.catalogue), load_datasets(args.catalogue), paths)
    print(status_table(found))
    return 0 if all(line.status == READY for line in found) else 1


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


COMMANDS = {
    "fetch": Command("fetch and check the archives of a data set", arguments.fetch, _fetch),
    "prepare": Command("fetch, check and unpack a data set into the standard layout", arguments.prepare, _prepare),
    "check": Command("say what is there of every task, or of one folder by decoding it", arguments.check, _check),
    "demo": Command("make the procedural demo archives", arguments.demo, _demo),
    "link": Command("check a data folder and make one of links to its sets, with a manifest", arguments.link, _link),
    "manifest": Command("write manifest.json and print its hash", arguments.manifest, _manifest),
    "sheet": Command("make a contact sheet of one data folder or a folder of them", arguments.sheet, _sheet),
}


if __name__ == "__main__":
    run_cli(main)
