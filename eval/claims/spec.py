"""Claims declared: a sentence, where the paper says it, and a check on cells; config/claims.yaml has the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from enco.config.base import Settings, parse
from enco.config.yaml import read_yaml
from enco.errors import UserError, unknown
from eval.tables.columns import METRICS

Key = Annotated[str, BeforeValidator(str)]
"""A table's key as in published.csv: the paper's number, else the table's name."""
Place = tuple[Key, str, str, str]
"""Table, row, task and metric of a cell, as in published.csv."""


class TableCheck(Settings):
    """A check within one table, made on every task and metric named."""

    table: Key
    tasks: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(("FID",), min_length=1)


class Comparison(TableCheck):
    """A row's number is lower, or higher, than that of each other row named."""

    kind: Literal["lower", "higher"]
    row: str
    than: tuple[str, ...] = Field(min_length=1)


class Best(TableCheck):
    """A row's number is better than that of every other row for which the paper's table prints one."""

    kind: Literal["best"]
    row: str


class Order(TableCheck):
    """Rows stand in an order from best to worst."""

    kind: Literal["order"]
    rows: tuple[str, ...] = Field(min_length=2)


class About(Settings):
    """One cell divided by another is about a value; or the first is a value in percent less than the other."""

    kind: Literal["ratio", "percent_less"]
    of: Place
    to: Place
    value: float = Field(ge=-10_000, le=10_000, description="The quotient, or percent; negative where it is more.")
    tolerance: float = Field(gt=0, description="Half the width of 'about': of the ratio, or in percentage points.")


Check = Comparison | Best | Order | About
KINDS: Mapping[str, type[Check]] = {
    **dict.fromkeys(("lower", "higher"), Comparison),
    "best": Best,
    "order": Order,
    **dict.fromkeys(("ratio", "percent_less"), About),
}


class Claim(Settings):
    """One claim of the paper."""

    key: str = Field(pattern=r"^[a-z0-9-]+$")
    sentence: str = Field(description="What is claimed, in one sentence of our own.")
    source: str = Field(description="Where the paper says it: table, or text and table.")
    note: str = Field("", description="What a reader has to know of the paper's own numbers.")
    check: Check


def load_claims(path: Path) -> list[Claim]:
    """Read the claims under the key `claims` of a YAML file, in order.

    Raises UserError, with the valid choices, for an unknown kind, key or metric, and for a key given twice.
    """
    entries = read_yaml(path, "config/claims.yaml").get("claims")
    if not isinstance(entries, list):
        raise UserError(f"{path} has no list under the key 'claims': see config/claims.yaml.")
    claims = [_claim(entry, number, path) for number, entry in enumerate(entries, 1)]
    keys = [claim.key for claim in claims]
    if repeated := next((key for key in keys if keys.count(key) > 1), None):
        raise UserError(f"The claim '{repeated}' is in {path} twice: rename one of them.")
    return claims


def _claim(entry: Any, number: int, path: Path) -> Claim:
    if not isinstance(entry, dict) or not isinstance(entry.get("check"), dict):
        raise UserError(f"Claim {number} of {path} has no mapping under the key 'check': see config/claims.yaml.")
    where = f"claim '{entry.get('key', number)}' of {path}"
    kind = entry["check"].get("kind")
    if kind not in KINDS:
        raise unknown("kind", str(kind), KINDS, where)
    claim = parse(Claim, {**entry, "check": parse(KINDS[kind], entry["check"], where)}, where)
    for metric in _metrics(claim.check):
        if metric not in METRICS:
            raise unknown("metric", metric, METRICS, where)
    return claim


def _metrics(check: Check) -> Iterator[str]:
    yield from (check.of[3], check.to[3]) if isinstance(check, About) else check.metrics
