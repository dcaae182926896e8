"""The ledger: each claim with what the paper's numbers and the measured ones say of it, in words and as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from enco.errors import UserError
from eval.claims.checks import Difference, Finding, Part, parts
from eval.claims.evidence import Evidence, printed
from eval.claims.spec import Claim, Place
from eval.claims.verdicts import Judgement, Verdict, judge
from eval.extractors import FID
from eval.published import Published
from eval.tables.columns import METRICS, printed_name
from eval.tables.layout import decimals_for
from eval.tables.protocol import ProtocolLine, Provenance, describe_scale
from eval.tables.spec import TableSpec
from eval.uncertainty.differences import SURE, probability_text

NO_SPREAD = "nothing is known of the spread: one seed, and no sampling uncertainty"


@dataclass(frozen=True)
class Line:
    """One claim with both judgements."""

    claim: Claim
    paper: Judgement
    ours: Judgement


@dataclass(frozen=True)
class Ledger:
    """All claims judged, and what the files say of how."""

    lines: Sequence[Line]
    tables: Mapping[str, TableSpec]
    """The configuration's tables by their keys in published.csv."""
    provenance: Provenance
    seeds: Sequence[int]

    @property
    def other_scale(self) -> str:
        """Return ' at scale small' where the measured numbers are not of the paper's scale."""
        return "" if self.provenance.comparable else f" at scale {self.provenance.scale}"

    def said(self, judgement: Judgement, distance: str) -> str:
        """Return by how much and with what probability, and of which numbers; without a number why there is none."""
        if judgement.tightest is None:
            return "; ".join(judgement.reasons)
        part, finding = judgement.tightest
        facts = [probability(judgement), f"{_margin(part, finding)}: {self._numbers(part, finding, distance)}"]
        if judgement.count > 1:
            facts.append(f"the least of {judgement.known} comparisons")
        if judgement.reasons:
            absent = judgement.count - judgement.known
            facts.append(f"no number for {absent} of {judgement.count} ({'; '.join(judgement.reasons)})")
        if judgement.verdict is Verdict.UNDECIDED and not judgement.has_probability:
            facts.append(NO_SPREAD)
        return ", ".join(filter(None, facts))

    def _numbers(self, part: Part, finding: Finding, distance: str) -> str:
        """Return 'EnCo 55.5, NEG CUT 55.9 (Cat→Dog FID)'."""
        places = part.left, part.right
        rows, texts = [self._row(place) for place in places], map(_text, places, finding.values)
        about = f"{self._task(part.left)} {printed_name(METRICS[part.left[3]].header, distance)}".strip()
        return f"{', '.join(map(' '.join, zip(rows, texts, strict=True)))} ({about})"

    def _row(self, place: Place) -> str:
        """Return a row as the table prints it, by its key where the table shows keys."""
        table = self.tables.get(place[0])
        rows = {row.key: row.label for row in table.rows} if table and not table.show_keys else {}
        return rows.get(place[1], place[1])

    def _task(self, place: Place) -> str:
        table = self.tables.get(place[0])
        headers = {column.task: column.header for column in table.columns} if table else {}
        return headers.get(place[2], place[2])

    @property
    def footer(self) -> list[ProtocolLine]:
        """How the verdicts were found, and of what."""
        about = self.provenance
        paper, ours = _counts(line.paper for line in self.lines), _counts(line.ours for line in self.lines)
        return [
            ("Verdicts", f"the paper's numbers: {paper}; these: {ours}"),
            ("Scale", describe_scale(about)),
            *([("Part of the tables", f"only {about.part}")] if about.part else []),
            *([("Distance", f"{about.distance} stands for the paper's FID")] if about.distance != FID else []),
            ("Seeds", ", ".join(map(str, self.seeds))),
            ("Paper", "judged by the digits as printed, which have no uncertainty; equal digits are no difference"),
            (
                "Probability",
                f"that all of a claim's comparisons hold, by Student's t; holds from {SURE:.0%}, fails from"
                f" {1 - SURE:.0%} down, ≥ and ≤ where only a bound is known",
            ),
            ("Written at", f"commit {about.commit}"),
        ]


def build_ledger(
    claims: Sequence[Claim],
    published: Published,
    evidence: Evidence,
    tables: Mapping[str, TableSpec],
    provenance: Provenance,
    seeds: Sequence[int],
) -> Ledger:
    """Judge every claim by the paper's numbers and by the measured ones.

    Raises UserError for a claim to be the best of a table of which the paper prints no other row.
    """
    lines = []
    for claim in claims:
        if not (compared := parts(claim.check, published)):
            raise UserError(
                f"The claim '{claim.key}' compares nothing, as the paper prints no other row there: name rows with the"
                " kind 'lower' or 'higher'."
            )
        lines.append(Line(claim, judge(compared, printed(published)), judge(compared, evidence)))
    return Ledger(lines, tables, provenance, seeds)


def _counts(judgements: Iterable[Judgement]) -> str:
    found = Counter(judgement.verdict for judgement in judgements)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict)


def probability(judgement: Judgement) -> str:
    """Return 'P = 0.970', or bounds that are not 0 or 1 in print; empty where no number has a spread."""
    if not judgement.has_probability or not judgement.spreads:
        return ""
    low, high = judgement.low, judgement.high
    if low == high:
        return probability_text(low)
    bounds = [probability_text(low, "≥")] * (round(low, 3) > 0) + [probability_text(high, "≤")] * (round(high, 3) < 1)
    return " and ".join(dict.fromkeys(bounds))


def _margin(part: Part, finding: Finding) -> str:
    """Return 'by 6.4', against the claim 'short by 2.3'; of a quotient its value, and what was claimed."""
    if isinstance(part, Difference):
        size = f"{abs(finding.margin):.{decimals_for(finding.values[0], part.left[3])}f}"
        return f"by {size}" if finding.margin > 0 else f"short by {size}"
    unit, digits = (" %", 1) if part.percent else ("", 3)
    found = f"{part.measure(*finding.values):.{digits}f}{unit}" if finding.values[1] else "no quotient"
    return f"{found}, claimed {part.value:g}{unit} ± {part.tolerance:g}"


def _text(place: Place, value: float) -> str:
    return f"{value:.{decimals_for(value, place[3])}f}"
