"""Run a module as on a machine that has torch, pydantic and what they need: `python torch_only.py MODULE ...`.

ALSO in the environment names further packages that are there, with commas between.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PRESENT = {"torch", "torchgen", "functorch", "triton", "setuptools", "_distutils_hack", "typing_extensions", "filelock"}
PRESENT |= {"fsspec", "jinja2", "markupsafe", "networkx", "sympy", "mpmath", "enco", "eval", "benchmarks", "tests"}
PRESENT |= {"pydantic", "pydantic_core", "annotated_types", "typing_inspection"}
PRESENT |= set(os.environ.get("ALSO", "").split(","))


class TorchOnly(PathFinder):
    """Finds the standard library, torch, pydantic and this project."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        is_there = top in PRESENT | sys.stdlib_module_names or top.startswith("_sysconfigdata")
        return super().find_spec(fullname, path, target) if is_there else None


if __name__ == "__main__":
    sys.meta_path[:] = [TorchOnly if finder is PathFinder else finder for finder in sys.meta_path]
    del sys.argv[0]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
