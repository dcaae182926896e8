"""Digest the code that decides a result: of a training's weights, what a method and the loop around it make use of.

Files are read, not imported. Only the definitions that are reached count, so another method's helper in a shared file
changes nothing, and of these definitions neither comments, docstrings, formatting, annotations of functions,
descriptions of options nor the messages of errors.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from enco.errors import UserError
from enco.methods.outside import outside

PACKAGE = Path(__file__).parents[1]
LOOP = "enco.training.iterations"
"""The module that puts batches and steps in order."""
COPYING = "enco.training.copying"
"""The module that decides the first weights of a training with `copy_steps`."""
SETTINGS = ("config.run", "config.base", "config.compute", "options.base", "runtime.capabilities")
FILES = ("io.files", "io.fetch", "io.weights", "io.torch_file", "io.safetensors_file", "data.shared_memory")
MESSAGES = ("errors", "notices")
ASIDE = frozenset(f"enco.{name}" for name in ("methods", *SETTINGS, *FILES, *MESSAGES))
"""Modules that decide no weight by their code: the registry, settings (whose values are in a run's record), messages,
and files (published weights are known by their hash)."""

Digests = dict[str, str]
"""The first 16 hex digits of a SHA-256 for each file."""
Packages = Mapping[str, Path]
"""Folders of the packages whose code counts, or the file of one that is one file, by name."""
OURS: Packages = MappingProxyType({PACKAGE.name: PACKAGE})
ImportStatement = ast.Import | ast.ImportFrom


def method_sources(method: str, package: Path = PACKAGE, *, copies: bool = False) -> Digests:
    """Digest, by file, the code that decides the weights of a method, which `copies` images first or does not.

    Of a method of another package, the code of that package counts, too. Raises UserError for a method without a file.
    """
    module, packages = _place(method, package)
    if _file(module, packages) is None:
        raise UserError(f"There is no file {package / 'methods' / method}.py, where method '{method}' would be.")
    return _digests([module, LOOP, *([COPYING] if copies else [])], packages)


def module_sources(*modules: str, packages: Packages = OURS, aside: Collection[str] = ()) -> Digests:
    """Digest, by file, the code that modules of these packages make use of, but for the modules that are set aside."""
    return _digests(modules, packages, aside)


def _digests(modules: Iterable[str], packages: Packages, aside: Collection[str] = ()) -> Digests:
    found: dict[str, dict[str, list[Any]]] = {}
    for name, definition, node in _reached(modules, packages, {*ASIDE, *aside}):
        found.setdefault(name, {}).setdefault(definition, []).append(_content(node))
    return {_label(name, packages): _digest(content) for name, content in sorted(found.items())}


def _place(method: str, package: Path) -> tuple[str, Packages]:
    """Return the module of a method, and the packages whose code counts."""
    packages = {package.name: package}
    for place in outside().get(method, ()):
        return place.module, packages | place.roots
    return f"{package.name}.methods.{method}", packages


def changed_files(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """List files whose code differs between two trainings, or that only one of the trainings makes use of."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _reached(modules: Iterable[str], packages: Packages, aside: Collection[str]) -> Iterator[tuple[str, str, ast.AST]]:
    """Yield each definition that modules make use of once: module, name and syntax tree."""
    waiting = [(module, "*") for module in modules]
    seen = set(waiting)
    read: dict[str, dict[str, list[ast.stmt]]] = {}
    while waiting:
        module, name = waiting.pop()
        if module not in read:
            file = None if module in aside else _file(module, packages)
            read[module] = _names(file.read_bytes()) if file else {}
        names, uses = read[module], set[tuple[str, str]]()
        if name == "*":
            uses.update((module, key) for key in names if any(_is_ours(n, module, packages) for n in names[key]))
        for node in names.get(name, []):
            if isinstance(node, ast.Import | ast.ImportFrom):
                node = _only(node, name)
                uses.update(_imported(node, module, packages))
            else:
                uses |= {(module, ""), *_uses(node, module, packages, names)}
            yield module, name, node
        waiting += uses - seen
        seen |= uses


@cache
def _names(code: bytes) -> dict[str, list[ast.stmt]]:
    """Return the statements at the top of a module by the name that each binds; '' for those that bind none."""
    names: dict[str, list[ast.stmt]] = {"": []}
    for statement in _Bare().visit(ast.parse(code)).body:
        for name in _bound(statement) or [""]:
            names.setdefault(name, []).append(statement)
    return names


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    return [name for node in ast.walk(statement) for name in _bound_here(node)]


def _bound_here(node: ast.AST) -> list[str]:
    """List names that a node binds: of an assignment, an import, or a definition within an `if` or `try`."""
    if isinstance(node, ast.alias):
        return [_name_of(node)]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def _uses(node: ast.AST, module: str, packages: Packages, names: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the definitions, each by module and name, that a definition mentions."""
    mentioned, imports = _mentioned(node)
    used = {(module, name) for name in mentioned if name in names}
    return used.union(*(_imported(statement, module, packages) for statement in imports))


@cache
def _mentioned(node: ast.AST) -> tuple[set[str], list[ImportStatement]]:
    """Return the names and the import statements within a definition."""
    inside = list(ast.walk(node))
    names = {inner.id for inner in inside if isinstance(inner, ast.Name)}
    return names, [inner for inner in inside if isinstance(inner, ast.Import | ast.ImportFrom)]


def _is_ours(statement: ast.stmt, module: str, packages: Packages) -> bool:
    """Say whether a statement is more than an import of a library, which counts only where it is mentioned."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    return any(_file(source, packages) for source, _ in _imported(statement, module, packages))


def _only(node: ImportStatement, name: str) -> ImportStatement:
    """Reduce an import statement to what is called `name`."""
    names = [alias for alias in node.names if _name_of(alias) == name]
    return ast.Import(names) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, names, node.level)


def _name_of(alias: ast.alias) -> str:
    return (alias.asname or alias.name).partition(".")[0]


def _imported(node: ImportStatement, module: str, packages: Packages) -> Iterator[tuple[str, str]]:
    """Yield what an import statement imports, by module and name ('*' for a whole module)."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.name, "*"
            continue
        source = _absolute(node, module, packages)
        is_module = _file(f"{source}.{alias.name}", packages) is not None
        yield (f"{source}.{alias.name}", "*") if is_module else (source, alias.name)


def _absolute(node: ast.ImportFrom, module: str, packages: Packages) -> str:
    """Return the full name of the module in a `from` statement, also with leading dots."""
    if not node.level:
        return node.module or ""
    file = _file(module, packages)
    depth = node.level - (file is not None and file.name == "__init__.py")
    parts = module.split(".")
    return ".".join([*parts[: len(parts) - depth], *([node.module] if node.module else [])])


def _file(module: str, packages: Packages) -> Path | None:
    """Find the file of a module of the packages; of `enco` itself none, as its face decides nothing."""
    top, *parts = module.split(".")
    root = packages.get(top)
    if root is None or module == PACKAGE.name:
        return None
    path = root.joinpath(*parts)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _label(module: str, packages: Packages) -> str:
    file = _file(module, packages)
    return file.relative_to(packages[module.partition(".")[0]].parent).as_posix() if file else module


class _Bare(ast.NodeTransformer):
    """Remover of all that does not change what a module computes."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        test = ast.unparse(node.test)
        if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING") or "__name__" in test:
            return [self.visit(statement) for statement in node.orelse]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg == "description" else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return self.generic_visit(node)


@cache
def _content(definition: ast.AST) -> Any:
    """Return a definition as lists and texts; methods share most definitions, so each is turned into them once."""
    return _plain(definition)


def _plain(node: Any) -> Any:
    """Turn a syntax tree into lists and texts that are equal on every version of Python."""
    if isinstance(node, ast.AST):
        fields = {name: _plain(value) for name, value in ast.iter_fields(node) if value not in (None, [])}
        return [type(node).__name__, {name: fields[name] for name in fields if name not in ("kind", "type_comment")}]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return repr(node)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
