"""Which numbers of a column are bold and which underlined, by one of two rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from eval.tables.spec import Rule
from eval.uncertainty.differences import SURE, Difference

Mark = Literal["", "bold", "underlined"]
FORMER: tuple[Mark, ...] = ("", "bold", "underlined")
"""Marks by rank."""


def marks(texts: Sequence[str], better: str, told: Sequence[Difference | None], rule: Rule) -> list[Mark]:
    """Mark the numbers of one column, given as printed, and each with its difference to the best where one is known.

    By the rule `best` the best is bold and the second underlined. By the rule `certain` a number is bold that is
    better than every other with a probability of at least SURE, and underlined are the best and all that are not known
    to be surely worse; where nothing is known of any number's uncertainty, the best is bold.
    """
    if rule == "certain" and any(one and one.rank_low for one in told):
        return [_certain_mark(one) for one in told]
    marked = FORMER if rule == "best" else FORMER[:2]
    return [marked[rank] if rank < len(marked) else "" for rank in ranks(texts, better)]


def _certain_mark(one: Difference | None) -> Mark:
    if one is None:
        return ""
    if one.rank_high == 1:
        return "bold"
    is_told = one.row != one.best and one.p_better is not None and one.p_better <= 1 - SURE
    return "" if is_told else "underlined"


def ranks(texts: Sequence[str], better: str) -> list[int]:
    """Return 1 for the best, 2 for the second, 0 for the rest, compared as printed: equal digits share a rank.

    A column of equal numbers, or of only one, gets no rank.
    """
    means = [float(text.split(" ")[0]) if text else None for text in texts]
    distinct = {mean for mean in means if mean is not None}
    order = sorted(distinct, reverse=better == "higher")[:2] if len(distinct) > 1 else []
    return [order.index(mean) + 1 if mean in order else 0 for mean in means]


def legend(rule: Rule, is_sure: bool, bold: str, underlined: str) -> str:
    """Return what marks say by a rule, given words for both marks; `is_sure` where some differences are known."""
    if rule == "best":
        return f"Best {bold}, second {underlined}"
    if not is_sure:
        return f"Best {bold}"
    return (
        f"What is better than every other row with P ≥ {SURE} is {bold}; where nothing is, the best and all that cannot"
        f" be told from it are {underlined}; where no ± stands, the best is {bold}"
    )
