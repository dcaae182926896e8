"""What commands import before they begin."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def modules_after(code: str) -> set[str]:
    """Return the modules that are imported once a fresh interpreter has run some code."""
    code += "\nimport json, sys; print(json.dumps(list(sys.modules)))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


@pytest.mark.parametrize("optimizer", ["Adam([w], fused=True)", "SGD([w], lr=0.1, momentum=0.9)"])
def test_starting_to_train_imports_only_what_that_needs(optimizer: str) -> None:
    step = f"w = torch.ones(2, requires_grad=True); o = torch.optim.{optimizer}; w.sum().backward(); o.step()"
    state = "o.zero_grad(); o.load_state_dict(o.state_dict())"
    found = modules_after(f"import enco.train, torch; {step}; {state}")
    assert not {"torchvision", "mlflow", "pandas", "scipy"} & found


HELP = """
import contextlib, runpy, sys
sys.argv[1:] = ["--help"]
try:
    with contextlib.redirect_stdout(sys.stderr):
        runpy.run_module("{0}", run_name="__main__")
except SystemExit as end:
    assert not end.code
"""
COMMANDS = ("enco.datasets", "enco.methods", "enco.translate", "eval", "eval.released", "workflow")


@pytest.mark.parametrize("command", [*COMMANDS, "eval.sensitivity", "eval.uncertainty"])
def test_help_imports_nothing_heavy(command: str) -> None:
    assert not {"torch", "torchvision", "scipy", "pandas"} & modules_after(HELP.format(command))


def test_starting_to_track_imports_neither_torch_nor_mlflow() -> None:
    assert not {"torch", "mlflow"} & modules_after("import enco.tracking.__main__")
