"""Seconds per iteration: the arithmetic, the order of measuring, and real methods at a tiny size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from enco.config.compute import ComputeConfig
from enco.data.batch import Batch
from enco.errors import UserError
from enco.methods import available, get
from enco.options.base import MethodOptions
from eval.published import published_speeds
from eval.records import Measurement, Timing
from eval.timing import stopwatch
from eval.timing.__main__ import load_variants, main, method_variants
from eval.timing.measure import legacy_average, measure, summarise
from eval.timing.stopwatch import Variant, statistics_of
from eval.timing.table import notes, timing_table
from tests.support.table_runs import timing
from tests.support.tiny_methods import tiny_options
from tests.training.test_capabilities import A100, AVX2_CPU, V100

CPU = torch.device("cpu")
SIZE = 24
PUBLISHED = Path(__file__).parents[2] / "config" / "published.csv"
seconds = st.lists(st.floats(1e-4, 10), min_size=2, max_size=30)


class Fake:
    """A method whose every step takes as many seconds as its epoch, and which may fail."""

    clock = 0.0
    calls: list[str] = []  # noqa: RUF012 (shared on purpose: the order over all methods)
    prepared: dict[str, int] = {}  # noqa: RUF012 (shared as well)
    images: dict[str, set[int]] = {}  # noqa: RUF012 (shared as well)

    def __init__(
        self, name: str, crop_size: int, load_size: int, batch_size: int = 2, fails_after: int | None = None
    ) -> None:
        self.options = MethodOptions(crop_size=crop_size, load_size=load_size, batch_size=batch_size)
        self.images_per_step = self.images_per_iteration = batch_size
        self.name, self.fails_after, self.device, self.epoch, self.done = name, fails_after, CPU, 0, 0

    def calibrate(self, batches: Iterable[Batch]) -> None:
        Fake.prepared[self.name] = sum(len(batch["source"]) for batch in batches)

    def begin_epoch(self, epoch: int) -> None:
        assert self.name in Fake.prepared
        self.epoch = epoch

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        if self.done == self.fails_after:
            raise torch.OutOfMemoryError("out of memory\nmore about it")
        self.done += 1
        Fake.clock += self.epoch
        Fake.calls.append(self.name)
        Fake.images.setdefault(self.name, set()).add(len(batch["source"]))
        return {}


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(name: str, *, schedule: object, device: object, **options: Any) -> Any:
        return Fake(name, **options)

    Fake.calls, Fake.prepared, Fake.images = [], {}, {}
    monkeypatch.setattr(stopwatch, "create", create)
    monkeypatch.setattr("eval.timing.measure.method_sources", lambda name: {f"{name}.py": "digest"})
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: Fake.clock)


@pytest.mark.usefixtures("fakes")
def test_halves_are_measured_apart_and_variants_take_turns() -> None:
    found = measure({n: Variant(method=n) for n in "ab"}, CPU, size=SIZE, batch_size=1, warmup=1, iterations=6)
    for entry in found.measured.values():
        assert (entry.first_half.median, entry.second_half.median) == (1, 2)
        assert (entry.sec_per_iter, entry.first_half.n) == (1.5, 6)
    half = "a" + "b" + "aaaa" + "bbbb" + "aa" + "bb"
    assert "".join(Fake.calls) == half * 2


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("fails_after", [0, 3, 8])
def test_a_variant_that_fails_is_reported_and_the_rest_goes_on(fails_after: int) -> None:
    variants = {"a": Variant(method="a", options={"fails_after": fails_after}), "b": Variant(method="b")}
    found = measure(variants, CPU, size=SIZE, warmup=1, iterations=6)
    assert list(found.measured) == ["b"]
    assert found.errors == {"a": "OutOfMemoryError: out of memory"}
    assert Fake.calls.count("b") == 14


@pytest.mark.usefixtures("fakes")
def test_a_step_that_cannot_be_recorded_is_an_error_of_its_method_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what follows in torch 2.11: its allocator gives nothing back from then on."""

    def refuses(*_: object) -> None:
        raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    def step(self: Fake, batch: Batch) -> dict[str, torch.Tensor]:
        if self.name == "a":
            raise UserError("A step could not be recorded as a CUDA graph: set 'cuda_graph: false'.")
        return usual(self, batch)

    usual = Fake.step
    monkeypatch.setattr(Fake, "step", step)
    monkeypatch.setattr(torch.cuda, "empty_cache", refuses)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = measure({name: Variant(method=name) for name in "ab"}, CPU, size=SIZE, warmup=1, iterations=6)
    assert list(found.measured) == ["b"] and "could not be recorded" in found.errors["a"]


@pytest.mark.usefixtures("fakes")
def test_a_failure_ends_in_an_error_and_no_file_unless_allowed(tmp_path: Path) -> None:
    variants = {"a": {"method": "a", "options": {"fails_after": 3}}, "b": {"method": "b"}}
    out = tmp_path / "timing.json"
    given = [
        "--variants",
        json.dumps(variants),
        "--size",
        str(SIZE),
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
def test_the_batch_size_is_the_variants_own_then_the_common_then_the_methods() -> None:
    variants = {"own": Variant(method="own", options={"batch_size": 3}), "other": Variant(method="other")}
    for common, other in ((4, 4), (None, 2)):
        found = measure(variants, CPU, size=SIZE, batch_size=common, warmup=1, iterations=2)
        assert Fake.images == {"own": {3}, "other": {other}}
        assert {name: entry.batch_size for name, entry in found.measured.items()} == {"own": 3, "other": other}
        assert Fake.prepared == {"own": 12, "other": 4 * other}
        Fake.images = {}


def test_only_what_differs_from_the_defaults_is_noted() -> None:
    options = {**get("cut").info.Options().model_dump(), **tiny_options("cut"), "patches": 5}
    variants = {"cut": Variant(method="cut", options=options)}
    found = measure(variants, CPU, size=32, warmup=0, iterations=2).options["cut"]
    assert found == {"ngf": 4, "ndf": 4, "patches": 5, "head_width": 16}


@pytest.mark.usefixtures("fakes")
def test_the_headline_is_per_image_and_the_raw_numbers_per_step() -> None:
    entry = measure({"a": Variant(method="a")}, CPU, size=SIZE, warmup=0, iterations=2).measured["a"]
    assert entry.images_per_iteration == 2
    assert (entry.sec_per_step, entry.sec_per_iter) == (1.5, 0.75)
    assert entry.second_half.median == 2


@given(seconds)
@example([0.00010000000000000002, 0.0001])
def test_statistics(values: list[float]) -> None:
    found = statistics_of(values)
    assert min(values) <= found.median <= max(values)
    assert 0 <= found.iqr <= max(values) - min(values) + 1e-12
    assert found.n == len(values)


def test_headline_is_the_mean_of_both_medians() -> None:
    found = summarise({"first_half": [1, 2, 9], "second_half": [1, 1, 1]}, fed(images=1))
    assert found.sec_per_iter == 1.5
    assert found.first_half.mean == 4


@pytest.mark.parametrize(("busiest", "busy"), [(1.29, False), (1.31, True)])
def test_an_interquartile_range_over_15_percent_of_the_median_is_a_busy_machine(busiest: float, busy: bool) -> None:
    found = summarise({"first_half": [1, 1, 1], "second_half": [1, 1, busiest]}, fed(images=1))
    assert found.spread == pytest.approx((busiest - 1) / 2)
    assert found.busy is busy


def test_a_busy_machine_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1, 1, 1, 2, 2, 2] + [1] * 6)
    monkeypatch.setattr(stopwatch, "time_step", lambda *_: next(ticks))
    found = measure({"cut": Variant(method="cut", options=tiny_options("cut"))}, CPU, size=32, warmup=0, iterations=6)
    said = [line for line in notes(found) if "busy" in line]
    assert len(said) == 1 and "cut (67%)" in said[0] and "measure again with nothing else running" in said[0]


@pytest.mark.parametrize(("n", "left"), [(100, 0.606), (920, 0.00994)])
def test_legacy_average_forgets_its_start_slowly(n: int, left: float) -> None:
    assert legacy_average([0.0] * n) / 0.1 == pytest.approx(left, rel=0.01)
    assert legacy_average([0.8] * 5000, images=4) == pytest.approx(0.2)
    assert legacy_average([]) == 0.1


def test_every_method_is_timed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variants = {name: {"method": name, "options": tiny_options(name)} for name in available()}
    out = tmp_path / "timing.json"
    sizes = ["--size", "32", "--warmup", "1", "--iterations", "2", "--threads", "1", "--device", "cpu"]
    main(["--variants", json.dumps(variants), *sizes, "--published", str(PUBLISHED), "--out", str(out)])
    found = json.loads(out.read_text())
    assert set(found["measured"]) == set(available()) and found["errors"] == {}
    assert all(entry["sec_per_iter"] > 0 for entry in found["measured"].values())
    assert (found["size"], found["precision"]) == (32, "float32")
    assert found["versions"]["torch"] == torch.__version__.split("+")[0]
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in available())


@pytest.mark.usefixtures("fakes")
def test_a_timing_says_how_it_computes_and_tf32_only_where_a_gpu_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"a": Variant(method="a")}
    for machine, precision in ((AVX2_CPU, "float32"), (V100, "float32"), (A100, "float32, TF32 convolutions")):
        monkeypatch.setattr("enco.training.train_step.capabilities", lambda *_, machine=machine: machine)
        found = measure(variants, CPU, size=SIZE, warmup=0, iterations=2)
        assert (found.precision, found.compute) == (precision, [])
    monkeypatch.setattr("enco.training.train_step.capabilities", lambda *_: AVX2_CPU)
    fast = ComputeConfig(mode="fast")
    found = measure(variants, CPU, size=SIZE, warmup=0, iterations=2, compute=fast)
    assert (found.precision, found.compute) == ("float32", [fast.explain(AVX2_CPU)])
    assert fast.explain(AVX2_CPU) in notes(found)


@pytest.mark.slow
def test_all_methods_are_timed_at_a_small_size_without_a_download(capsys: pytest.CaptureFixture[str]) -> None:
    narrow = {name: {"ngf": 4, "ndf": 4} for name in available()}
    sizes = ["--size", "64", "--warmup", "0", "--iterations", "2", "--threads", "1", "--device", "cpu"]
    main(["--methods", "all", *sizes, "--options", json.dumps(narrow), "--published", str(PUBLISHED)])
    printed = capsys.readouterr().out
    assert all(
        re.search(rf"^{name} +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+", printed, re.MULTILINE) for name in available()
    )
    assert re.search("drit: with .*content_d_layers=1,", printed) and re.search("fsesim: with .*vgg=random,", printed)


def test_methods_keep_their_defaults_but_for_stand_ins_and_given_options() -> None:
    for name, variant in method_variants(["all"], 64, {"cut": {"tau": 0.5}}).items():
        expected = get(name).info.Options.offline_options(64) | ({"tau": 0.5} if name == "cut" else {})
        assert variant == Variant(method=name, options=expected)


def fed(images: int = 1, size: int = 64) -> dict[str, int]:
    return {"size": size, "batch_size": 1, "images_per_iteration": images}


def timed(seconds: float, images: int = 1, size: int = 64) -> Measurement:
    return summarise({"first_half": [seconds] * 2, "second_half": [seconds] * 2}, fed(images, size))


def timing_of(measured: dict[str, Measurement], **about: Any) -> Timing:
    return Timing.model_validate(timing(list(measured)) | {"measured": measured} | about)


def test_table_gives_measured_and_published_ratios_to_the_baseline() -> None:
    measured = {"cut": timed(3), "enco": timed(1), "distancegan": timed(4, images=2), "enco+k=2": timed(8)}
    rows = [line.split() for line in timing_table(timing_of(measured), published_speeds(PUBLISHED)).splitlines()[2:]]
    assert [row[:5] for row in rows] == [
        ["enco", "1.0000", "1.00", "0.14", "1.00"],
        ["distancegan", "2.0000", "2.00", "0.15", "1.07"],
        ["cut", "3.0000", "3.00", "0.24", "1.71"],
        ["enco+k=2", "8.0000", "8.00", "-", "-"],
    ]
    assert rows[1][-5:] == ["4.0000", "0.0000", "4.0000", "0.0000", "2"]


def test_table_has_dashes_without_baseline_and_published_numbers(tmp_path: Path) -> None:
    text = timing_table(timing_of({"cut": timed(3)}), published_speeds(tmp_path / "none.csv"))
    assert text.splitlines()[2].split()[:5] == ["cut", "3.0000", "-", "-", "-"]


def test_notes_name_options_and_failures() -> None:
    measured = {name: timed(1, size=size) for name, size in {"a": 64, "b": 64, "c": 32}.items()}
    about = {"device": "cpu", "options": {"a": {"k": 2}, "b": {}}}
    assert list(notes(timing_of(measured, **about))) == [
        "cpu, float32, 64 × 64 pixels (c 32 × 32), batch 1, seconds per image",
        "a: with k=2, else its defaults",
    ]
    failed = timing_of(measured, **about, errors={"b": "OutOfMemoryError: 9 GiB"})
    assert list(notes(failed))[-1] == "Not timed: b (OutOfMemoryError: 9 GiB)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "enc"], "Unknown method 'enc'"),
        (["--methods", "enco", "--iterations", "1"], "give at least 2"),
        (["--methods", "enco", "--options", '{"encoo": {}}'], "Unknown method 'encoo'"),
        (["--methods", "enco", "--options", '{"enco": {"bogus": 1}}'], "bogus"),
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
