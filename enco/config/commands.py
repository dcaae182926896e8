"""Programs of several commands, such as `python -m enco.datasets`, each declared in one table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command: a line of help, the arguments, and the function that does the work."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
    """Takes the parsed arguments and returns the exit status, None for success."""


def command_parser(prog: str, description: str, commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser of all commands; the parsed `command` is the chosen one's name."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    choices = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in commands.items():
        command.add_arguments(choices.add_parser(name, help=command.help, description=command.help))
    return parser


def show_example(parser: argparse.ArgumentParser, words: str) -> None:
    """Show an example of a command, its arguments, below its help."""
    parser.epilog = f"example: {parser.prog} {words}"


def add_backward(command: argparse.ArgumentParser) -> None:
    """Add --backward, which becomes the direction, to a command that translates."""
    text = "translate from the target to the source domain, as two-sided methods can"
    command.add_argument(
        "--backward", dest="direction", action="store_const", const="backward", default="forward", help=text
    )
