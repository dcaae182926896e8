"""List the methods, or the options of one method: `python -m enco.methods [NAME]`.

`python -m enco.methods new NAME` begins a method of one's own. `python -m enco.methods import` and `export` read and
write generators in other formats (enco/interchange).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from textwrap import fill
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from tabulate import tabulate

from enco.errors import run_cli
from enco.interchange.commands import COMMANDS
from enco.methods import get, infos
from enco.methods.new import new_command
from enco.options.base import MethodInfo

WIDTH = 60
SUBCOMMANDS = {**COMMANDS, "new": new_command}


def registry() -> str:
    """Return a table of all methods, oldest first."""
    by_year = sorted(infos().values(), key=lambda info: (info.year, info.name))
    rows = [(info.name, info.label, info.year, info.paper, sides(info)) for info in by_year]
    return tabulate(rows, headers=("name", "label", "year", "paper", "translates"))


def description(name: str) -> str:
    """Describe one method by the first line of the method's file and its options; UserError for an unknown name."""
    method = get(name)
    first_line = (sys.modules[method.__module__].__doc__ or "").partition("\n")[0]
    return f"{first_line}\nTranslates {sides(method.info)}.\n\n{options(method.info.Options)}"


def options(model: type[BaseModel]) -> str:
    """Return a table of a method's options, with default and description."""
    rows = [
        (option, as_json(field.default), fill(field.description or "", WIDTH))
        for option, field in model.model_fields.items()
    ]
    return tabulate(rows, headers=("option", "default", "description"), disable_numparse=True)


def as_json(default: Any) -> str:
    """Write a default as in a configuration file."""
    return json.dumps(to_jsonable_python(default), ensure_ascii=False)


def sides(info: MethodInfo) -> str:
    """Say whether one training gives one direction or two."""
    return "both ways" if info.two_sided else "one way"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all methods, or one; or do a command."""
    words = sys.argv[1:] if arguments is None else [*arguments]
    if words and words[0] in SUBCOMMANDS:
        return SUBCOMMANDS[words[0]](words[1:])
    parser = argparse.ArgumentParser(
        prog="python -m enco.methods",
        description="List the methods, or the options of one method.",
        epilog="example: python -m enco.methods enco; a method of your own: python -m enco.methods new --help;"
        " generators of other formats: python -m enco.methods import --help, and export --help",
    )
    parser.add_argument("name", nargs="?", help="print the options of this method")
    args = parser.parse_args(words)
    print(description(args.name) if args.name else registry())


if __name__ == "__main__":
    run_cli(main)
