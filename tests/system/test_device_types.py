"""What depends on the type of a device stands in few files, so that a new type is written down in these alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = {
    "enco/config/compute.py": "the options of fast",
    "enco/data/unpaired.py": "pinned memory",
    "enco/methods/parts/optim.py": "fused Adam",
    "enco/networks/layers/padding.py": "which gradient is deterministic",
    "enco/runtime/capabilities.py": "what a device can do",
    "enco/runtime/devices.py": "choosing a device",
    "enco/runtime/precision.py": "autocast",
    "enco/runtime/randomness.py": "generators",
    "enco/selftest/__main__.py": "a device's name",
    "enco/training/cuda_graphs.py": "CUDA's own",
    "enco/training/prefetcher.py": "CUDA's own",
    "enco/training/provenance.py": "a device's name",
    "eval/timing/__main__.py": "how many steps are timed",
    "eval/timing/stopwatch.py": "memory that a failed method holds",
}
ATTRIBUTES = {"cuda", "is_cuda", "mps"}


def mentions(tree: ast.AST) -> Iterator[str]:
    """Yield what names a type of GPU, or sends a tensor to one: "cuda", `torch.cuda`, `x.is_cuda`, `x.cuda()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.split(":")[0] == "cuda":
            yield node.value
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield node.attr


def test_only_these_files_know_types_of_gpus() -> None:
    files = [path for folder in ("enco", "eval", "workflow") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if any(mentions(ast.parse(path.read_text("utf-8"))))}
    assert found == PLACES.keys()


def test_every_way_to_name_one_is_seen() -> None:
    for code in ("x.to('cuda')", "torch.device('cuda:1')", "x.cuda()", "if x.is_cuda: ...", "torch.cuda.synchronize()"):
        assert any(mentions(ast.parse(code))), code
    assert not any(mentions(ast.parse("x.to(method.device); use('cuda_graph')")))
