"""Both modes of computing a step: what they share, what they may change, and that neither waits for its device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from enco.config.base import parse
from enco.config.compute import FAST, PLAIN, ComputeConfig, ComputeOptions
from enco.config.run import DataConfig, RunConfig
from enco.errors import UserError
from enco.losses.sampling import random_subset
from enco.losses.terms import discriminator_loss, l1, patch_nce
from enco.methods import available, create
from enco.methods.parts.optim import adam, minimize
from enco.methods.parts.pool import ImagePool
from enco.methods.parts.schedule import Schedule
from enco.networks.layers.norm import instance_norm
from enco.runtime.precision import in_float32
from enco.runtime.randomness import draw_device, rng_device
from enco.training.identity import config_hash
from enco.training.train_step import CompiledNetworks, TrainStep
from tests.support.recorded_graph import recorded_graphs as recorded_graphs
from tests.support.tiny_methods import batch_for, tiny_method, tiny_options

FAST_MODE = ComputeConfig(mode="fast", bfloat16=True)
"""Also on a machine without instructions for bfloat16, where it is slow."""
META = torch.device("meta")


@pytest.fixture
def half_precision() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        yield


def train_step(name: str, compute: ComputeConfig | None = None, **options: Any) -> TrainStep:
    made = TrainStep(tiny_method(name, **options), compute)
    torch.manual_seed(1)
    made.begin_epoch(1)
    return made


def test_speeds_are_named_for_people() -> None:
    assert ComputeConfig.model_validate("fast") == ComputeConfig(mode="fast")
    assert str(PLAIN) == "float32"
    assert str(replace(FAST["cuda"], compile=False)) == "bfloat16, cuda graph, device rng, autotune"
    assert str(ComputeOptions(channels_last=True, tf32=False)) == "float32, channels last, no TF32"


def test_an_unknown_piece_is_answered_with_the_known_ones() -> None:
    values = {"method": "enco", "task": "t", "data": {"root": "d"}, "compute": {"half": True}}
    with pytest.raises(UserError, match=r"'compute\.half'.*choose one of autotune, bfloat16, .*, tf32\.$"):
        parse(RunConfig, values, "the command line")


def test_an_unknown_mode_or_piece_is_refused() -> None:
    for values in ({"mode": "fastest"}, {"half": True}):
        with pytest.raises(ValidationError):
            ComputeConfig.model_validate(values)


def test_speed_is_part_of_what_a_run_is_unless_plain() -> None:
    def hash_of(**compute: Any) -> str:
        return config_hash(RunConfig(method="enco", task="t", data=DataConfig(root="d"), compute=compute))  # type: ignore[arg-type]

    unset = config_hash(RunConfig(method="enco", task="t", data=DataConfig(root="d")))  # type: ignore[arg-type]
    assert hash_of(mode="plain") == unset
    assert len({unset, hash_of(mode="fast"), hash_of(mode="fast", compile=False)}) == 3


@pytest.mark.parametrize("name", available())
def test_a_plain_step_is_the_methods_own(name: str) -> None:
    plain, bare = train_step(name), tiny_method(name)
    batch = batch_for(bare, 0)
    torch.manual_seed(1)
    wanted = bare.step(batch)
    torch.manual_seed(1)
    found = plain(batch)
    assert {key: float(value) for key, value in found.items()} == {key: float(value) for key, value in wanted.items()}


@pytest.mark.parametrize("name", available())
def test_a_fast_step_has_nearly_the_plain_losses_and_leaves_weights_in_float32(name: str) -> None:
    plain, fast = train_step(name), train_step(name, FAST_MODE)
    batch = batch_for(plain.method, 0)
    torch.manual_seed(1)
    wanted = plain(batch)
    torch.manual_seed(1)
    found = fast(batch)
    assert found.keys() == wanted.keys()
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert any(float(found[term]) != float(wanted[term]) for term in wanted), "computed in float32, too"
    for term, value in wanted.items():
        assert float(found[term]) == pytest.approx(float(value), rel=0.05, abs=0.01), term
    weights = (tensor for network in fast.method.networks.values() for tensor in network.parameters())
    assert {tensor.dtype for tensor in weights} == {torch.float32}
    for optimizer in fast.method.optimizers.values():
        kept = (tensor for state in optimizer.state.values() for tensor in tree_leaves(state))
        assert {tensor.dtype for tensor in kept} == {torch.float32}


def test_a_second_fast_epoch_goes_on_without_the_first_ones_terms() -> None:
    fast = train_step("enco", FAST_MODE)
    batch = batch_for(fast.method, 0)
    assert "idt" in fast(batch)
    fast.begin_epoch(2)
    assert "idt" not in fast(batch)


def test_weights_are_cast_anew_after_each_update(half_precision: None) -> None:
    layer = torch.nn.Linear(4, 1, bias=False)
    optimizer = adam(layer, lr=0.5)
    x = torch.ones(1, 4)
    with torch.no_grad():
        layer(x)  # a cast without gradient, which a cache would hand to the next call
    before = layer(x)
    minimize(before.sum(), optimizer)
    assert not torch.equal(layer(x), before)


@pytest.mark.usefixtures("half_precision")
def test_losses_compute_in_float32_where_networks_do_not() -> None:
    queries, keys = (torch.nn.functional.normalize(torch.randn(2, 8, 16), dim=-1).bfloat16() for _ in range(2))
    with torch.autocast("cpu", enabled=False):
        wanted = patch_nce(queries.float(), keys.float(), 0.07)
    assert torch.equal(patch_nce(queries, keys, 0.07), wanted)
    scores = torch.randn(1, 1, 4, 4).bfloat16()
    assert discriminator_loss(scores, True, "lsgan").dtype == l1(scores, scores).dtype == torch.float32


@pytest.mark.usefixtures("half_precision")
def test_float32_functions_raise_tensors_within_lists_and_leave_others_alone() -> None:
    @in_float32
    def types(items: list[Tensor], *, number: int, single: Tensor) -> list[torch.dtype]:
        assert number == 3
        return [*(item.dtype for item in items), single.dtype, (single @ single).dtype]

    halves, wide = torch.ones(2, 2).bfloat16(), torch.ones(2, 2)
    assert types([halves, wide], number=3, single=halves) == [torch.float32] * 4
    indices = torch.arange(2)
    assert types([indices, wide.double()], number=3, single=wide)[:2] == [torch.int64, torch.float64]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_of_bfloat16_has_the_statistics_of_float32(layout: torch.memory_format) -> None:
    # A mean far from 0 that bfloat16 sums would lose.
    x = (torch.randn(2, 8, 64, 64) + 30).bfloat16().to(memory_format=layout)
    found, wanted = instance_norm(x), torch.nn.functional.instance_norm(x.float())
    torch.testing.assert_close(found.float(), wanted, rtol=2**-7, atol=2**-7)


def test_draws_are_made_where_the_block_says() -> None:
    assert draw_device().type == "cpu"
    with rng_device(META):
        assert draw_device() == META
    assert draw_device().type == "cpu"


def test_subsets_drawn_without_a_sort_have_no_doubles_and_every_cell_in_them_equally_often() -> None:
    torch.manual_seed(0)
    drawn = torch.stack([random_subset(20, 5, torch.device("cpu")) for _ in range(4000)])
    assert all(len(set(row)) == 5 for row in drawn.tolist())
    for place in range(5):  # each place of the order, too
        counts = drawn[:, place].bincount(minlength=20).float()
        assert float(((counts - 200) ** 2 / 200).sum()) < 43.8  # chi-square, 19 degrees of freedom, p = 0.001


class OffDevice(TorchDispatchMode):
    """Notes operations: `seen` all, `found` those on other devices' tensors and those that tell the host a number."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.found, self.seen = device, set[str](), set[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.seen.add(str(func))
        devices = {x.device.type for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)}
        if devices - {self.device} or "_local_scalar_dense" in str(func) or "nonzero" in str(func):
            self.found.add(str(func))
        return result


DRAWS = {"aten.rand.default", "aten.randn.default", "aten.randperm.default", "aten.slice.Tensor"}
COPIES = {"aten._to_copy.default"}


ON_META = ComputeConfig(mode="fast", bfloat16=False, compile=False)
"""Without autocast, which knows no "meta"; `test_recorded_steps.py` has it."""


@pytest.mark.slow
@pytest.mark.usefixtures("recorded_graphs")
@pytest.mark.parametrize(
    ("compute", "allowed"), [(ON_META, set()), (ComputeConfig(), DRAWS | COPIES)], ids=["fast", "plain"]
)
@pytest.mark.parametrize("name", available())
def test_no_step_leaves_its_device_but_for_draws_of_plain_ones(
    name: str, compute: ComputeConfig, allowed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # On "meta", as on a GPU. Adam's fused kernel is there, too, only not in the list of its devices.
    monkeypatch.setattr(import_module("torch.optim.adam"), "_device_dtype_check_for_fused", lambda weight: None)
    options = tiny_options(name) | ({"normalize": False} if "distance" in name else {})
    method = create(name, schedule=Schedule(1, 1), device=META, **options)
    method.calibrate([])
    for optimizer in method.optimizers.values():
        optimizer.param_groups[0]["fused"] = True
    train_step, side = TrainStep(method, compute), method.options.crop_size
    images = torch.empty(method.images_per_step, 3, side, side, device=META)
    for epoch in (1, 2):
        train_step.begin_epoch(epoch)
        with OffDevice("meta") as watched:
            for _ in range(2 if epoch == 1 else 1):
                train_step({"source": images, "target": images})
        assert watched.found <= allowed
        assert (watched.found >= COPIES) == bool(allowed)
        assert "aten._fused_adam_.default" in watched.seen


def test_the_watch_of_the_test_before_sees_a_step_that_waits() -> None:
    with OffDevice("cpu") as watched:
        float(torch.ones(()))
    assert watched.found
    with OffDevice("meta") as watched:
        ImagePool(2).query(torch.empty(1, 3, 4, 4, device=META))  # draws on the CPU
    assert watched.found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["enco", "munit", "drit"])
def test_compiled_networks_take_every_gradient_of_a_step(name: str) -> None:
    """With the compiler's own treatment of gradients and autocast, but PyTorch's kernels: code would take minutes."""
    usual, compiled = train_step(name, FAST_MODE), train_step(name, FAST_MODE)
    compiled.compiled = CompiledNetworks(compiled.method.networks.values(), backend="aot_eager")
    assert compiled.compiled.functions
    batch = batch_for(usual.method, 0)
    torch.manual_seed(1)
    wanted = usual(batch)
    torch.manual_seed(1)
    found = compiled(batch)
    assert {term: float(value) for term, value in found.items()} == pytest.approx(
        {term: float(value) for term, value in wanted.items()}, rel=0.05, abs=0.01
    )
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    torch._dynamo.reset()


def test_what_a_step_changes_on_the_host_is_done_after_it() -> None:
    method = tiny_method("munit", lr_step=3)
    rates = [method.optimizers["autoencoders"].param_groups[0]["lr"]]
    for step in range(3):
        if step == 1:
            method.end_step()  # all of a replayed step that Python sees
        else:
            method.step(batch_for(method, step))
        rates.append(method.optimizers["autoencoders"].param_groups[0]["lr"])
    assert rates == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5])
    assert method.extra_state() == {"iteration": 3}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_kept_memory_is_not_cleared_again_for_each_tensor() -> None:
    count = """
import resource, sys, torch
from enco.runtime.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(12):  # until blocks have found their places
    torch.ones(40, 2**20)
before = faults()
for _ in range(20):
    torch.ones(40, 2**20)
print(faults() - before)
"""
    faults = {
        how: int(subprocess.run([sys.executable, "-c", count, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "give")
    }
    assert faults["keep"] < faults["give"] / 100
