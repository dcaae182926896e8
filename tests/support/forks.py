"""Run many command lines, each in a fork of one process that has imported what they share.

`python -m tests.support.forks` reads {name: [module, argument, ...]} as JSON and prints {name: [status, output]}.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence

LIBRARIES = (
    "enco.train",
    "enco.datasets.check",
    "enco.datasets.prepare",
    "eval.metrics.extraction",
    "eval.metrics.inception",
    "eval.select",
    "eval.timing.__main__",
    "snakemake.cli",
    "workflow.__main__",
    "workflow.so_far",
)
"""What most commands import."""
SECONDS = 900
"""After which a command is ended."""
TORN = -1
"""Status of a command that a signal ended."""
NO_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Before a command: root then needs the rights to a file as anybody does."""


def run_all(commands: Mapping[str, Sequence[str]], **environment: str) -> dict[str, tuple[int, str]]:
    """Return the status and output of each command, run without root's privilege over files."""
    prefix = NO_PRIVILEGE if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.support.forks"],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return {name: (status, said) for name, (status, said) in json.loads(done.stdout).items()}


def _run(words: Sequence[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            _become(words)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return (status if status >= 0 else TORN), said.read()


def _become(words: Sequence[str]) -> None:
    """Do what `python -m MODULE ...` does, and end."""
    status = 1
    try:
        sys.argv = [words[0], *words[1:]]
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    print(json.dumps({name: _run(words) for name, words in json.load(sys.stdin).items()}))
