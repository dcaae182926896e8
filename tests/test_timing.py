"""Seconds per iteration: the arithmetic, the order of measuring, and real methods at a tiny size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enco.errors import UserError
from enco.methods import Batch
from eval import timing
from eval.timing import Variant, legacy_average, load_variants, main, measure, statistics_of, summary, table
from tests.tiny_methods import tiny_options

CPU = torch.device("cpu")
seconds = st.lists(st.floats(1e-4, 10), min_size=2, max_size=30)


class Fake:
    """A method whose every iteration takes as many seconds as its epoch, and which may fail."""

    clock = 0.0
    calls: list[str] = []  # noqa: RUF012 (shared on purpose: the order over all methods)

    batch_sizes: dict[str, set[int]] = {}  # noqa: RUF012 (shared as well)

    def __init__(self, name: str, fails_after: int | None = None) -> None:
        self.name, self.fails_after, self.device, self.epoch, self.done = name, fails_after, CPU, 0, 0

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        if self.done == self.fails_after:
            raise torch.OutOfMemoryError("out of memory\nmore about it")
        self.done += 1
        Fake.clock += self.epoch
        Fake.calls.append(self.name)
        Fake.batch_sizes.setdefault(self.name, set()).add(len(batch["source"]))
        return {}


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(name: str, **options: Any) -> Any:
        return Fake(name, options.get("fails_after"))

    Fake.calls, Fake.batch_sizes = [], {}
    monkeypatch.setattr(timing, "create", create)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: Fake.clock)


@pytest.mark.usefixtures("fakes")
def test_halves_are_measured_apart_and_variants_take_turns() -> None:
    found = measure({n: Variant(method=n) for n in "ab"}, CPU, size=8, warmup=1, iterations=6)
    for entry in found["measured"].values():
        assert (entry["first_half"]["median"], entry["second_half"]["median"]) == (1, 2)
        assert (entry["sec_per_iter"], entry["first_half"]["n"]) == (1.5, 6)
    half = "a" + "b" + "aaaa" + "bbbb" + "aa" + "bb"
    assert "".join(Fake.calls) == half * 2


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("fails_after", [0, 3, 8])
def test_a_variant_that_fails_is_reported_and_the_rest_goes_on(fails_after: int) -> None:
    variants = {"a": Variant(method="a", options={"fails_after": fails_after}), "b": Variant(method="b")}
    found = measure(variants, CPU, size=8, warmup=1, iterations=6)
    assert list(found["measured"]) == ["b"]
    assert found["errors"] == {"a": "OutOfMemoryError: out of memory"}
    assert Fake.calls.count("b") == 14


@pytest.mark.usefixtures("fakes")
def test_a_failure_ends_in_an_error_and_no_file_unless_allowed(tmp_path: Path) -> None:
    variants = {"a": {"method": "a", "options": {"fails_after": 3}}, "b": {"method": "b"}}
    out = tmp_path / "timing.json"
    given = [
        "--variants",
        json.dumps(variants),
        "--size",
        "8",
        "--iterations",
        "2",
        "--device",
        "cpu",
        "--out",
        str(out),
    ]
    with pytest.raises(UserError, match=r"a \(OutOfMemoryError: out of memory\)"):
        main(given)
    assert not out.exists()
    main([*given, "--allow-failures"])
    assert list(json.loads(out.read_text())["measured"]) == ["b"]


@pytest.mark.usefixtures("fakes")
def test_a_variants_own_batch_size_goes_before_the_common_one() -> None:
    variants = {"own": Variant(method="own", options={"batch_size": 3}), "common": Variant(method="common")}
    found = measure(variants, CPU, size=8, batch_size=2, warmup=1, iterations=2)
    assert Fake.batch_sizes == {"own": {3}, "common": {2}}
    assert {name: entry["batch_size"] for name, entry in found["measured"].items()} == {"own": 3, "common": 2}


@given(seconds)
def test_statistics(values: list[float]) -> None:
    found = statistics_of(values)
    assert min(values) <= found["median"] <= max(values)
    assert 0 <= found["iqr"] <= max(values) - min(values) + 1e-12
    assert found["n"] == len(values)


def test_headline_is_the_mean_of_both_medians() -> None:
    found = summary({"first_half": [1, 2, 9], "second_half": [1, 1, 1]}, batch_size=1)
    assert found["sec_per_iter"] == 1.5
    assert found["first_half"]["mean"] == 4


@pytest.mark.parametrize(("n", "left"), [(100, 0.606), (920, 0.00994)])
def test_legacy_average_forgets_its_start_slowly(n: int, left: float) -> None:
    assert legacy_average([0.0] * n) / 0.1 == pytest.approx(left, rel=0.01)
    assert legacy_average([0.8] * 5000, batch_size=4) == pytest.approx(0.2)
    assert legacy_average([]) == 0.1


def test_real_methods_are_timed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variants = {name: {"method": name, "options": tiny_options(name)} for name in ("enco", "cut", "cyclegan")}
    out = tmp_path / "timing.json"
    sizes = ["--size", "32", "--warmup", "1", "--iterations", "2", "--threads", "1", "--device", "cpu"]
    main(["--variants", json.dumps(variants), *sizes, "--out", str(out)])
    found = json.loads(out.read_text())
    assert set(found["measured"]) == {"enco", "cut", "cyclegan"} and found["errors"] == {}
    assert all(entry["sec_per_iter"] > 0 for entry in found["measured"].values())
    assert (found["size"], found["batch_size"], found["precision"]) == (32, 1, "float32")
    assert found["versions"]["torch"] == torch.__version__.split("+")[0]
    assert "x enco" in capsys.readouterr().out


def test_table_gives_ratios_to_the_baseline() -> None:
    entry = summary({"first_half": [1, 1], "second_half": [1, 1]}, 1)
    twice = summary({"first_half": [2, 2], "second_half": [2, 2]}, 1)
    lines = table({"measured": {"slow": twice, "enco": entry}}).splitlines()
    assert lines[2].split()[0] == "enco" and lines[2].split()[-1] == "1.00"
    assert lines[3].split()[0] == "slow" and lines[3].split()[-1] == "2.00"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "enc"], "Unknown method 'enc'"),
        (["--methods", "enco", "--iterations", "1"], "give at least 2"),
        (["--variants", "{"], "not readable JSON"),
        (["--variants", "{}"], "needs a JSON object"),
        (["--variants", '{"a": {"methods": "enco"}}'], "in variant a"),
        (["--variants", '{"a": {"method": "enco", "options": {"bogus": 1}}}'], "bogus"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main(arguments)


def test_variants_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "variants.json"
    path.write_text('{"enco+k=2": {"method": "enco", "options": {"k": 2}}}')
    assert load_variants(str(path)) == {"enco+k=2": Variant(method="enco", options={"k": 2})}
