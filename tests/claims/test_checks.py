"""Each kind of check against numbers written by hand: printed, measured, missing, equal, and of known spread."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.claims.checks import Difference, Quotient, find, parts
from eval.claims.evidence import EXACT, Evidence, Number, Spread, measured, printed, spread
from eval.claims.spec import KINDS, Check, Place
from eval.claims.verdicts import Judgement, Verdict, judge
from eval.published import Published
from eval.tables.cells import COLUMNS
from eval.uncertainty.differences import Entry

ONE: Published = {
    ("1", row, task, "FID"): text
    for task, texts in (("cat2dog", ("10.0", "12.0", "12.0")), ("horse2zebra", ("20.0", "19.9", "30.0")))
    for row, text in zip(("enco", "cut", "munit"), texts, strict=True)
}


def check(kind: str, **about: Any) -> Check:
    return KINDS[kind].model_validate({"kind": kind, "table": "1", "tasks": ["cat2dog"], **about})


def about(kind: str, value: float, tolerance: float, of: str = "enco", to: str = "cut") -> Check:
    places = {name: ("1", row, "cat2dog", "FID") for name, row in (("of", of), ("to", to))}
    return KINDS[kind].model_validate({"kind": kind, "value": value, "tolerance": tolerance, **places})


@pytest.mark.parametrize(
    ("claimed", "verdict", "margin", "count"),
    [
        (check("lower", row="enco", than=["cut"]), "holds", 2.0, 1),
        (check("higher", row="enco", than=["cut"]), "fails", -2.0, 1),
        (check("higher", row="cut", than=["enco"]), "holds", 2.0, 1),
        (check("lower", row="cut", than=["munit"]), "fails", 0.0, 1),
        (check("higher", row="cut", than=["munit"]), "fails", 0.0, 1),
        (check("lower", row="enco", than=["cut", "munit"], tasks=["cat2dog", "horse2zebra"]), "fails", -0.1, 4),
        (check("best", row="enco"), "holds", 2.0, 2),
        (check("best", row="cut", tasks=["horse2zebra"]), "holds", 0.1, 2),
        (check("order", rows=["enco", "cut", "munit"]), "fails", 0.0, 2),
        (check("order", rows=["cut", "enco", "munit"], tasks=["horse2zebra"]), "holds", 0.1, 2),
        (about("ratio", 0.8, 0.05), "holds", 0.05 - (10 / 12 - 0.8), 1),
        (about("ratio", 0.8, 0.03), "fails", 0.03 - (10 / 12 - 0.8), 1),
        (about("percent_less", 16.7, 1), "holds", 1 - (16.7 - 100 / 6), 1),
        (about("percent_less", 10, 1), "fails", 1 - (100 / 6 - 10), 1),
        (about("percent_less", -20, 0.5, of="cut", to="enco"), "holds", 0.5, 1),
    ],
)
def test_printed_numbers_decide_by_their_digits(claimed: Check, verdict: str, margin: float, count: int) -> None:
    found = judge(parts(claimed, ONE), printed(ONE))
    assert (found.verdict, found.count, found.known) == (verdict, count, count)
    assert found.tightest is not None and found.tightest[1].margin == pytest.approx(margin)
    assert found.low == found.high == (verdict == "holds")


@pytest.mark.parametrize(
    ("metric", "better"), [("recall", "munit"), ("mAP", "munit"), ("FID", "enco"), ("sec/iter", "enco")]
)
def test_the_best_is_the_highest_where_higher_is_better(metric: str, better: str) -> None:
    published = {("1", row, "t", metric): text for row, text in (("enco", "1.0"), ("cut", "2.0"), ("munit", "3.0"))}
    for row in ("enco", "munit"):
        found = judge(parts(check("best", row=row, tasks=["t"], metrics=[metric]), published), printed(published))
        assert (found.verdict is Verdict.HOLDS) is (row == better)


LEFT, RIGHT = ("1", "enco", "cat2dog", "FID"), ("1", "cut", "cat2dog", "FID")


def evidence(left: Number | None, right: Number | None) -> Evidence:
    numbers: dict[Place, Number | None] = {LEFT: left, RIGHT: right}
    return Evidence(
        {place: number for place, number in numbers.items() if number}, {LEFT: "diverged"}, {"1": "no table"}
    )


def verdict(left: Number | None, right: Number | None) -> Judgement:
    return judge([Difference(LEFT, RIGHT, lower=True)], evidence(left, right))


def test_the_probability_is_that_of_a_normal_difference() -> None:
    found = verdict(Number(10.0, Spread(3.0, "seeds")), Number(15.0, Spread(4.0, "test images")))
    assert found.low == found.high == pytest.approx(0.841344746)
    assert found.verdict is Verdict.UNDECIDED and found.spreads == ("seeds", "test images")
    few = verdict(Number(10.0, Spread(3.0, "seeds", 1)), Number(10.0 + 6.3137515 * 3, EXACT))
    assert few.low == pytest.approx(0.95), "Student's t of one degree of freedom"
    far = Number(10.0 + 1.6448537 * 5, Spread(4.0, "seeds"))
    assert verdict(Number(10.0, Spread(3.0)), far).low == pytest.approx(0.95)
    assert verdict(Number(0.0, Spread(3.0)), far).verdict is Verdict.HOLDS
    assert verdict(far, Number(0.0, Spread(3.0))).verdict is Verdict.FAILS


def test_the_probability_of_a_quotient_is_that_to_first_order() -> None:
    part = Quotient(LEFT, RIGHT, 0.5, 0.1, percent=False)
    found = part.finding(Number(5.0, Spread(0.3)), Number(10.0, Spread(0.8)))
    assert found.probability == pytest.approx(
        math.erf(0.1 / 0.05 / math.sqrt(2))
    )  # sd = hypot(0.3 / 10, 5 * 0.8 / 100)
    percent = Quotient(LEFT, RIGHT, 50.0, 10.0, percent=True)
    assert percent.finding(Number(5.0, Spread(0.3)), Number(10.0, Spread(0.8))).probability == pytest.approx(
        found.probability
    )
    assert part.finding(Number(5.0, EXACT), Number(0.0, EXACT)).probability == 0


def test_numbers_of_the_same_images_are_paired() -> None:
    one, other = np.array([1.0, 3.0, 2.0]), np.array([4.0, 7.0, 5.0])
    left = Number(10.0, Spread(1.0, "test images"), Entry(10.0, one))
    right = Number(12.0, Spread(2.0, "test images"), Entry(12.0, other))
    found = Difference(LEFT, RIGHT, lower=True).finding(left, right)
    assert found.probability == pytest.approx(NormalDist().cdf(2 / np.std(other - one, ddof=1)))
    assert found.spreads == ("paired test images",)
    quotient = Quotient(LEFT, RIGHT, 0.8, 0.05, percent=False).finding(left, right)
    normal = NormalDist(10 / 12, float(np.std(one / 12 - 10 * other / 144, ddof=1)))
    assert quotient.probability == pytest.approx(normal.cdf(0.85) - normal.cdf(0.75))
    apart = Difference(LEFT, ("1", "cut", "horse2zebra", "FID"), lower=True).finding(left, right)
    assert apart.probability == pytest.approx(NormalDist().cdf(2 / math.hypot(1, 2)))
    assert apart.spreads == ("test images",), "other images are drawn on their own"


def test_seeds_add_to_what_paired_images_say() -> None:
    same = np.array([1.0, 3.0, 2.0])
    left, right = (Number(value, None, Entry(value, same, 2, std)) for value, std in ((10.0, 2.0), (12.0, 2.0)))
    found = Difference(LEFT, RIGHT, lower=True).finding(left, right)
    assert found.probability == pytest.approx(0.5 + 1 / math.sqrt(12)), (
        "Student's t of 2 degrees of freedom, at sqrt(2)"
    )
    assert found.spreads == ("seeds and paired test images",)
    alike = Number(10.0, None, Entry(10.0, same))
    assert Difference(LEFT, RIGHT, lower=True).finding(alike, alike).probability == 0, "equal numbers do not differ"


def test_one_number_without_a_known_spread_leaves_a_claim_undecided() -> None:
    found = verdict(Number(10.0, None), Number(50.0, EXACT))
    assert (found.verdict, found.low, found.high, found.has_probability) == (Verdict.UNDECIDED, 0.0, 1.0, False)
    assert found.tightest is not None and found.tightest[1].margin == 40.0


def test_a_missing_number_is_not_measured_and_its_reason_is_the_cells_or_the_tables() -> None:
    found = verdict(None, Number(1.0, EXACT))
    assert (found.verdict, found.known, found.tightest) == (Verdict.NOT_MEASURED, 0, None)
    assert found.reasons == ("diverged",)
    assert verdict(Number(1.0, EXACT), None).reasons == ("no table",)
    other = Difference(("9", "a", "b", "FID"), RIGHT, lower=True)
    assert judge([other], evidence(None, Number(1.0, EXACT))).reasons == ("not in these tables",)


def test_a_claim_fails_by_one_comparison_though_another_is_not_measured() -> None:
    absent = Difference(LEFT, ("1", "munit", "cat2dog", "FID"), lower=True)
    numbers = evidence(Number(2.0, EXACT), Number(1.0, EXACT))
    found = judge([Difference(LEFT, RIGHT, lower=True), absent], numbers)
    assert (found.verdict, found.known, found.count) == (Verdict.FAILS, 1, 2)
    held = judge([Difference(RIGHT, LEFT, lower=True), absent], numbers)
    assert held.verdict is Verdict.NOT_MEASURED and find(absent, numbers) is None


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.01, 10)), min_size=1, max_size=6))
def test_the_joint_probability_is_bounded_by_what_any_dependence_allows(drawn: list[tuple[float, float]]) -> None:
    places: list[Place] = [("1", f"row{i}", "t", "FID") for i in range(len(drawn))]
    numbers = {LEFT: Number(0.0, EXACT)}
    numbers |= {place: Number(mean, Spread(sd)) for place, (mean, sd) in zip(places, drawn, strict=True)}
    compared = [Difference(LEFT, place, lower=True) for place in places]
    each = [judge([part], Evidence(numbers)).low for part in compared]
    found = judge(compared, Evidence(numbers))
    assert found.low <= math.prod(each) + 1e-9 and math.prod(each) <= found.high + 1e-9
    assert found.high == min(each) and found.low == pytest.approx(max(0, 1 - sum(1 - p for p in each)))


def lines(metric: str, *values: float, **about: Any) -> pd.DataFrame:
    """Tidy lines of one cell, a line for each seed."""
    frame = pd.DataFrame([{"value": value, "seed": seed} for seed, value in enumerate(values)], columns=COLUMNS)
    known = {"table": "1", "row": "enco", "task": "cat2dog", "metric": metric, "real_set": "paired", "reason": ""}
    frame = frame.assign(**{**known, **about})
    return frame.assign(std=frame["value"].std(), n=frame["value"].count(), value=frame["value"].astype(float))


def test_seeds_are_averaged_and_test_images_are_shared_by_all_seeds() -> None:
    assert spread(lines("FID", 10.0)) is None
    assert spread(lines("FID", 10.0, 12.0)) == Spread(pytest.approx(1.0), "seeds", 1)
    assert spread(lines("FID", 10.0, sampling_sd=1.5)) == Spread(1.5, "test images")
    both = spread(lines("FID", 10.0, 12.0, sampling_sd=1.5))
    assert both == Spread(pytest.approx(math.hypot(1.0, 1.5)), "seeds and test images", pytest.approx(3.25**2))
    assert spread(lines("FID", 10.0, sampling_sd=math.nan)) is None


def test_measured_numbers_have_the_mean_replicates_of_their_seeds() -> None:
    cells = lines("recall", 10.0, 12.0, sampling_sd=1.5, file=["a", "b"])
    drawn = {"a": {"paired recall_exact": np.array([1.0, 2.0])}, "b": {"paired recall_exact": np.array([3.0, 6.0])}}
    place = ("1", "enco", "cat2dog", "recall")
    found = measured(cells, {}, drawn).numbers[place].resampled
    assert found is not None and found.of_seeds(found.std, 1.0) == pytest.approx(1.0)
    assert found.files == {"a", "b"}, "rows of equal files are equal trainings"
    assert found.replicates is not None and found.replicates.tolist() == [2.0, 4.0]
    assert measured(cells, {}, {"a": drawn["a"]}).numbers[place].resampled is None


def test_seconds_have_the_spread_of_a_step_and_counts_none() -> None:
    assert spread(lines("sec/iter", 0.1, iqr=0.01349)) == Spread(pytest.approx(0.01), "steps")
    assert spread(lines("sec/iter", 0.1, iqr=math.nan)) is None
    assert spread(lines("model_size_millions", 14.456)) == EXACT


def test_measured_numbers_are_those_of_the_headline_and_means_over_the_seeds_that_have_one() -> None:
    missing = lines("FID", math.nan, task="horse2zebra", reason="diverged")
    full = lines("FID", 99.0, real_set="full")
    found = measured(pd.concat([lines("FID", 10.0, 12.0, math.nan, reason="killed"), missing, full]), {"2": "mixed"})
    assert found.numbers == {LEFT: Number(11.0, Spread(pytest.approx(1.0), "seeds", 1))}
    assert found.reason(("1", "enco", "horse2zebra", "FID")) == "diverged"
    assert found.reason(("2", "enco", "cat2dog", "FID")) == "mixed"
    assert not measured(pd.DataFrame(columns=COLUMNS)).numbers
