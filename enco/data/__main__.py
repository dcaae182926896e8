"""Data folders from the command line: `python -m enco.data demo | check | manifest | link | sheet`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from enco.data.check import summarise, table
from enco.data.demo import ARCHIVES, make_archive
from enco.data.folders import LABEL_SETS, SETS
from enco.data.manifest import write_manifest
from enco.data.place import link_folder
from enco.data.sheet import contact_sheet, data_folders
from enco.errors import UserError, run_cli, unknown
from enco.files import atomic_path


def main() -> None:
    """Parse the command line and run one command."""
    args = _parser().parse_args()
    args.command(args)


def _demo(args: argparse.Namespace) -> None:
    for name in [args.dataset] if args.dataset else ARCHIVES:
        start = time.perf_counter()
        folder = make_archive(name, args.out, args.seed, args.size, args.scale_counts)
        print(f"{folder}: made in {time.perf_counter() - start:.1f} s")


def _check(args: argparse.Namespace) -> None:
    print(table(summarise(args.folder)))


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

    demo = commands.add_parser("demo", help="make the procedural demo archives")
    demo.add_argument("--out", type=Path, required=True, help="folder that gets one folder for each archive")
    demo.add_argument("--dataset", help=f"only this one: {', '.join(ARCHIVES)}")
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument("--size", type=int, default=64, help="side of the images in pixels (default 64)")
    demo.add_argument("--scale-counts", type=float, default=1.0, help="multiply the numbers of images (default 1)")
    demo.set_defaults(command=_demo)

    check = commands.add_parser("check", help="decode every image and print a table of the sets")
    check.add_argument("folder", type=Path, help="folder with trainA, trainB, testA and testB")
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


if __name__ == "__main__":
    run_cli(main)
