"""CONTRIBUTING.md lists each private part of another package that the code uses, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.conda import ROOT

CODE = ("enco", "eval", "workflow", "benchmarks")
OURS = {*CODE, "tests", "snakemake_executor_plugin_submitit"}
INTERNAL = ("snakemake.", "submitit.", "mlflow.store.", "pytorch_fid.")
"""Modules below these are internal to packages whose promises end at their top level."""
DOCUMENTED = {"os._exit"}


def imports(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield each import from another package: the name in the file, the module, and the name in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name.split(".")[0], alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] not in OURS:
            yield from ((a.asname or a.name, node.module, f"{node.module}.{a.name}") for a in node.names)


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for such an expression, and nothing for any other."""
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def private_parts(path: Path) -> set[str]:
    """Return internal modules that a file imports, and private names that it uses, each up to its first underscore."""
    found = list(imports(tree := ast.parse(path.read_text(encoding="utf-8"))))
    known = {name for name, _, _ in found}
    used = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {*(full for _, _, full in found), *(name for name in used if name.split(".")[0] in known)}
    private = {match[0] for name in names if (match := re.match(r"[\w.]*?\._(?!_)\w+", name))}
    return private.union(module for _, module, _ in found if module.startswith(INTERNAL)) - DOCUMENTED


def listed() -> set[tuple[str, str]]:
    """Return (file, part) for all that the items of the section name."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Private parts")[2]
    pairs = set()
    for item in section.split("\n- ")[1:]:
        names = re.findall(r"`([\w./]+)`", item.partition(":")[0])
        files = {name for name in names if "/" in name}
        pairs |= {(file, part) for file in files for part in names if part not in files}
    return pairs


def test_the_list_of_private_parts_is_that_of_the_code() -> None:
    files = (path for folder in CODE for path in (ROOT / folder).rglob("*.py") if "tests" not in path.parts)
    found = {(str(path.relative_to(ROOT)), part) for path in files for part in private_parts(path)}
    assert found == listed()
