"""The ledger in its three formats: what is said of each verdict, at the paper's scale and at another."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from enco.errors import UserError
from eval.claims.evidence import EXACT, Evidence, Number, Spread
from eval.claims.ledger import Ledger, build_ledger
from eval.claims.render import to_csv, to_html, to_markdown, write_ledger
from eval.claims.spec import KINDS, Claim, Place
from eval.published import read_published
from tests.support.table_runs import DEMO, PAPER, PUBLISHED, TABLES

SPECS = {spec.key: spec for spec in TABLES.values()}


def place(row: str, table: str = "1", task: str = "horse2zebra", metric: str = "FID") -> Place:
    return table, row, task, metric


def claim(kind: str = "lower", **about: Any) -> Claim:
    known = {} if kind == "ratio" else {"table": 1, "row": "enco", "than": ["cut"], "tasks": ["horse2zebra"]}
    check = KINDS[kind].model_validate({"kind": kind, **known, **about})
    return Claim(key="it-is", sentence="It is <so>.", source="Table 1", note="Or | not.", check=check)


def ledger(numbers: dict[Place, Number], *claims: Claim, paper: bool = True, **reasons: str) -> Ledger:
    evidence = Evidence(numbers, {place(row): why for row, why in reasons.items()})
    about = PAPER if paper else DEMO
    return build_ledger(claims or [claim()], read_published(PUBLISHED), evidence, SPECS, about, [0, 1])


def said(found: Ledger) -> tuple[str, str]:
    line = next(csv.DictReader(to_csv(found).splitlines()))
    return line["verdict"], line["said"]


CLEAR = {place("enco"): Number(40.0, Spread(1.0, "seeds")), place("cut"): Number(50.0, Spread(2.0, "seeds"))}
SWAPPED = dict(zip(CLEAR, reversed(CLEAR.values()), strict=True))
CLOSE = {place("enco"): Number(40.0, Spread(3.0, "seeds")), place("cut"): Number(39.0, Spread(4.0, "seeds"))}


@pytest.mark.parametrize(
    ("numbers", "verdict", "words"),
    [
        (CLEAR, "holds", "P > 0.999, by 10.0: EnCo 40.0, CUT 50.0 (Horse→Zebra FID)"),
        (CLOSE, "undecided", "P = 0.421, short by 1.0: EnCo 40.0, CUT 39.0 (Horse→Zebra FID)"),
        (SWAPPED, "fails", "P < 0.001, short by 10.0: EnCo 50.0, CUT 40.0 (Horse→Zebra FID)"),
        (
            {place("enco"): Number(40.0, None), place("cut"): Number(50.0, None)},
            "undecided",
            "by 10.0: EnCo 40.0, CUT 50.0 (Horse→Zebra FID), nothing is known of the spread: one seed, and no sampling"
            " uncertainty",
        ),
        ({place("cut"): Number(50.0, None)}, "not measured", "diverged"),
    ],
)
def test_a_verdict_stands_with_its_probability_and_its_numbers(
    numbers: dict[Place, Number], verdict: str, words: str
) -> None:
    found = said(ledger(numbers, enco="diverged"))
    assert found[0] == verdict and found[1].startswith(words)


def test_the_least_favourable_comparison_is_shown_and_what_is_missing_is_counted() -> None:
    several = claim(than=["cut", "negcut", "munit"])
    numbers = {**CLEAR, place("negcut"): Number(41.0, Spread(1.0, "seeds"))}
    assert said(ledger(numbers, several, munit="not trained yet")) == (
        "not measured",
        "P ≤ 0.760, by 1.0: EnCo 40.0, NEG CUT 41.0 (Horse→Zebra FID), the least of 2 comparisons,"
        " no number for 1 of 3 (not trained yet)",
    )


def test_a_bound_that_says_nothing_is_left_out() -> None:
    found = said(ledger(CLEAR, claim(than=["cut", "munit"]), munit="not trained yet"))
    assert found[1].startswith("by 10.0: EnCo 40.0"), "P ≤ 1.000 would say nothing"


def test_a_quotient_says_what_was_claimed() -> None:
    of, to = place("F", "3", metric="sec/iter"), place("cut", metric="sec/iter")
    about = claim("ratio", of=of, to=to, value=0.57, tolerance=0.05)
    found = ledger({of: Number(0.1, EXACT), to: Number(0.2, EXACT)}, about)
    assert said(found) == ("fails", "0.500, claimed 0.57 ± 0.05: F 0.100, CUT 0.200 (Horse→Zebra sec/iter)")


def test_another_scale_is_named_wherever_a_verdict_stands_and_its_distance_is_no_fid(tmp_path: Path) -> None:
    found = ledger(CLEAR, paper=False)
    assert "holds at scale demo" in (text := to_markdown(found)) and "(at scale demo, not the paper's)" in text
    assert "Horse→Zebra FD (random Inception)" in text and "FD (random Inception) stands for the paper's FID" in text
    assert "**holds**, by 6.4: EnCo 39.1, CUT 45.5 (Horse→Zebra FID)" in text, "the paper's numbers are FID"
    assert '<strong class="best">holds at scale demo</strong>' in to_html(found)
    assert "at scale" not in to_markdown(ledger(CLEAR))
    line = next(csv.DictReader(to_csv(found).splitlines()))
    assert (line["scale"], line["comparable"], line["paper_verdict"]) == ("demo", "no", "holds")
    write_ledger(found, {"md": tmp_path / "claims.md"})
    assert (tmp_path / "claims.md").read_text(encoding="utf-8") == text


def test_each_format_escapes_what_it_has_to_and_says_seeds_and_commit() -> None:
    found = ledger(CLEAR)
    assert "It is \\<so>. (Or \\| not.)" in to_markdown(found) and "It is &lt;so&gt;." in to_html(found)
    for text in (to_csv(found), to_markdown(found), to_html(found)):
        assert "commit 0123abc" in text and "0, 1" in text
        assert "the paper's numbers: 1 holds, 0 fails" in text.replace("&#39;", "'")


def test_a_best_of_a_table_that_the_paper_does_not_print_is_refused() -> None:
    check = KINDS["best"].model_validate({"kind": "best", "table": "facades", "row": "enco", "tasks": ["facades"]})
    best = claim().model_copy(update={"check": check})
    with pytest.raises(UserError, match="'it-is' compares nothing"):
        ledger(CLEAR, best)
