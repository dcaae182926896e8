"""Flags made of settings: name, type, bounds, default and help are the field's."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from enco.config.base import Settings
from enco.config.flags import add_flags, as_flags, from_flags

Side = Annotated[int, Field(ge=8, le=64)]


class Sample(Settings):
    """A field of every kind that has a flag."""

    k: int = Field(5, ge=1, le=10, description="Neighbours.")
    seed: int | None = Field(None, ge=0, lt=2**32, description="RNG seed.")
    rate: float = Field(0.5, gt=0, le=1)
    size: tuple[Side, Side] = Field((16, 8), description="In pixels.")
    mode: Literal["plain", "fast"] = "plain"
    whole: bool = False
    file: Path | None = None
    sum: str = ""


NAMES = tuple(Sample.model_fields)


def parser(*names: str, prefix: str = "") -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_flags(made, Sample, *names, prefix=prefix)
    return made


def test_without_words_every_field_is_at_its_default() -> None:
    assert vars(parser(*NAMES).parse_args([])) == Sample().model_dump()


def test_settings_are_the_same_by_way_of_flags() -> None:
    settings = Sample(k=3, seed=0, rate=0.25, size=(64, 32), mode="fast", whole=True, file=Path("a b"), sum="0a")
    words = shlex.split(" ".join(as_flags(settings, *NAMES)))
    assert from_flags(parser(*NAMES).parse_args(words), Sample) == settings
    assert as_flags(Sample(), *NAMES) == ["-k", "5", "--rate", "0.5", "--size", "16", "8", "--mode", "plain"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-k", "0"], "-k: 0 is no whole number from 1 to 10"),
        (["--seed", str(2**32)], "is no whole number from 0 to 4294967295"),
        (["--rate", "0"], "--rate: 0 is no number above 0 up to 1"),
        (["--size", "16", "7"], "--size: 7 is no whole number from 8 to 64"),
        (["--mode", "slow"], "invalid choice: 'slow'"),
    ],
)
def test_a_value_out_of_bounds_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser(*NAMES).parse_args(words)
    assert message in capsys.readouterr().err


def test_help_is_the_description_with_the_default() -> None:
    text = parser(*NAMES).format_help()
    for said in ("neighbours (default 5)", "RNG seed\n", "in pixels (default 16 8)"):
        assert said in text


def test_a_prefix_tells_two_models_apart() -> None:
    assert parser("size", prefix="drn").parse_args(["--drn-size", "9", "9"]).drn_size == [9, 9]
    assert from_flags(parser("size", prefix="drn").parse_args([]), Sample, "drn") == Sample()
    assert as_flags(Sample(), "size", prefix="drn") == ["--drn-size", "16", "8"]


def test_a_kind_without_a_flag_is_refused() -> None:
    class Odd(Settings):
        """A field that no flag can give."""

        values: complex = 0j

    with pytest.raises(TypeError, match="no flag for a field of type"):
        add_flags(argparse.ArgumentParser(), Odd, "values")
