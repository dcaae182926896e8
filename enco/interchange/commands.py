"""The commands `python -m enco.methods import` and `python -m enco.methods export`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from enco.config.commands import add_backward
from enco.config.flags import named_value
from enco.config.run import Direction
from enco.errors import UserError

IMPORT_EXAMPLE = "example: python -m enco.methods import latest_net_G.pth --method cut --out cut.safetensors"
EXPORT_EXAMPLE = "example: python -m enco.methods export cut.safetensors --format original --out latest_net_G.pth"


def import_command(words: Sequence[str]) -> None:
    """Import a generator, and print what it is; UserError for files that hold none."""
    args = _import_parser().parse_args(words)
    from enco.interchange.importing import import_generator

    record = import_generator(
        args.files,
        args.out,
        args.method,
        dict(named_value(text) for text in args.set),
        direction=args.direction,
        task=args.task,
    )
    ways = "both directions" if record.directions == "both" else "one direction"
    sizes = f"{record.options['ngf']} channels, {record.options['n_blocks']} blocks"
    print(f"{args.out}: {record.method}, layout {record.layout}, {sizes}, {ways}{', with heads' * record.heads}")
    if record.dropped:
        print(f"Left out, as it is fixed in this project or no translation uses it: {', '.join(record.dropped)}")


def export_command(words: Sequence[str]) -> None:
    """Export a generator, and print the files; UserError for a file that is no generator, or has no such format."""
    args = _export_parser().parse_args(words)
    if args.format == "onnx":
        from enco.interchange.onnx_file import export_onnx

        difference = export_onnx(args.generator, args.out, args.direction)
        print(f"The ONNX file translates as the generator does, to within {difference:.0e} of values in [-1, 1].")
        files = [args.out]
    elif args.direction == "backward":
        raise UserError("--backward is for --format onnx: original files hold every direction of the generator.")
    else:
        from enco.interchange.exporting import export_original

        files = export_original(args.generator, args.out)
    print(*files, sep="\n")


def _import_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m enco.methods import",
        description="Make a generator file of this project from the files that a method's authors published.",
        epilog=IMPORT_EXAMPLE,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a generator, or the two of both directions"
    )
    parser.add_argument("--method", help="the method's name, where several methods have files of this layout")
    parser.add_argument("--out", type=Path, required=True, help="generator file to write")
    text = (
        "from which of the authors' domains to which (default: AtoB for both directions, else what a file's name says)"
    )
    parser.add_argument("--direction", choices=get_args(Direction), help=text)
    parser.add_argument("--task", help="name of the task, for the record, such as horse2zebra")
    text = "an option of the method that the files do not tell"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)
    return parser


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m enco.methods export",
        description="Write a generator for other programs: for the code of its method's authors, or as ONNX.",
        epilog=EXPORT_EXAMPLE,
    )
    parser.add_argument("generator", type=Path, metavar="GENERATOR", help="a run's generator.safetensors")
    parser.add_argument("--format", choices=("original", "onnx"), required=True)
    add_backward(parser)
    text = "file to write; two generators become two files, as latest_net_G_A.pth and latest_net_G_B.pth"
    parser.add_argument("--out", type=Path, required=True, help=text)
    return parser


COMMANDS = {"import": import_command, "export": export_command}
