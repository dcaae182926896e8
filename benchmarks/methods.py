"""Measure one training step of each method at 256 x 256 pixels: parameters, GFLOP, activations, memory.

    python -m benchmarks.methods [NAME ...]     # all methods, or these; minutes each on a few cores

Each method is measured in a process of its own, on the CPU in float32, at the default options but for stand-ins for
downloads. Writes benchmarks/results/methods.csv, where other methods' lines stay, and the table of docs/methods.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.flops import FlopCounter
from enco.config.commands import show_example
from enco.errors import UserError, run_cli
from enco.io.files import atomic_path
from enco.methods import available, create, get
from enco.methods.base import Method
from eval.timing.stopwatch import SCHEDULE, random_batch

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "methods.csv"
DOCS = ROOT / "docs" / "methods.md"
BEGIN, END = "<!-- written by benchmarks/methods.py -->", "<!-- end -->"
COLUMNS = ("method", "parameters", "total", "images", "gflop", "activations_gib", "peak_gib")
SIZE = 256
GIB = 2**30


@dataclass
class SavedBytes:
    """Memory that autograd keeps for backward passes: now, and at most; each storage counts once, weights not."""

    weights: set[int]
    now: int = 0
    peak: int = 0

    def __post_init__(self) -> None:
        self.holders: Counter[int] = Counter()

    def keep(self, tensor: Tensor) -> Saved:
        place = tensor.untyped_storage().data_ptr()
        if place not in self.weights:
            self.now += 0 if self.holders[place] else tensor.untyped_storage().nbytes()
            self.peak = max(self.peak, self.now)
        self.holders[place] += 1
        return Saved(tensor.detach(), self)

    def release(self, tensor: Tensor) -> None:
        place = tensor.untyped_storage().data_ptr()
        self.holders[place] -= 1
        if not self.holders[place] and place not in self.weights:
            self.now -= tensor.untyped_storage().nbytes()


@dataclass
class Saved:
    """One tensor, as long as autograd keeps that tensor."""

    tensor: Tensor
    account: SavedBytes

    def __del__(self) -> None:
        self.account.release(self.tensor)


@contextmanager
def count_saved(method: Method) -> Iterator[SavedBytes]:
    """Count the bytes that autograd keeps while the block runs."""
    tensors = [tensor for network in method.networks.values() for tensor in (*network.parameters(), *network.buffers())]
    account = SavedBytes({tensor.untyped_storage().data_ptr() for tensor in tensors})
    with saved_tensors_hooks(account.keep, lambda saved: saved.tensor):
        yield account


def measure(name: str, size: int = SIZE, **options: Any) -> dict[str, Any]:
    """Measure the first step of a method in this process and return a line of the results.

    `gflop` counts convolutions and matrix products, forward and backward, a multiply-add as two, for each image that
    the step translates. `activations_gib` is the most that autograd keeps at one time for backward passes, and
    `peak_gib` the growth of the process's memory by the method: weights, gradients, Adam's moments, activations.
    """
    load_lazy_parts()
    resident = psutil.Process().memory_info().rss
    fitting = {"crop_size": size, "load_size": size, **get(name).info.Options.offline_options(size), **options}
    method = create(name, schedule=SCHEDULE, **fitting)
    method.calibrate(random_batch(size, method.images_per_step, seed) for seed in (1, 2, 3))
    method.begin_epoch(1)
    with FlopCounter() as flops, count_saved(method) as saved:
        method.step(random_batch(size, method.images_per_step))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    images = method.images_per_iteration
    return {
        "method": name,
        "parameters": describe_parameters(method),
        "total": method.parameter_count(),
        "images": images,
        "gflop": round(flops.total / images / 1e9),
        "activations_gib": round(saved.peak / GIB, 2),
        "peak_gib": round((peak - resident) / GIB, 1),
    }


def load_lazy_parts() -> None:
    """Have torch load all that is loaded at first use, so that such memory is not counted as the method's."""
    weight = torch.nn.Parameter(torch.ones(1, 1))
    with FlopCounter():
        (weight @ weight).sum().backward()
    torch.optim.Adam([weight]).step()


def describe_parameters(method: Method) -> str:
    """Write the networks' parameters, as in 'generator 11,378,179; discriminator 2,764,737'."""
    return "; ".join(f"{name.replace('_', ' ')} {count_of(network)}" for name, network in method.networks.items())


def count_of(network: nn.Module) -> str:
    """Write the number of a network's weights, and whether weights are trained."""
    count = sum(p.numel() for p in network.parameters())
    return f"{count:,}" if any(p.requires_grad for p in network.parameters()) else f"{count:,} (not trained)"


def measure_in_own_process(name: str) -> dict[str, Any]:
    """Measure one method in a fresh process, with a low claim to the processor."""
    command = ["nice", "-n", "10", sys.executable, "-m", "benchmarks.methods", "--here", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{name} could not be measured: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def read_results(path: Path = RESULTS) -> dict[str, dict[str, str]]:
    """Read the lines of the results by method; none without a file."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {line["method"]: line for line in csv.DictReader(file)}


def write_results(results: Mapping[str, Mapping[str, Any]], path: Path = RESULTS) -> None:
    """Write the lines of all known methods, in the order of names."""
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(results[name] for name in sorted(set(results) & set(available())))


def docs_table(results: Iterable[Mapping[str, str]]) -> str:
    """Write the results as a Markdown table."""
    headers = (
        *("Method", "Parameters", "Trained", "Images a step"),
        *("GFLOP an image", "Activations, GiB", "Peak memory, GiB"),
    )
    rows = [
        (
            *(get(line["method"]).info.label, line["parameters"].replace("; ", "<br>"), f"{int(line['total']):,}"),
            *(line["images"], f"{int(line['gflop']):,}", line["activations_gib"], line["peak_gib"]),
        )
        for line in results
    ]
    rule = ["---", "---", *["--:"] * 5]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headers, rule, *rows))


def write_page() -> None:
    """Write the table of the results into the page."""
    with atomic_path(DOCS) as partial:
        partial.write_text(with_table(DOCS.read_text("utf-8"), docs_table(read_results().values())), "utf-8")


def with_table(text: str, table: str) -> str:
    """Return a document with a new table between the markers."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the results and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods")
    show_example(parser, "enco cut")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--here", action="store_true", help="measure one method in this process and print its line")
    args = parser.parse_args(arguments)
    if args.here:
        print(json.dumps(measure(*args.names)))
        return
    results: dict[str, Mapping[str, Any]] = dict(read_results())
    for name in [get(name).info.name for name in args.names] or list(available()):
        results[name] = measure_in_own_process(name)
        print(results[name], flush=True)
        write_results(results)
    write_page()


if __name__ == "__main__":
    run_cli(main)
