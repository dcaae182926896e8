"""The measured costs of docs/methods.md: the arithmetic, and that page, results and networks agree."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.methods import (
    COLUMNS,
    DOCS,
    FlopCounter,
    SavedBytes,
    count_saved,
    describe_parameters,
    docs_table,
    measure,
    read_results,
    with_table,
    write_results,
)
from enco.methods import available, get
from enco.methods.parts.schedule import Schedule
from tests.support.tiny_methods import SIZE, batch_for, tiny_method, tiny_options


def test_the_page_holds_the_measured_table() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert with_table(text, docs_table(read_results().values())) == text, "run `python -m benchmarks.methods`"


@pytest.mark.parametrize("name", sorted(available()))
def test_measured_parameters_are_those_of_the_networks(name: str) -> None:
    line = read_results()[name]
    with torch.device("meta"):
        options = get(name).info.Options(**get(name).info.Options.offline_options(256))
        method = get(name)(options, Schedule(), torch.device("meta"))
    assert line["parameters"] == describe_parameters(method)
    assert int(line["total"]) == method.parameter_count()
    assert float(line["peak_gib"]) < 12


def test_every_method_is_described() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, method in available().items():
        assert method.info.paper.removeprefix("arXiv ") in text, name


def test_flops_of_a_convolution_forward_and_backward() -> None:
    network = nn.Conv2d(3, 5, 3, padding=1, bias=False)
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    one_way = 2 * 2 * 8 * 8 * 3 * 5 * 9
    with FlopCounter() as counter:
        loss = network(images).sum()
        assert counter.total == one_way
        loss.backward()
    assert counter.total == 3 * one_way


def test_saved_bytes_count_each_storage_once_while_it_is_kept() -> None:
    x = torch.randn(1000, requires_grad=True)
    account = SavedBytes(weights=set())
    with torch.autograd.graph.saved_tensors_hooks(account.keep, lambda saved: saved.tensor):
        y = x * 2
        z = (y * y).sum() + y.square().sum()
        assert account.now == 4000
        z.backward()
    del z
    assert account.now == 0
    assert account.peak == 4000


def test_weights_are_no_activations() -> None:
    linear, x = nn.Linear(10, 20, bias=False), torch.ones(5, 10, requires_grad=True)
    account = SavedBytes(weights={linear.weight.untyped_storage().data_ptr()})
    with torch.autograd.graph.saved_tensors_hooks(account.keep, lambda saved: saved.tensor):
        y = linear(x)
    assert account.now == x.nbytes
    del y
    assert account.now == 0


def test_a_methods_activations_are_counted() -> None:
    method = tiny_method("cut")
    with count_saved(method) as account:
        method.step(batch_for(method, 0))
    assert account.now == 0
    assert account.peak > 10 * 4 * 3 * SIZE**2


def test_a_step_is_measured() -> None:
    line = measure("distancegan", 32, **tiny_options("distancegan"))
    assert set(line) == set(COLUMNS)
    assert line["images"] == 2 and line["total"] == sum_of(line["parameters"])


def sum_of(parameters: str) -> int:
    return sum(int(part.rpartition(" ")[2].replace(",", "")) for part in parameters.split("; "))


def test_results_are_read_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "methods.csv"
    assert read_results(path) == {}
    lines = {name: {column: f"{column} of {name}" for column in COLUMNS} | {"method": name} for name in ("enco", "cut")}
    write_results(lines, path)
    assert list(read_results(path)) == ["cut", "enco"]
    assert read_results(path) == lines


def test_a_table_replaces_the_one_before() -> None:
    begun = "before\n<!-- written by benchmarks/methods.py -->\nold\n<!-- end -->\nafter\n"
    once = with_table(begun, "| new |")
    assert once == "before\n<!-- written by benchmarks/methods.py -->\n| new |\n<!-- end -->\nafter\n"
    assert with_table(once, "| new |") == once
