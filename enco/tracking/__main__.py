"""MLflow as a mirror of the run folders: `python -m enco.tracking init | sync FOLDER | follow RUN_FOLDER | ui`.

The files are the truth. Tracking never fails a training: whatever goes wrong here is one line of warning, and `sync`
brings everything up to date later, into a new store if need be. A command that could not do its work ends with 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from enco.config.bounds import Whole
from enco.config.commands import show_example
from enco.errors import UserError, run_cli
from enco.tracking.follower import Synced, connect, follow, sync, sync_tables
from enco.tracking.pages import serve
from enco.tracking.run_reader import run_folders
from enco.tracking.store import Store

COMMANDS = {
    "init": "open the store once, before many processes use it",
    "sync": "mirror all run folders at or under a folder",
    "follow": "mirror one run until its training ends",
    "ui": "browse the store's runs, on 127.0.0.1",
}
EXAMPLES = {
    "sync": "results/demo/runs --tables results/demo/seed0",
    "follow": "results/demo/runs/horse2zebra/enco/seed0",
    "ui": "--port 5001",
}


def main() -> int:
    """Run the command line; the exit status is 1 where MLflow could not do what was asked for."""
    args = _parser().parse_args()
    store = Store.choose(args.store)
    if args.command == "ui":
        serve(store, args.port)
        return 0
    if args.command == "init":
        return 1 if connect(store, Path("FOLDER")) is None else 0
    if args.command == "follow":
        return _tell(store, follow(store, _checked(args.folder)))
    if not args.folder and not args.tables:
        raise UserError("Name a folder of runs, or one of tables by --tables.")
    status = _tell(store, sync(store, _checked(args.folder), args.logs)) if args.folder else 0
    return status or int(bool(args.tables) and not sync_tables(store, args.tables))


def _tell(store: Store, done: Synced) -> int:
    print(f"{done.mirrored} of {done.runs} runs are mirrored in {store.name}.")
    return 0 if done.mirrored == done.runs else 1


def _checked(folder: Path) -> Path:
    """Return a folder that holds runs; UserError for any other."""
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist: name a run folder, or one that holds run folders.")
    list(folder.iterdir())  # raises what looking for runs in it would hide
    if not run_folders(folder):
        raise UserError(f"No run lies at or under {folder}: name a run folder, or one that holds run folders.")
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m enco.tracking", description="MLflow as a mirror of run folders.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        show_example(command, EXAMPLES.get(name, ""))
        if name == "follow":
            command.add_argument("folder", type=Path)
        if name == "sync":
            command.add_argument("folder", type=Path, nargs="?", help="a run folder, or one that holds run folders")
            command.add_argument("--tables", type=Path, metavar="FOLDER", help="tables and figures of these runs")
            command.add_argument(
                "--logs", default="", metavar="FILE", help="what trainings printed, with {task}, {variant} and {seed}"
            )
        if name == "ui":
            command.add_argument("--port", type=Whole(1, 65535), default=5000)
        command.add_argument("--store", help="MLflow address (default: MLFLOW_TRACKING_URI, else results/mlflow.db)")
    return parser


if __name__ == "__main__":
    run_cli(main)
