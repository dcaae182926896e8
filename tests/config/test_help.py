"""The help of every command shows an example, and the command takes it."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r'"python -m ([a-z_.]+(?: [a-z]+)?)"')
BY_OTHERS = {"enco.methods": ("import", "export", "new")}
"""Commands that are parsed apart from their program's own arguments."""


class Parsed(BaseException):
    """Says that a command has taken its arguments, and has done nothing yet."""


def programs() -> list[str]:
    """Return the modules of `enco`, `eval` and `workflow` that read a command line."""
    files = [path for folder in ("enco", "eval", "workflow") for path in (ROOT / folder).rglob("*.py")]
    texts = [path.read_text() for path in files if "executor" not in path.parts]
    reading = (text for text in texts if "_parser(" in text or "ArgumentParser(" in text)
    named = {name.split()[0] for text in reading for name in NAMED.findall(text)}
    return sorted(named)


def call(module: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a module as `python -m` does, to where its arguments are parsed."""
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *args: Any, **named: Any) -> argparse.Namespace:
        parse(self, *args, **named)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", [module, *words])
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def helps(module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the help of a program, or of each of its commands."""

    def help_of(*words: str) -> str:
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as end:
            call(module, [*words, "--help"], patch)
        assert end.value.code == 0
        return capsys.readouterr().out

    own = help_of()
    commands = re.findall(r"^    ([a-z-]+)  ", own, re.M) if " ..." in own.partition("\n\n")[0] else []
    return [help_of(command) for command in (*commands, *BY_OTHERS.get(module, ()))] + [own] * (not commands)


def test_programs_are_found() -> None:
    assert set(programs()) >= {"enco.train", "enco.translate", "enco.methods", "eval", "eval.timing", "workflow"}


@pytest.mark.parametrize("module", programs())
def test_every_help_has_an_example_that_is_taken(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    for text in helps(module, monkeypatch, capsys):
        found = re.findall(rf"(?:examples?:\s+|^ +)python -m {re.escape(module)}(?![\w.]) ?(.*)", text)
        assert found, text
        words = shlex.split(found[0].partition(";")[0])
        with monkeypatch.context() as patch, pytest.raises(Parsed):
            call(module, words, patch)
