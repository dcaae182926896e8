"""Begin a method of one's own: `python -m enco.methods new NAME`."""

from __future__ import annotations

import argparse
import ast
import keyword
import re
from collections.abc import Sequence
from pathlib import Path

from enco import methods
from enco.config.yaml import parse_yaml, read_yaml
from enco.errors import UserError
from enco.io.files import atomic_path

TEMPLATE = Path(__file__).parent / "template"
"""The folder of a whole method, called `mine`, and of its scale."""
ROOT = Path(__file__).parents[2]
"""The folder of the project, where this is a clone of it."""
RESERVED = frozenset(
    {"archive", "archives", "benchmarks", "cells", "claims", "curves", "figures", "logs", "mlartifacts", "mlflow"}
    | {"paper_figures", "protocol", "published", "released", "report", "weights"}
    | {"all", "data", "default", "export", "parts", "results", "template", "untranslated"}
)
"""Names with another meaning: files and folders of results/; keys of a scale, a command, a row, and other folders."""
NAMED = {"config/tables.yaml": "tables", "config/datasets.yaml": "tasks"}
"""Files whose keys are names of tables and of tasks, which `only` and the files of results/ name, too."""
NEXT = """\
{method}
{config}
next:
  pytest --pyargs enco.contract -k '[{name}]'
  snakemake results/{name}.csv --configfile {config}
docs/own-method.md goes on from there."""


def new_command(words: Sequence[str]) -> None:
    """Write a method's file and its scale, and print both and what to do next; UserError as in `begin`."""
    args = _parser().parse_args(words)
    method, config = (path.relative_to(ROOT) for path in begin(args.name, ROOT))
    print(NEXT.format(method=method, config=config, name=args.name))


def begin(name: str, root: Path) -> tuple[Path, Path]:
    """Write enco/methods/NAME.py and config/NAME.yaml below `root`, and return both.

    Raises UserError for a name that is no name of a method or is taken, for a file that is there, and where `root` is
    no clone of the project.
    """
    _check_name(name)
    if not (root / "config" / "tables.yaml").is_file():
        raise UserError(
            f"{root} is no clone of the project, so a file there may be lost: run this in a clone, or make a package "
            "with an entry point (docs/own-method.md)."
        )
    for file, key in NAMED.items():
        if name in read_yaml(root / file, file).get(key, {}):
            raise UserError(f"'{name}' is one of the {key} of {file}: choose another name for your method.")
    written = {
        root / "enco" / "methods" / f"{name}.py": renamed("mine.py", name),
        root / "config" / f"{name}.yaml": renamed("mine.yaml", name),
    }
    for path in written:
        if path.exists():
            raise UserError(f"{path} is there already, and nothing is written over it: choose another name.")
    for path, text in written.items():
        with atomic_path(path) as partial:
            partial.write_text(text, encoding="utf-8")
    method, config = written
    return method, config


def renamed(file: str, name: str) -> str:
    """Return a file of the template for a method of this name."""
    text = (TEMPLATE / file).read_text(encoding="utf-8")
    return re.sub(r"\bMine(?=Options|\b)", class_name(name), re.sub(r"\bmine\b", name, text))


def class_name(name: str) -> str:
    """Turn the name of a method into that of its class: my_cut to MyCut."""
    return "".join(part.capitalize() for part in name.split("_"))


def _check_name(name: str) -> None:
    is_name = re.fullmatch(methods.NAME, name) and parse_yaml(name, "the name") == name  # `on` would be read as true
    if not is_name or any(map(keyword.iskeyword, (name, class_name(name)))):
        words = "no word of Python's or YAML's"
        raise UserError(f"'{name}' cannot be the name of a method: take {methods.NAMES}, and {words}.")
    if name in RESERVED or name in methods.NO_METHODS or class_name(name) in _imported():
        raise UserError(f"'{name}' has another meaning here: choose another name for your method.")
    if name in methods.infos() or methods.is_broken(name):
        raise UserError(f"There is a method '{name}' already: choose another name for yours.")


def _imported() -> set[str]:
    """Return what the template imports by name, as a class of that name would hide it."""
    statements = ast.walk(ast.parse((TEMPLATE / "mine.py").read_text(encoding="utf-8")))
    return {alias.name for node in statements if isinstance(node, ast.ImportFrom) for alias in node.names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m enco.methods new",
        description="Begin a method of your own: a file that trains as it is, and a scale with a table for it.",
        epilog="example: python -m enco.methods new mine",
    )
    parser.add_argument("name", metavar="NAME", help="its name: small letters, digits and _")
    return parser
