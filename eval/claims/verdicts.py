"""What the comparisons of one claim say together: holds, fails, undecided or not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.claims.checks import Finding, Part, find
from eval.claims.evidence import Evidence
from eval.uncertainty.differences import SURE


class Verdict(StrEnum):
    """What numbers say of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


def in_words(verdict: str, spread_of: str) -> str:
    """Return a verdict for people: of single trainings where seeds take no part in its probability.

    `spread_of` says what the compared numbers were drawn anew of.
    """
    decided, by_images = verdict in (Verdict.HOLDS, Verdict.FAILS), "test images" in spread_of
    return f"{verdict} for these trainings" if decided and by_images and "seeds" not in spread_of else verdict


@dataclass(frozen=True)
class Judgement:
    """A claim's verdict, the bounds of its probability, and the comparison that is the least in its favour.

    `count` comparisons make up the claim, and `known` of them have both numbers. `reasons` say why others have not.
    """

    verdict: Verdict
    low: float
    high: float
    count: int
    known: int
    tightest: tuple[Part, Finding] | None
    spreads: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def spread_of(self) -> str:
        """What the compared numbers were drawn anew of."""
        return "; ".join(self.spreads)

    @property
    def has_probability(self) -> bool:
        """Whether anything is known of the probability."""
        return self.low > 0 or self.high < 1


def judge(parts: Sequence[Part], evidence: Evidence) -> Judgement:
    """Judge a claim, which is that all of its comparisons hold.

    Comparisons may share a cell, so their joint probability is bounded and not multiplied: it is at most the least of
    theirs, and at least 1 - the sum of what each lacks. A comparison that nothing is known of may have any probability.
    The claim holds if the lower bound is at least SURE, and fails if the upper one is at most 1 - SURE.
    """
    findings = [(part, find(part, evidence)) for part in parts]
    known = [(part, finding) for part, finding in findings if finding]
    probabilities = [finding.probability if finding else None for _, finding in findings]
    low = max(0.0, sum(p or 0.0 for p in probabilities) - (len(parts) - 1))
    high = min(1.0 if p is None else p for p in probabilities)
    return Judgement(
        _verdict(low, high, whole=len(known) == len(parts)),
        low,
        high,
        len(parts),
        len(known),
        min(known, key=lambda one: one[1].margin, default=None),
        tuple(dict.fromkeys(name for _, finding in known for name in finding.spreads)),
        _reasons([part for part, finding in findings if not finding], evidence),
    )


def _verdict(low: float, high: float, whole: bool) -> Verdict:
    if high <= 1 - SURE + 1e-12:
        return Verdict.FAILS
    if low >= SURE - 1e-12:
        return Verdict.HOLDS
    return Verdict.UNDECIDED if whole else Verdict.NOT_MEASURED


def _reasons(missing: Sequence[Part], evidence: Evidence) -> tuple[str, ...]:
    places = [place for part in missing for place in (part.left, part.right) if place not in evidence.numbers]
    return tuple(dict.fromkeys(evidence.reason(place) for place in places))
