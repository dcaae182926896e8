"""`python -m benchmarks.speed`: what it measures and writes, and that it needs nothing but torch and pydantic."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import report
from benchmarks.figure import draw
from benchmarks.flops import FlopCounter, step_flops
from benchmarks.speed import rows, together
from benchmarks.speed.__main__ import main
from benchmarks.speed.cases import make_cases, make_configs
from benchmarks.speed.hardware import file_name, peak_flop_per_s
from benchmarks.speed.measure import counted
from benchmarks.speed.together import Measurement, Run, train_together
from benchmarks.speed.within import in_time
from enco.config.compute import ComputeConfig, ComputeOptions
from enco.errors import UserError
from enco.methods import available, get
from enco.runtime.capabilities import capabilities
from eval.timing.stopwatch import SCHEDULE, SIZES
from tests.support.tiny_methods import batch_for, tiny_method, tiny_options
from tests.training.test_capabilities import A100, AVX2_CPU, BF16_CPU, NO_TRITON

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
HAS_BFLOAT16 = "bfloat16" not in capabilities(CPU).slow
MODES = ("plain", "fast") if HAS_BFLOAT16 else ("plain",)
"""Those that differ on the machine of this test."""
BARE = [sys.executable, str(ROOT / "tests" / "support" / "torch_only.py")]
TINY = ["--tiny", "--size", "32", "--warmup", "0", "--iterations", "2", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def quick_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.speed.hardware.SECONDS", 0.0)


@pytest.mark.usefixtures("quick_peak")
def test_both_modes_and_both_halves_of_enco_are_measured(tmp_path: Path) -> None:
    main(["--methods", "enco", "cut", *TINY, "--without", "bfloat16", "cuda_graph", "--output", str(tmp_path)])
    (path,) = tmp_path.iterdir()
    assert path.name == file_name("pieces", CPU)
    found = rows.read(path)
    assert tuple(found[0]) == rows.COLUMNS
    kinds = [("plain", ""), ("fast", ""), ("fast", "without bfloat16")] if HAS_BFLOAT16 else [("plain", "")]
    assert [(row["method"], row["half"], row["mode"], row["change"]) for row in found] == [
        *((name, "1", *kind) for name in ("enco", "cut") for kind in kinds),
        *(("enco", "2", *kind) for kind in kinds),
    ]
    for row in found:
        seconds, flop = float(row["sec_per_iter"]), float(row["flop"])
        assert float(row["share_of_peak"]) == pytest.approx(flop / seconds / float(row["peak_flop_per_s"]), rel=1e-4)
        assert (row["n"], row["threads"], row["error"]) == ("2", "1", "")
        assert row["instructions"] == capabilities(CPU).instructions != ""
    assert len({row["flop"] for row in found}) == 3, "of CUT, and of EnCo's halves"


@pytest.mark.usefixtures("quick_peak")
def test_sizes_and_batches_are_measured_by_themselves(tmp_path: Path) -> None:
    out = tmp_path / "sizes.csv"
    main(["--methods", "enco", "--modes", "plain", *TINY, "--sizes", "32", "40", "--batch-sizes", "1", "2",
          "--halves", "2", "--output", str(out)])  # fmt: skip
    found = [(row["size"], row["batch"], row["half"], row["images_per_iteration"]) for row in rows.read(out)]
    assert found == [("32", "1", "2", "1"), ("32", "2", "2", "2"), ("40", "1", "2", "1"), ("40", "2", "2", "2")]


@pytest.mark.usefixtures("quick_peak")
def test_a_case_that_fails_is_a_line_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory\nmore about it")

    monkeypatch.setattr(get("cut"), "step", fails)
    out = tmp_path / "speed.csv"
    main(["--methods", "cut", "enco", "--modes", "plain", *TINY, "--output", str(out)])
    errors = {(row["method"], row["half"]): (row["error"], bool(row["sec_per_iter"])) for row in rows.read(out)}
    expected = "OutOfMemoryError: out of memory"
    assert errors == {("cut", "1"): (expected, False), ("enco", "1"): ("", True), ("enco", "2"): ("", True)}


@pytest.mark.usefixtures("quick_peak")
def test_methods_after_one_that_failed_on_a_gpu_are_timed_in_a_process_that_did_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU that counts as one. What each of the methods calls fails in this process, and in no other."""

    def fails(*_: object) -> None:
        raise UserError("A step could not be recorded: set 'cuda_graph: false'.")

    monkeypatch.setattr("benchmarks.speed.apart.SPOILT", {"cpu"})
    for name in ("cut", "enco", "fsesim"):
        monkeypatch.setattr(get(name), "step", fails)
    out = tmp_path / "speed.csv"
    main(["--methods", "cut", "enco", "fsesim", "--modes", "plain", "--one-by-one", *TINY, "--output", str(out)])
    found = [(row["method"], row["half"], "recorded" in row["error"], row["n"]) for row in rows.read(out)]
    assert found == [
        ("cut", "1", True, ""),
        *((*half, False, "2") for half in (("enco", "1"), ("enco", "2"), ("fsesim", "1"))),
    ]


@pytest.mark.usefixtures("quick_peak")
def test_one_method_after_the_other_leaves_the_lines_of_the_first_where_the_second_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(get("cut"), "step", ends)
    out = tmp_path / "speed.csv"
    with pytest.raises(KeyboardInterrupt):
        main(["--methods", "fsesim", "cut", "--modes", "plain", "--one-by-one", *TINY, "--output", str(out)])
    assert [(row["method"], row["n"]) for row in rows.read(out)] == [("fsesim", "2")]


def test_too_few_steps_and_unknown_methods_are_refused(tmp_path: Path) -> None:
    for arguments, message in ((["enco", "--iterations", "1"], "at least 2"), (["enc"], "Unknown method 'enc'")):
        with pytest.raises(UserError, match=message):
            main(["--methods", *arguments, "--output", str(tmp_path)])


def test_only_pieces_that_change_something_are_switched() -> None:
    pieces = ["channels_last", "bfloat16"], ["bfloat16", "cuda_graph"]
    found, left_out = make_configs(["plain", "fast"], *pieces, BF16_CPU)
    assert list(found) == ["plain", "fast", "with channels_last", "without bfloat16"]
    assert [text.partition(" is left out, as it is the same as fast here")[0] for text in left_out] == [
        "with bfloat16",
        "without cuda_graph",
    ]
    (case, *_) = make_cases(["distancegan"], found, 64, None)
    assert (case.batch, case.change) == (2, "")


@pytest.mark.usefixtures("quick_peak")
def test_what_a_machine_cannot_do_is_left_out_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.speed.__main__.capabilities", lambda _: AVX2_CPU)
    out = tmp_path / "speed.csv"
    main(["--methods", "fsesim", *TINY, "--with", "cuda_graph", "--output", str(out)])
    assert [(row["mode"], row["pieces"], row["instructions"]) for row in rows.read(out)] == [
        ("plain", "float32", "AVX2")
    ]
    told = capsys.readouterr().err
    assert "fast is left out, as it is the same as plain here" in told and "it has no instructions" in told
    assert "with cuda_graph is left out: 'cuda_graph: true' cannot be on cpu (AVX2), as it needs a CUDA GPU" in told


def test_a_piece_that_a_machine_goes_without_anyway_stands_for_fast_where_that_is_not_asked_for() -> None:
    found, left_out = make_configs(["plain"], [], ["compile"], NO_TRITON)
    assert list(found) == ["plain", "without compile"] and not left_out


def test_every_piece_of_a_gpu_is_left_out_once() -> None:
    names = ComputeOptions.names()
    found, left_out = make_configs(["fast"], names, names, A100)
    changed = [f"without {name}" for name in names if name != "channels_last"]
    assert list(found) == ["fast", "with channels_last", *changed]
    assert len(left_out) == len(changed) + 1


def test_a_rate_is_of_all_trainings() -> None:
    row = rows.of_trainings([Run([1.0, 1.0], images=2), Run([2.0, 2.0], images=2)], 2)
    assert (row["iter_per_sec"], row["sec_per_iter"], row["n"]) == (3.0, 0.75, 4)
    assert rows.of_trainings([Run([1.0]), Run([], error="no memory")], 2)["error"] == "no memory"


@pytest.mark.parametrize("tf32", [False, True])
def test_a_peak_is_found_and_leaves_what_the_compilers_cache_is_keyed_by(
    tf32: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("benchmarks.speed.hardware.SECONDS", 0.0)
    monkeypatch.setattr(torch, "mm", lambda *_: seen.append(settings.fp32_precision))
    peak_flop_per_s.cache_clear()
    settings = torch.backends.cuda.matmul
    settings.fp32_precision = "none"
    assert peak_flop_per_s(CPU, False, tf32) > 1e8
    assert set(seen) == {"tf32" if tf32 else "ieee"} and settings.fp32_precision == "none" and not settings.allow_tf32


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(available()))
def test_arithmetic_without_values_is_that_of_a_real_step(name: str) -> None:
    method = tiny_method(name)
    with FlopCounter() as counter:
        method.step(batch_for(method, 0))
    assert step_flops(name, tiny_options(name)) == counter.total // method.images_per_iteration


def test_arithmetic_is_counted_without_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch 2.11 reads a count of steps in it, which a tensor without values does not have."""

    def reads(*_: object) -> None:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")

    monkeypatch.setattr(torch.optim.Adam, "step", reads)
    assert step_flops("enco", tiny_options("enco")) > 0


def test_arithmetic_that_was_counted_before_is_still_that_of_a_step() -> None:
    golden = {line["method"]: line for line in rows.read(ROOT / "tests" / "golden" / "step_costs.csv")}
    wanted = {name: int(line["flop_first_half"]) for name, line in golden.items()}
    known = {(name, size, half): flop for (name, size, half, _), flop in counted().items()}
    assert {name: known[name, "256", "1"] for name in available()} == pytest.approx(wanted, rel=1e-3)
    assert known["enco", "256", "2"] == pytest.approx(int(golden["enco"]["flop_second_half"]), rel=1e-3)


@pytest.mark.usefixtures("quick_peak")
def test_arithmetic_that_is_known_is_not_counted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tiny_method("enco").options.model_dump(mode="json", exclude=SIZES, exclude_defaults=True)
    options = json.dumps(changed)
    monkeypatch.setattr("benchmarks.speed.measure.counted", lambda: {("enco", "32", "1", options): 77})
    main(["--methods", "enco", "--modes", "plain", *TINY, "--output", str(tmp_path / "speed.csv")])
    first, second = rows.read(tmp_path / "speed.csv")
    assert first["flop"] == "77" and int(second["flop"]) > 1000


def test_work_ends_before_its_limit_by_the_longest_part_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("benchmarks.speed.within.time.monotonic", lambda: now)
    done = []
    for seconds in in_time([10, 30, 20, 5, 1], 89):
        now += seconds
        done.append(seconds)
    assert done == [10, 30, 20] and capsys.readouterr().err == "3 of 5 are done in 89 s.\n"


def test_the_pages_tables_are_those_of_the_result_files() -> None:
    assert all(list(report.RESULTS.glob(f"{subject}*.csv")) for subject in ("speed", "equivalence", "demo_fid"))
    text = report.PAGE.read_text("utf-8")
    assert report.with_tables(text, report.RESULTS) == text, "run `python -m benchmarks.report`"


@pytest.mark.usefixtures("quick_peak")
def test_tables_and_figure_are_made_from_result_files(tmp_path: Path) -> None:
    for subject, more in REPORTED.items():
        main(["--methods", "enco", "cut", *TINY, *more, "--output", str(tmp_path / f"{subject}-x.csv")])
    lines = rows.read(tmp_path / "speed-x.csv")
    marks = "".join(f"<!-- benchmarks/report.py: {subject} -->\nold\n<!-- end -->\n" for subject in report.TABLES)
    page = report.with_tables(marks, tmp_path)
    assert "old" not in page and report.with_tables(page, tmp_path) == page
    assert re.search(r"\| CUT +\|.*\| +1\.00 \| +1\.00 \|", page) and "– second half" in page
    assert report.ratios(lines)["EnCo"]["published"] == pytest.approx(7 / 12)
    plain = report.seconds(report.select(lines, method="enco", mode="plain"))
    assert plain == pytest.approx(report.mean(report.select(lines, method="enco", mode="plain"), "sec_per_iter"))
    for name in ("one.svg", "two.svg"):
        draw({report.caption(lines): report.ratios(lines)}, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_method_is_compared_as_compiled_where_that_was_timed_and_else_without(tmp_path: Path) -> None:
    def line(method: str, mode: str, change: str, seconds: float | None) -> rows.Row:
        return {"method": method, "mode": mode, "change": change, "half": 1, "sec_per_iter": seconds}

    kinds = (("plain", "", 8.0), ("fast", "without compile", 4.0))
    found = [line(method, *kind) for method in ("cut", "enco", "drit") for kind in kinds]
    rows.write(tmp_path / "x.csv", [*found, line("enco", "fast", "", 2.0), line("drit", "fast", "", None)])
    compared = report.ratios(rows.read(tmp_path / "x.csv"))
    assert {name: ratio["fast"] for name, ratio in compared.items()} == {"CUT": 0.5, "EnCo": 0.25, "DRIT": 0.5}
    _, table = report.speed_table(rows.read(tmp_path / "x.csv"))
    assert {cells[0]: cells[3] for cells in table} == {"CUT": "4", "EnCo": "2", "DRIT": "4"}
    second = [line("enco", *kind) | {"half": 2} for kind in kinds]
    rows.write(tmp_path / "x.csv", [*found, *second, line("enco", "fast", "", 2.0)])
    assert report.ratios(rows.read(tmp_path / "x.csv"))["EnCo"]["fast"] == 0.5, "one half is not compared with two"


@pytest.mark.parametrize("fast", [None, 0.5])
def test_the_legend_names_the_modes_that_were_measured(tmp_path: Path, fast: float | None) -> None:
    draw({"a device": {"CUT": {"plain": 1.0, "fast": fast, "published": 1.0}}}, tmp_path / "figure.svg")
    drawn = (tmp_path / "figure.svg").read_text()
    assert [f">{mode}</text>" in drawn for mode in ("plain", "fast", "paper")] == [True, fast is not None, True]


REPORTED = {"speed": [], "pieces": ["--without", "bfloat16"], "sizes": ["--sizes", "32", "40", "--modes", "plain"]}


@pytest.mark.slow
def test_methods_in_both_modes_run_with_nothing_but_torch_and_pydantic(tmp_path: Path) -> None:
    out, names = tmp_path / "speed.csv", ("enco", "fsesim", "distancegan")
    args = ["--methods", *names, *TINY, "--output", str(out)]
    subprocess.run([*BARE, "benchmarks.speed", *args], check=True, capture_output=True, cwd=ROOT)
    found = [row for row in rows.read(out) if row["half"] == "1"]
    assert [(row["method"], row["mode"], row["error"]) for row in found] == [
        (name, mode, "") for name in names for mode in MODES
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "started"), [(0, [2]), (2, [2, 1])])
def test_processes_are_started_once_and_again_where_so_many_fail(
    broken: int, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failing here as where the machine kills a process for want of memory."""
    found = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, count: int, *args: Any, **how: Any) -> None:
            super().__init__(count, *args, **how)
            self.count = count
            found.append(count)

        def submit(self, *args: Any, **how: Any) -> Any:
            if self.count == broken:
                raise BrokenProcessPool("killed")
            return super().submit(*args, **how)

    monkeypatch.setattr(together, "ProcessPoolExecutor", Pool)
    (case,) = make_cases(["fsesim"], {"plain": ComputeConfig()}, 32, 1, tiny=True)
    done = dict(train_together(Measurement(case, CPU, threads=2, warmup=0, seconds=0.5), (1, 2)))
    assert found == started
    assert [bool(run.error) for run in done[2]] == ([True] if broken else [False] * 2)
    assert [run.error for run in done[1]] == [""] and done[1][0].rate > 0


@pytest.mark.slow
def test_trainings_side_by_side_and_their_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.speed", "--methods", "fsesim", "--modes", "plain", *TINY[1:]]
    subprocess.run([*command, "--together", "1", "2", "--seconds", "1", "--output", str(tmp_path)], check=True)
    found = rows.read(tmp_path / file_name("together", CPU))
    assert [(row["together"], row["error"]) for row in found] == [("1", ""), ("2", "")]
    assert all(float(row["iter_per_sec"]) > 0 and int(row["n"]) >= int(row["together"]) for row in found)
    subprocess.run([*command, "--memory", "--output", str(tmp_path / "memory.csv")], check=True)
    (row,) = rows.read(tmp_path / "memory.csv")
    weights = 16 * get("fsesim")(get("fsesim").info.Options(vgg="random"), SCHEDULE, CPU).parameter_count() / 2**20
    assert weights < float(row["peak_memory_mb"]) < 20 * weights


def test_a_device_with_fewer_methods_has_no_panel(tmp_path: Path) -> None:
    cut, enco = ({name: {"plain": 1.0, "fast": 0.5, "published": 1.0}} for name in ("CUT", "EnCo"))
    draw({"a whole one": cut | enco, "a part": cut}, tmp_path / "figure.svg")
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert "a whole one" in drawn and "a part" not in drawn
