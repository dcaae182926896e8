"""Kernels told apart in a profile of the GPU script, and the summary of its results."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from torch.autograd import DeviceType
from torch.autograd.profiler_util import EventList, FunctionEvent

from benchmarks.gpu.kernels import COLUMNS as KERNEL_COLUMNS
from benchmarks.gpu.kernels import Kernel, kernels_of, lines_of
from benchmarks.gpu.plan import METHODS
from benchmarks.gpu.summary import GAPS, LINES, summarise
from benchmarks.speed import rows


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


def test_the_time_without_a_kernel_and_copies_of_layout_are_told_apart() -> None:
    kernels = [Kernel("sm90_gemm", 6, 50.0), Kernel("void nchwToNhwcKernel", 30, 10.0)]
    found = lines_of("recorded", "bfloat16", kernels, whole_ms=100.0, steps=2)
    assert [(line["kernel"], line["calls"], line["ms"], line["share"], line["copies_layout"]) for line in found] == [
        (GAPS, 1.0, 20.0, 0.4, 0),
        ("sm90_gemm", 3.0, 25.0, 0.5, 0),
        ("void nchwToNhwcKernel", 15.0, 5.0, 0.1, 1),
    ]


def test_the_summary_of_a_whole_run_is_short_and_has_every_number(tmp_path: Path) -> None:
    def line(name: str, mode: str, change: str, seconds: float, half: int = 1) -> rows.Row:
        about = {"method": name, "mode": mode, "change": change, "half": half, "device": "A GPU", "instructions": "9.0"}
        pieces = "float32" if mode == "plain" else "bfloat16" if change else "bfloat16, compile"
        about |= {"pieces": pieces, "reserved_mb": 1500.0, "peak_memory_mb": 9.0}
        return about | {"sec_per_iter": seconds, "share_of_peak": seconds, "torch": "2.11"}

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
    with (tmp_path / "kernels.csv").open("w") as file:
        table = csv.DictWriter(file, KERNEL_COLUMNS)
        table.writeheader()
        table.writerows(lines)
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
    assert "selftest: 40 right, 40 wrong" in text and "tests: 0 passed, 40 failed" in text and "  test_5" in text
    cells = {words[0]: words[1:] for words in map(str.split, text.splitlines()) if words[0] in METHODS}
    assert cells["cut"] == ["200.0", "100.0", "50.0", "0.25", "1500", "1500", "20%", "5%"]
    assert cells["drit"] == ["200.0", "100.0", "-", "0.50", "1500", "1500", "20%", "10%"]
    assert cells["enco"] == ["30.0", "-", "-", "-", "1500", "-", "3%", "-"] and "OutOfMemoryError: much" in text
    assert "kernels, recorded (bfloat16): none 50%" in text
    assert len(text.splitlines()) <= LINES == 60 and len(text) < 12_000
