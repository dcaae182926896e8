"""`python -m benchmarks.speed` on tiny networks."""

from __future__ import annotations

from typing import Any

from benchmarks.speed import cases, hardware, measure
from benchmarks.speed.__main__ import main
from enco.errors import run_cli
from enco.selftest.tiny import tiny_options

usual_options = cases.method_options


def method_options(method: str, size: int, batch: int) -> dict[str, Any]:
    """Return the options of a case, with networks as small as can be."""
    return {**tiny_options(method), **usual_options(method, size, batch)}


if __name__ == "__main__":
    cases.method_options = measure.method_options = method_options  # type: ignore[attr-defined]
    hardware.SECONDS = 0.0
    run_cli(main)
