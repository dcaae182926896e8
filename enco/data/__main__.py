"""Data from the command line: `python -m enco.data fetch | prepare | check | demo | link | manifest | sheet`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from enco.data import demo
from enco.data.catalogue import CATALOGUE, find_dataset, load_datasets, load_tasks
from enco.data.check import summarise, table
from enco.data.cityscapes import FILTERS
from enco.data.folders import LABEL_SETS, SETS
from enco.data.manifest import write_manifest
from enco.data.obtain import ARCHIVES, obtain
from enco.data.place import link_folder
from enco.data.prepare import prepare
from enco.data.sheet import contact_sheet, data_folders
from enco.data.state import READY, Places, state_table, states
from enco.errors import UserError, run_cli, unknown
from enco.files import atomic_path, write_json

ROOT = Path("data")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words, by default the command line's, name; the exit status."""
    args = _parser().parse_args(words)
    return args.command(args) or 0


def _demo(args: argparse.Namespace) -> None:
    for name in [args.dataset] if args.dataset else demo.ARCHIVES:
        start = time.perf_counter()
        folder = demo.make_archive(name, args.out, args.seed, args.size, args.scale_counts)
        print(f"{folder}: made in {time.perf_counter() - start:.1f} s")


def _fetch(args: argparse.Namespace) -> None:
    archives = obtain(args.dataset, find_dataset(args.dataset, args.catalogue), args.archives, args.mirror)
    files = [{"file": str(path), "bytes": path.stat().st_size} for path in archives]
    if args.record:
        write_json(args.record, {"dataset": args.dataset, "archives": files})
    print(tabulate([(file["file"], f"{file['bytes']:,} bytes") for file in files], tablefmt="plain"))


def _prepare(args: argparse.Namespace) -> None:
    dataset = find_dataset(args.dataset, args.catalogue)
    archives = obtain(args.dataset, dataset, args.archives, args.mirror)
    print(prepare(args.dataset, dataset, archives, args.out or ROOT / args.dataset, args.photo_filter))


def _check(args: argparse.Namespace) -> int:
    if args.folder:
        print(table(summarise(args.folder)))
        return 0
    places = Places(args.prepared, ROOT, args.archives, args.mirror)
    found = states(load_tasks(args.catalogue), load_datasets(args.catalogue), places)
    print(state_table(found))
    return 0 if all(line.state == READY for line in found) else 1


def _manifest(args: argparse.Namespace) -> None:
    print(write_manifest(args.folder))


def _link(args: argparse.Namespace) -> None:
    print(link_folder(args.folder, args.out, dict(_expected(text) for text in args.expect)))


def _sheet(args: argparse.Namespace) -> None:
    image = contact_sheet(data_folders(args.folder), args.per_set, args.tile)
    with atomic_path(args.out) as partial:
        image.save(partial, format="PNG")
    print(args.out)


def _expected(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if name not in (*SETS, *LABEL_SETS):
        raise unknown("image set", name, (*SETS, *LABEL_SETS), "--expect")
    if not count.isdecimal():
        raise UserError(f"--expect {text} has no number: write --expect SET=COUNT, such as --expect {name}=400.")
    return name, int(count)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m enco.data", description=__doc__)
    commands = parser.add_subparsers(required=True)

    fetch = commands.add_parser("fetch", help="fetch and check the archives of a data set")
    _add_source(fetch)
    fetch.add_argument("--record", type=Path, metavar="FILE", help="also write what was found (JSON)")
    fetch.set_defaults(command=_fetch)

    prepared = commands.add_parser("prepare", help="fetch, check and unpack a data set into the standard layout")
    _add_source(prepared)
    prepared.add_argument("--out", type=Path, help=f"data folder to make (default: {ROOT}/DATASET)")
    prepared.add_argument(
        "--photo-filter", choices=tuple(FILTERS), default="legacy", help="what resizes Cityscapes' photos"
    )
    prepared.set_defaults(command=_prepare)

    drawn = commands.add_parser("demo", help="make the procedural demo archives")
    drawn.add_argument("--out", type=Path, required=True, help="folder that gets one folder for each archive")
    drawn.add_argument("--dataset", help=f"only this one: {', '.join(demo.ARCHIVES)}")
    drawn.add_argument("--seed", type=int, default=0)
    drawn.add_argument("--size", type=int, default=64, help="side of the images in pixels (default 64)")
    drawn.add_argument("--scale-counts", type=float, default=1.0, help="multiply the numbers of images (default 1)")
    drawn.set_defaults(command=_demo)

    check = commands.add_parser("check", help="say what is there of every task, or of one folder by decoding it")
    check.add_argument("folder", type=Path, nargs="?", help="folder with trainA, trainB, testA and testB")
    check.add_argument(
        "--prepared", type=Path, default=ROOT, metavar="DIR", help="where prepared data sets are (default: data)"
    )
    _add_places(check)
    check.set_defaults(command=_check)

    manifest = commands.add_parser("manifest", help="write manifest.json and print its hash")
    manifest.add_argument("folder", type=Path, help="folder with trainA, trainB, testA and testB")
    manifest.set_defaults(command=_manifest)

    link = commands.add_parser("link", help="check a data folder and make one of links to its sets, with a manifest")
    link.add_argument("folder", type=Path, help="folder with trainA, trainB, testA and testB")
    link.add_argument("--out", type=Path, required=True, help="data folder to make")
    link.add_argument(
        "--expect", action="append", default=[], metavar="SET=COUNT", help="number of images of a set; repeatable"
    )
    link.set_defaults(command=_link)

    sheet = commands.add_parser("sheet", help="make a contact sheet of one data folder or a folder of them")
    sheet.add_argument("folder", type=Path)
    sheet.add_argument("--out", type=Path, required=True, help="PNG file to write")
    sheet.add_argument("--per-set", type=int, default=5, help="images of each set (default 5)")
    sheet.add_argument("--tile", type=int, default=128, help="side of an image on the sheet in pixels (default 128)")
    sheet.set_defaults(command=_sheet)
    return parser


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("dataset", help=f"a name of {CATALOGUE}")
    _add_places(command)


def _add_places(command: argparse.ArgumentParser) -> None:
    command.add_argument("--catalogue", type=Path, default=CATALOGUE, metavar="FILE", help=f"default: {CATALOGUE}")
    command.add_argument(
        "--archives", type=Path, default=ARCHIVES, metavar="DIR", help=f"where archives are kept (default: {ARCHIVES})"
    )
    command.add_argument("--mirror", help="address, or folder, that has the archives by the same names")


if __name__ == "__main__":
    run_cli(main)
