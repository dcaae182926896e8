"""Write the JSON schemas of the configuration files, and the page of all settings: `python -m workflow.schema`."""

from __future__ import annotations

import argparse
import json
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enco import methods, options
from enco.config.commands import show_example
from enco.datasets.catalogue import Dataset, TaskConfig
from enco.errors import run_cli
from enco.io.files import atomic_path
from enco.options.base import MethodInfo
from eval.claims.spec import Claim
from eval.released.catalogue import Catalogue
from eval.tables.columns import JOINT, METRICS
from eval.tables.spec import TableSpec
from workflow.plan.scale import ScaleConfig

Schema = dict[str, Any]
SCHEMAS = Path("config", "schemas")
PAGE = Path("docs", "configuration.md")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
HUGE = 1e6
"""Bounds from here on go without saying."""
KINDS = {"string": "text", "integer": "whole number", "boolean": "true, false"}
"""JSON's types in plain words."""
INTRODUCTION = """# Configuration

Every key of a scale's file: `config/demo.yaml`, `config/small.yaml`, `config/paper.yaml` or one of your own. The page
is made from the classes that check these files, by `python -m workflow.schema`. A key or value that none of them knows
stops Snakemake with one sentence. Editors that know YAML schemas complete and check the files: the first line of each
names its schema in `config/schemas/`. Any key can be given for one call: `snakemake --config seeds=[0,1,2]`.

`python -m enco.methods NAME` prints a method's options with their defaults. `config/README.md` says which file holds
what.
"""


def scale_schema() -> Schema:
    """Return the schema of a scale's file, with the options of every method of this repository."""
    schema = ScaleConfig.model_json_schema()
    inner, keys = schema["$defs"], schema["properties"]
    known = {name: info.Options.model_json_schema()["properties"] for name, info in sorted(_infos().items())}
    shared = set.intersection(*map(set, known.values()))
    common = {key: value for key, value in known["cut"].items() if key in shared}
    inner["Options"] = _options({"all": common, **known})
    keys["options"] = {"$ref": "#/$defs/Options", "description": keys["options"]["description"]}
    keys["task_options"] |= _each({"$ref": "#/$defs/Options"})
    keys["epochs"]["required"] = ["default"]
    for key, of in (("tables", tables_schema()), ("tasks", datasets_schema())):
        inner |= of["$defs"]
        keys[key]["anyOf"] = [{"type": "string"}, of["properties"][key]]
    for part in inner["Only"]["properties"].values():  # a single name stands for a list of one
        part["type"] = ["array", "string"]
    return schema


def _infos() -> dict[str, MethodInfo]:
    """Return the methods of this repository: one of the user's own changes no committed file."""
    ours = {module.name for module in pkgutil.iter_modules(options.__path__)}
    return {name: info for name, info in methods.infos().items() if name in ours}


def _options(known: Mapping[str, Mapping[str, Any]]) -> Schema:
    """Return options by method; those of a method of the user's own are not checked."""
    return {"type": "object", "properties": {name: _closed(each) for name, each in known.items()}}


def _closed(properties: Mapping[str, Any]) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def tables_schema() -> Schema:
    """Return the schema of a file of tables, in which a row may leave out what its key tells."""
    schema = TableSpec.model_json_schema()
    inner = schema.pop("$defs")
    del schema["properties"]["name"]
    schema["required"].remove("name")
    inner["RowSpec"]["required"] = ["key"]
    inner["ColumnSpec"]["properties"]["metrics"]["items"] = {"enum": [*METRICS, *JOINT]}
    return {**_closed({"tables": _each(schema)}), "$defs": inner}


def datasets_schema() -> Schema:
    """Return the schema of a file of tasks and data sets."""
    found = {"tasks": TaskConfig.model_json_schema(), "datasets": Dataset.model_json_schema()}
    inner = {name: each for schema in found.values() for name, each in schema.pop("$defs", {}).items()}
    return {**_closed({key: _each(schema) for key, schema in found.items()}), "$defs": inner}


def claims_schema() -> Schema:
    """Return the schema of a file of claims."""
    claim = Claim.model_json_schema()
    inner = claim.pop("$defs")
    for check in inner.values():  # a table may be named by its number, and so may the one of a place
        _let_numbers_be_names(check)
    return {**_closed({"claims": {"type": "array", "items": claim}}), "$defs": inner}


def _let_numbers_be_names(check: Schema) -> None:
    for key in check["properties"].keys() & {"table"}:
        check["properties"][key]["type"] = ["string", "integer"]
    for key in check["properties"].keys() & {"of", "to"}:
        check["properties"][key]["prefixItems"][0]["type"] = ["string", "integer"]


def _each(schema: Schema) -> Schema:
    """Return the schema of a mapping whose every value is of a schema."""
    return {"type": "object", "additionalProperties": schema}


def schemas() -> dict[str, Schema]:
    """Return the schema of each kind of configuration file, by the schema's file name."""
    found = {
        "scale": scale_schema(),
        "tables": tables_schema(),
        "datasets": datasets_schema(),
        "claims": claims_schema(),
        "released": Catalogue.model_json_schema(),
    }
    return {f"{name}.json": {"$schema": DRAFT, **schema} for name, schema in found.items()}


def page() -> str:
    """Return the page of all settings of a scale."""
    schema = ScaleConfig.model_json_schema()
    return "\n".join([INTRODUCTION, *_section("The scale", schema, schema["$defs"]), ""])


def _section(title: str, schema: Schema, classes: Mapping[str, Schema]) -> Iterator[str]:
    """Yield the table of a class's keys, and then those of the classes that keys hold."""
    yield f"## {title}\n\n| key | value | default | what it is |\n|---|---|---|---|"
    for key, about in schema["properties"].items():
        yield _line(key, about, classes, needed=key in schema.get("required", []))
    for key, about in schema["properties"].items():
        if held := _held(about, classes):
            yield ""
            yield from _section(f"`{key}`", held, classes)


def _held(about: Schema, classes: Mapping[str, Schema]) -> Schema | None:
    """Return the class that a key holds; None for a plain value."""
    return classes[about["$ref"].rpartition("/")[2]] if "$ref" in about else None


def _line(key: str, about: Schema, classes: Mapping[str, Schema], needed: bool) -> str:
    held = _held(about, classes)
    said = about.get("description") or (held or {}).get("description", "")
    default = about.get("default", {} if about.get("type") == "object" else None)
    shown = "see below" if held else f"`{json.dumps(default, ensure_ascii=False)}`"
    cells = (f"`{key}`", _kind(about), "needed" if needed else shown, said.replace("\n", " "))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _kind(about: Schema) -> str:
    """Name the values that a key takes, as a user would write them."""
    if "$ref" in about:
        return "keys below"
    if "anyOf" in about:
        return " or ".join(dict.fromkeys(map(_kind, about["anyOf"])))
    if "enum" in about or "const" in about:
        return ", ".join(f"`{value}`" for value in about.get("enum", [about.get("const")]))
    kind: str = about.get("type", "any")
    if kind == "array":
        parts = about.get("prefixItems") or filter(None, [about.get("items")])
        return f"list of {', '.join(dict.fromkeys(map(_kind, parts)))}"
    if kind == "object":
        values = about.get("additionalProperties")
        return f"mapping to {_kind(values)}" if isinstance(values, dict) else "mapping"
    return f"{KINDS.get(kind, kind)}{_bounds(about)}"


def _bounds(about: Schema) -> str:
    """Say between which numbers a value lies."""
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {about[key]:g}" for key, sign in limits.items() if abs(about.get(key, HUGE)) < HUGE]
    return f" {', '.join(said)}" if said else ""


def write(root: Path) -> list[Path]:
    """Write all schemas and the page below a folder, and return them."""
    texts = {
        SCHEMAS / name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in schemas().items()
    }
    texts[PAGE] = page()
    for path, text in texts.items():
        with atomic_path(root / path) as partial:
            partial.write_text(text, encoding="utf-8")
    return [root / path for path in texts]


def main() -> None:
    """Write schemas and page into this repository."""
    parser = argparse.ArgumentParser(prog="python -m workflow.schema", description=__doc__)
    show_example(parser, "")
    parser.parse_args()
    print(*write(Path(__file__).parents[1]), sep="\n")


if __name__ == "__main__":
    run_cli(main)
