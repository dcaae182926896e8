"""Find or fetch a generator that its authors published, and import it: `python -m eval.released NAME --out FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from enco.config.bounds import COUNT_OR_NONE
from enco.config.commands import show_example
from enco.errors import run_cli
from eval.released.catalogue import CATALOGUE, FILES, load_catalogue
from eval.released.obtain import obtain_generator


def main(words: Sequence[str] | None = None) -> int:
    """Import one generator, and return 1 where that is not possible and no record was asked for, which says why."""
    args = parser().parse_args(words)
    released = load_catalogue(args.catalogue).find(args.name)
    made = obtain_generator(released, args.files, args.out, args.attempt)
    print(made.gap.sentence if made.gap else f"{args.name} imported to {args.out}")
    if args.record:
        made.write(args.record)
        return 0
    return int(made.gap is not None)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m eval.released", description=__doc__)
    show_example(parser, "cut-horse2zebra --out cut.safetensors")
    parser.add_argument("name", help="a variant and its first task, such as cut-horse2zebra")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="generator file to write")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE, metavar="FILE", help=f"default {CATALOGUE}")
    text = f"folder where published files are fetched to, or were put by hand (default {FILES})"
    parser.add_argument("--files", type=Path, default=FILES, metavar="FOLDER", help=text)
    parser.add_argument("--record", type=Path, metavar="FILE", help="what became of it (JSON), written in any case")
    parser.add_argument(
        "--attempt", type=COUNT_OR_NONE, default=0, help="how often it was tried before, for the record"
    )
    return parser


if __name__ == "__main__":
    run_cli(main)
