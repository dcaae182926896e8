"""Kernels told apart in a profile of the GPU script, and the summary of its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch.autograd import DeviceType
from torch.autograd.profiler_util import EventList, FunctionEvent

from benchmarks.gpu.command import write_lines
from benchmarks.gpu.jobs import STOPPED
from benchmarks.gpu.kernels import CASES, Kernel, kernels_of, lines_of
from benchmarks.gpu.kernels import COLUMNS as KERNEL_COLUMNS
from benchmarks.gpu.plan import METHODS
from benchmarks.gpu.summary import GAPS, KINDS, LINES, summarise
from benchmarks.speed import rows
from enco.io.files import write_json


def test_kernels_of_a_gpu_are_told_from_what_launches_and_marks_them() -> None:
    gpu: dict[str, Any] = {"device_type": DeviceType.CUDA, "use_device": "cuda", "stack": []}
    events = EventList(use_device="cuda")
    events += [
        FunctionEvent(1, "aten::conv2d", 1, start_us=0, end_us=9000, use_device="cuda", stack=[]),
        FunctionEvent(2, "gemm", 0, start_us=10, end_us=2010, **gpu),
        FunctionEvent(3, "gemm", 0, start_us=3000, end_us=4000, **gpu),
        FunctionEvent(4, "norm", 0, start_us=5000, end_us=9000, **gpu),
        FunctionEvent(5, "Optimizer.step", 0, start_us=0, end_us=9000, is_user_annotation=True, **gpu),
    ]
    events._build_tree()  # as a profile does at its end
    found = kernels_of(events, on_cpu=False)
    assert found == [Kernel("norm", 1, 4.0), Kernel("gemm", 2, 3.0)]


COPY = "at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const"


@pytest.mark.parametrize(
    ("kernel", "layout", "cast"),
    [
        ("void at::native::vectorized_elementwise_kernel<4, at::native::bfloat16_copy_kernel_cuda(at::Tens", 0, 1),
        ("void at::native::vectorized_elementwise_kernel<4, at::native::bfloat16tofloat32_copy_kernel_cuda(at", 0, 1),
        (f"void at::native::unrolled_elementwise_kernel<{COPY}, 4, at::native::memory::LoadWithCast<1>, at", 0, 1),
        (f"void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl<{COPY}>(int)", 0, 1),
        (f"void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<{COPY}>(int)", 1, 0),
        ("void cudnn::ops::nhwcToNchwKernel<__nv_bfloat16, float>", 1, 0),
        ("triton_poi_fused__to_copy_12", 0, 1),
        ("triton_poi_fused__to_copy_relu_3", 0, 0),
        ("sm90_xmma_fprop_implicit_gemm_bf16bf16", 0, 0),
    ],
)
def test_copies_to_another_layout_are_told_from_casts(kernel: str, layout: int, cast: int) -> None:
    _, found = lines_of("recorded", "bfloat16", [Kernel(kernel, 1, 1.0)], whole_ms=2.0, steps=1)
    assert (found["copies_layout"], found["casts"]) == (layout, cast)


def test_the_time_without_a_kernel_and_copies_of_layout_are_told_apart() -> None:
    kernels = [Kernel("sm90_gemm", 6, 50.0), Kernel("void nchwToNhwcKernel", 30, 10.0)]
    found = lines_of("recorded", "bfloat16", kernels, whole_ms=100.0, steps=2)
    assert [(line["kernel"], line["calls"], line["ms"], line["share"], line["copies_layout"]) for line in found] == [
        (GAPS, 1.0, 20.0, 0.4, 0),
        ("sm90_gemm", 3.0, 25.0, 0.5, 0),
        ("void nchwToNhwcKernel", 15.0, 5.0, 0.1, 1),
    ]


def line(name: str, mode: str, change: str, seconds: float, half: int = 1) -> rows.Row:
    about = {"method": name, "mode": mode, "change": change, "half": half, "device": "A GPU", "instructions": "9.0"}
    pieces = "float32" if mode == "plain" else "bfloat16" if change else "bfloat16, compile"
    about |= {"pieces": pieces, "reserved_mb": 1500.0, "peak_memory_mb": 9.0}
    return about | {"sec_per_iter": seconds, "share_of_peak": seconds, "torch": "2.11"}


def test_a_half_that_was_not_timed_in_every_way_is_in_no_mean(tmp_path: Path) -> None:
    speed = [line("enco", "plain", "", seconds, half) for half, seconds in ((1, 0.04), (2, 0.02))]
    speed += [line("enco", "fast", "without compile", seconds, half) for half, seconds in ((1, 0.03), (2, 0.01))]
    rows.write(tmp_path / "speed.csv", speed)
    rows.write(tmp_path / "compiled.csv", [line("enco", "fast", "", 0.02)])
    text = summarise(tmp_path)
    cells = next(words[1:5] for words in map(str.split, text.splitlines()) if words[:1] == ["enco"])
    assert cells == ["40.0", "30.0", "20.0", "0.50"]
    assert "  enco: without half 2 of training, which was not timed in every way" in text


def test_a_run_that_was_stopped_is_not_like_one_that_ended_and_failures_keep_out_no_result(tmp_path: Path) -> None:
    """The most lines that there can be: every kind of failure many times over, and all that is measured."""
    ends = [("speed", "ok"), ("mps", f"{STOPPED} SIGTERM"), *((f"left-{n}", "left out: no time") for n in range(9))]
    ends += [(f"tests-{n}", "failed (exit status 1)") for n in range(9)]
    content = "".join(f"checks,{job},7.0,{status}\n" for job, status in ends)
    (tmp_path / "jobs.csv").write_text(f"stage,job,seconds,status\n{content}")
    (tmp_path / "probe.log").write_text("A GPU\nSpeed\n")
    (tmp_path / "tests-0.log").write_text("".join(f"tests/t.py::test_{n} FAILED [ 1%]\n" for n in range(40)))
    (tmp_path / "selftest-0.log").write_text("FAIL  enco fast  2\n" * 40)
    modes = {"plain": ("plain", ""), "eager": ("fast", "without compile"), "compiled": ("fast", "")}
    found = [line(name, *modes[kind], 0.1) | {"error": "much" * 9} for name in METHODS for kind in KINDS]
    rows.write(tmp_path / "speed.csv", found)
    (tmp_path / "speed.log").write_text("".join(f"{name}: no FLOP count\n" for name in METHODS))
    columns = (
        "method",
        "mode",
        *(f"{name}_ms" for name in ("forward", "backward", "optimizer", "step", "data", "copy")),
    )
    pieces = [dict.fromkeys(columns, "1")] * 4
    write_lines(tmp_path / "pieces.csv", columns, pieces)
    for name in ("together", "mps"):
        rows.write(tmp_path / f"{name}.csv", [{"mode": "fast", "together": n, "iter_per_sec": 9} for n in (1, 2, 4)])
    kernels = [Kernel("kernel", 1, 1.0)] * 20
    lines = [line for case in CASES for line in lines_of(case, "bfloat16", kernels, 40, 1)]
    write_lines(tmp_path / "kernels.csv", KERNEL_COLUMNS, lines)
    write_json(tmp_path / "training" / "result.json", {"iterations": 1234})
    text = summarise(tmp_path).splitlines()
    assert text[2] == "1 of 20 jobs ended well, in 7 s, stopped by SIGTERM" and text[3].startswith("  mps: stopped by")
    assert text[6] == "  and 16 others" and len(text) <= LINES and text[-1] == "training: iterations 1234"


def test_the_summary_of_a_whole_run_is_short_and_has_every_number(tmp_path: Path) -> None:
    speed = [
        line(name, *kind) for name in METHODS[1:] for kind in (("plain", "", 0.2), ("fast", "without compile", 0.1))
    ]
    speed += [line("enco", "plain", "", seconds, half) for half, seconds in ((1, 0.04), (2, 0.02))]
    speed.append({"method": "enco", "mode": "fast", "change": "without compile", "error": "OutOfMemoryError: much"})
    rows.write(tmp_path / "speed.csv", speed)
    compiled = [line("cut", "fast", "", 0.05), line("drit", "fast", "", 0.1) | {"pieces": "bfloat16"}]
    rows.write(tmp_path / "compiled.csv", compiled)
    kernels = [Kernel("kernel" * 99, 1, 1.0)] * 20
    lines = [line for case in ("recorded", "one by one") for line in lines_of(case, "bfloat16", kernels, 40, 1)]
    write_lines(tmp_path / "kernels.csv", KERNEL_COLUMNS, lines)
    (tmp_path / "tests-0.log").write_text("".join(f"tests/t.py::test_{n} FAILED [ 1%]\n" for n in range(40)))
    (tmp_path / "selftest-0.log").write_text("ok    enco plain  1\nFAIL  enco fast  2\n" * 40)
    (tmp_path / "warm-0.log").write_text("first\nRuntimeError: the reason\n")
    (tmp_path / "jobs.csv").write_text(
        "stage,job,seconds,status\nchecks,warm-0,7.0,failed (exit status 1)\nspeed,speed,50.0,ok\n"
    )
    (tmp_path / "probe.log").write_text("A GPU, torch 2.11\nSpeed: fast without compile, as there is none\n")
    (tmp_path / "speed.log").write_bytes(b"enco: no FLOP count (of \xe2\x80)\nenco: ready\n")
    text = summarise(tmp_path)
    assert text.startswith(
        "A GPU, torch 2.11\nSpeed: fast without compile, as there is none\n1 of 2 jobs ended well, in"
    )
    assert "  enco: no FLOP count (of \ufffd)" in text
    assert "warm-0: failed (exit status 1) after 7 s; RuntimeError: the reason" in text
    assert (
        "selftest: 40 right, 40 wrong" in text
        and "tests: 0 passed, 40 failed" in text
        and "  test_2\n  and 37 others" in text
    )
    cells = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith(METHODS)}
    assert cells["cut"] == ["200.0", "100.0", "50.0", "0.25", "1500", "1500", "20%", "5%"]
    assert cells["drit"] == ["200.0", "100.0", "-", "0.50", "1500", "1500", "20%", "10%"]
    assert cells["enco"] == ["30.0", "-", "-", "-", "1500", "-", "3%", "-"] and "OutOfMemoryError: much" in text
    assert "kernels, recorded (bfloat16): none 50%" in text
    assert len(text.splitlines()) <= LINES == 60 and len(text) < 12_000
