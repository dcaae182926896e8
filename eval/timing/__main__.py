"""Seconds per training iteration of any method at any size, all variants in one process: `python -m eval.timing`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from enco.config.base import parse
from enco.config.bounds import BATCH_SIZE, COUNT, COUNT_OR_NONE, SIDE, THREADS
from enco.config.commands import show_example
from enco.config.compute import read_compute
from enco.errors import UserError, run_cli
from enco.io.files import read_json
from enco.methods import available, get
from enco.runtime.devices import DEVICES, choose_device, named_device
from enco.runtime.memory import keep_memory
from eval.published import published_speeds
from eval.timing.measure import measure
from eval.timing.stopwatch import Variant, offline_options
from eval.timing.table import failures, notes, timing_table

ITERATIONS = {"cpu": 5, "cuda": 50}
"""Timed steps of each half where the command line names no number."""


def load_variants(source: str) -> dict[str, Variant]:
    """Read variants by name, {"enco+k=2": {"method": "enco", "options": {"k": 2}}}, from JSON text or a JSON file."""
    content = _json(source, "--variants", '{"enco": {"method": "enco", "options": {}}}')
    return {name: parse(Variant, entry, f"variant {name}") for name, entry in content.items()}


def method_variants(names: Sequence[str], size: int, options: Mapping[str, Any]) -> dict[str, Variant]:
    """Return methods by name, or 'all', each at the defaults but for the options given.

    Where a default cannot run at this size, or would need a download, the method's documented stand-in takes its place.
    Raises UserError for an unknown method.
    """
    for name in options:
        get(name)
    chosen = available() if list(names) == ["all"] else names
    return {
        name: Variant(method=name, options=offline_options(name, options.get(name, {}), size) | options.get(name, {}))
        for name in chosen
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the variants of the command line, print a table and write the timing file."""
    args = _parser().parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    compute = read_compute(args.compute)
    keep_memory()
    timing = measure(
        _variants(args),
        device,
        size=args.size,
        batch_size=args.batch_size,
        warmup=args.warmup,
        iterations=ITERATIONS.get(device.type, ITERATIONS["cuda"]) if args.iterations is None else args.iterations,
        compute=compute,
    )
    print(timing_table(timing, published_speeds(args.published)))
    print(*notes(timing), sep="\n")
    if timing.errors and not args.allow_failures:
        cure = "mend it or give --allow-failures"
        raise UserError(f"Nothing is written, as this could not be timed: {failures(timing)}; {cure}.")
    if args.out:
        timing.write(args.out)


def _variants(args: argparse.Namespace) -> dict[str, Variant]:
    if args.variants:
        return load_variants(args.variants)
    options = _json(args.options, "--options", '{"cut": {"tau": 0.1}}') if args.options else {}
    return method_variants(args.methods, args.size, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval.timing", description=__doc__)
    show_example(parser, "--methods enco cut --size 256 --out timing.json")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--methods", nargs="+", metavar="NAME", help="methods at their default options, or 'all'")
    what.add_argument("--variants", metavar="JSON_OR_FILE", help="variants by name, each a method with options")
    parser.add_argument("--options", metavar="JSON_OR_FILE", help="with --methods: options by method's name")
    parser.add_argument("--size", type=SIDE, default=256, help="side of the images in pixels (default 256)")
    parser.add_argument(
        "--batch-size", type=BATCH_SIZE, help="where a variant's options name none (default: the method's)"
    )
    parser.add_argument("--warmup", type=COUNT_OR_NONE, default=2, help="untimed steps of each half (default 2)")
    counts = ", ".join(f"{count} on {kind}" for kind, count in ITERATIONS.items())
    parser.add_argument("--iterations", type=COUNT, help=f"timed steps of each half (default {counts})")
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=THREADS, help="CPU threads of torch")
    parser.add_argument("--compute", default="plain", metavar="MODE_OR_YAML", help="plain (default), fast, or pieces")
    parser.add_argument("--published", type=Path, default=Path("config", "published.csv"), help="the paper's numbers")
    parser.add_argument("--out", type=Path, metavar="FILE", help="timing file (JSON) to write")
    parser.add_argument("--allow-failures", action="store_true", help="write --out although a variant failed")
    return parser


def _json(source: str, option: str, example: str) -> dict[str, Any]:
    """Read an object that is not empty, from JSON text or a JSON file."""
    try:
        content = json.loads(source) if source.lstrip().startswith("{") else read_json(Path(source))
    except ValueError as error:
        raise UserError(f"{option} is not readable JSON ({error}).") from error
    if not isinstance(content, dict) or not content:
        raise UserError(f"{option} needs a JSON object such as {example}.")
    return content


if __name__ == "__main__":
    run_cli(main)
