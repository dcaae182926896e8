"""config/claims.yaml: every claim is about cells that the tables have and the paper prints, and mistakes are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from enco.errors import UserError
from eval.claims.checks import parts
from eval.claims.evidence import printed
from eval.claims.spec import Claim, load_claims
from eval.claims.verdicts import Verdict, judge
from eval.published import read_published
from eval.tables.columns import parts as joined
from tests.support.table_runs import PUBLISHED, ROOT, TABLES

CLAIMS = load_claims(ROOT / "config" / "claims.yaml")
PRINTED = read_published(PUBLISHED)
CELLS = {
    (table.key, row.key, column.task, metric)
    for table in TABLES.values()
    for row in table.rows
    for column in table.columns
    for name in column.metrics
    for metric in joined(name)
}


def test_there_are_at_least_twenty_claims_each_with_its_source() -> None:
    assert len(CLAIMS) >= 20
    assert all(claim.sentence.endswith(".") and "Table" in claim.source for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_a_claim_is_about_cells_that_tables_have_and_the_paper_prints(claim: Claim) -> None:
    compared = parts(claim.check, PRINTED)
    places = {place for part in compared for place in (part.left, part.right)}
    assert places and places <= CELLS
    assert judge(compared, printed(PRINTED)).known == len(compared)


def test_what_the_papers_own_numbers_do_not_bear_out_is_noted() -> None:
    verdicts = {claim.key: judge(parts(claim.check, PRINTED), printed(PRINTED)).verdict for claim in CLAIMS}
    failed = {key for key, verdict in verdicts.items() if verdict is Verdict.FAILS}
    assert failed == {"recall-cut-everywhere", "sampling-bias-order"}
    assert set(verdicts.values()) == {Verdict.HOLDS, Verdict.FAILS}
    assert all(claim.note for claim in CLAIMS if claim.key in failed)


GOOD: dict[str, Any] = {"kind": "lower", "table": 1, "row": "enco", "than": ["cut"], "tasks": ["cat2dog"]}


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (GOOD | {"kind": "smaller"}, "Unknown kind 'smaller' in claim 'a' of .*: choose one of best, higher"),
        (GOOD | {"tusks": []}, "Unknown key 'tusks' in claim 'a' .*: choose one of kind, metrics, row"),
        (GOOD | {"metrics": ["FIT"]}, "Unknown metric 'FIT'"),
        (GOOD | {"than": []}, "Invalid setting 'than'"),
        (
            {"kind": "ratio", "of": ["1", "a", "b", "FIT"], "to": ["1", "a", "b", "FID"], "value": 1, "tolerance": 1},
            "FIT",
        ),
        ({"kind": "ratio", "of": ["1", "a", "b"], "to": ["1", "a", "b", "FID"], "value": 1, "tolerance": 1}, "'of.3'"),
        ("lower", "Claim 1 of .* has no mapping under the key 'check'"),
    ],
)
def test_a_mistake_is_named_with_the_choices(check: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        load_claims(claims_file(tmp_path, {"key": "a", "check": check}))


def test_a_key_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'a' is in .* twice"):
        load_claims(claims_file(tmp_path, {"key": "a", "check": GOOD}, {"key": "a", "check": GOOD}))


@pytest.mark.parametrize("content", ["claims: {}", "tables: {}"])
def test_a_file_without_a_list_of_claims_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(content)
    with pytest.raises(UserError, match="no list under the key 'claims'"):
        load_claims(tmp_path / "claims.yaml")


def claims_file(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [{"sentence": "It is.", "source": "Table 1"} | one for one in entries]}))
    return path
