"""Profile fast steps of EnCo: kernels by time, the time between kernels, and copies to another memory layout or type.

    python -m benchmarks.gpu.kernels --output FILE.csv

A line is a kernel, or on a CPU an operator by itself. The line `(no kernel)` is the time in which none ran. Traces for
a browser (chrome://tracing, ui.perfetto.dev) lie beside the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.autograd.profiler_util import EventList
from torch.profiler import profile

from benchmarks.gpu.command import arguments, write_lines
from benchmarks.gpu.summary import GAPS
from benchmarks.speed.cases import Case, start_process
from enco.config.compute import ComputeConfig
from enco.errors import UserError, run_cli
from enco.runtime.capabilities import capabilities
from enco.runtime.devices import choose_device
from eval.timing.stopwatch import time_step

METHOD = "enco"
CASES = {
    "one by one": ComputeConfig(mode="fast", cuda_graph=False, compile=False),
    "recorded": ComputeConfig(mode="fast", compile=False),
    "compiled": ComputeConfig(mode="fast"),
}
"""Fast steps without what changes gaps between kernels, with it, and, as there may be no time for it, the compiler."""
CASTS = re.compile(r"float(8|16)\w*_copy_kernel|LoadWithCast|gpu_kernel_impl<\S*copy_kernel|fused(__to_copy)+_\d+$")
"""Kernels of a GPU that copy to another type, and do nothing else: ATen's (Copy.cu, CUDALoops.cuh), and Inductor's."""
LAYOUT = re.compile(r"nchwToNhwc|nhwcToNchw|transpose|contiguous|copy_kernel|::copy_|::clone", re.IGNORECASE)
"""Of the others, kernels that copy to another layout. On a CPU `aten::copy_` does both, and counts here."""
COLUMNS = ("case", "computed", "kernel", "calls", "ms", "share", "copies_layout", "casts")
STEPS = 3


@dataclass(frozen=True)
class Kernel:
    """What one kernel took in some steps: calls, and milliseconds."""

    name: str
    calls: int
    ms: float


def kernels_of(events: EventList, on_cpu: bool) -> list[Kernel]:
    """Return the kernels of a profile's events, the longest first."""
    found = events.key_averages()
    if on_cpu:
        kernels = [Kernel(event.key, event.count, event.self_cpu_time_total / 1000) for event in found]
    else:
        of_device = [event for event in found if event.device_type.name == "CUDA" and not event.is_user_annotation]
        kernels = [Kernel(event.key, event.count, event.self_device_time_total / 1000) for event in of_device]
    return sorted(kernels, key=lambda kernel: -kernel.ms)


def lines_of(
    case: str, computed: str, kernels: Sequence[Kernel], whole_ms: float, steps: int
) -> list[dict[str, object]]:
    """Return a line for each kernel, and one for the time without any: calls and milliseconds of a step."""
    gaps = Kernel(GAPS, steps, max(0.0, whole_ms - sum(kernel.ms for kernel in kernels)))
    return [
        {
            **{"case": case, "computed": computed, "kernel": kernel.name, "calls": round(kernel.calls / steps, 1)},
            **{"ms": round(kernel.ms / steps, 4), "share": round(kernel.ms / whole_ms, 4)},
            "copies_layout": int(bool(LAYOUT.search(kernel.name)) and not CASTS.search(kernel.name)),
            "casts": int(bool(CASTS.search(kernel.name))),
        }
        for kernel in (gaps, *kernels)
    ]


def measure(case: str, device: torch.device, size: int, tiny: bool) -> tuple[list[dict[str, object]], profile]:
    """Profile some steps of a case and return the lines and the profile.

    Raises UserError where the method cannot be built or trained.
    """
    watch = Case(METHOD, CASES[case], size, 1, tiny=tiny).stopwatch()
    watch.build(size, 1, device)
    watch.begin("first_half", 3)
    if watch.error or not watch.train_step or not watch.batch:
        raise UserError(f"{METHOD} ({case}) cannot be profiled: {watch.error}.")
    # With the profiler on, launching takes longer, and so gaps would be.
    whole = 1000 * sum(time_step(watch.train_step, watch.batch) for _ in range(STEPS))
    with profile() as profiled:
        for _ in range(STEPS):
            time_step(watch.train_step, watch.batch)
    found = kernels_of(profiled.events(), device.type == "cpu")
    return lines_of(case, str(watch.train_step.options), found, whole, STEPS), profiled


def main() -> None:
    """Profile each case, and write the file anew after each, and then the trace, which takes longer."""
    args = arguments("benchmarks.gpu.kernels", __doc__)
    device, lines = choose_device(args.device), list[dict[str, object]]()
    start_process(None)
    for case, config in CASES.items():
        if case == "compiled" and not config.options_for(capabilities(device)).compile:
            print("Nothing is compiled here.")
            continue
        found, profiled = measure(case, device, args.side, args.tiny)
        lines += found
        write_lines(args.output, COLUMNS, lines)
        profiled.export_chrome_trace(str(args.output.with_name(f"trace-{case.replace(' ', '-')}.json.gz")))


if __name__ == "__main__":
    run_cli(main)
