"""Networks that `fast` compiles compute what they do by themselves, with all their gradients."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from enco import networks
from enco.networks import drit, munit
from enco.networks.discriminator import PatchDiscriminator
from enco.networks.generator import ResnetGenerator
from enco.networks.global_discriminator import GlobalDiscriminator
from enco.networks.multiscale import MultiScaleDiscriminator
from enco.runtime.capabilities import capabilities
from enco.training.train_step import CompiledNetworks

pytestmark = pytest.mark.slow
IMAGES, CODES, ATTRIBUTES = (1, 3, 32, 32), (1, 16, 8, 8), (1, 8)
Calls = Callable[..., Any]
NETWORKS: dict[type[nn.Module], tuple[Calls, tuple[tuple[int, ...], ...], Calls]] = {
    ResnetGenerator: (
        lambda: ResnetGenerator(4, n_blocks=1),
        (IMAGES,),
        # Its `forward` is that of other sequences of layers here.
        lambda network, x: (network.forward_features(x, (0, 4)), network.encode(x, (0, 4))),
    ),
    PatchDiscriminator: (lambda: PatchDiscriminator(4), (IMAGES,), lambda network, x: network(x)),
    GlobalDiscriminator: (lambda: GlobalDiscriminator(4, halvings=3), (IMAGES,), lambda network, x: network(x)),
    MultiScaleDiscriminator: (lambda: MultiScaleDiscriminator(4, scales=2), (IMAGES,), lambda network, x: network(x)),
    munit.ContentEncoder: (lambda: munit.ContentEncoder(4, n_blocks=1), (IMAGES,), lambda network, x: network(x)),
    munit.AutoEncoder: (
        lambda: munit.AutoEncoder(4, n_blocks=1, mlp_width=8),
        (IMAGES, CODES, ATTRIBUTES),
        lambda network, x, contents, styles: (network.encode(x), network.decode(contents, styles)),
    ),
    drit.ContentEncoder: (lambda: drit.ContentEncoder(4, n_blocks=1), (IMAGES,), lambda network, x: network(x, "a")),
    drit.AttributeEncoder: (lambda: drit.AttributeEncoder(4), (IMAGES,), lambda network, x: network(x)),
    drit.Generator: (
        lambda: drit.Generator(4, n_blocks=1),
        (CODES, ATTRIBUTES),
        lambda network, contents, attributes: network(contents, attributes, "b"),
    ),
    drit.ContentDiscriminator: (
        lambda: drit.ContentDiscriminator(3, 4, layers=1),
        (IMAGES,),
        lambda network, x: network(x),
    ),
}
"""Of each class: a tiny instance, the shapes of its inputs, and a call of its compiled functions."""
BACKENDS: dict[str, dict[str, Any]] = {
    "aot_eager": {"backend": "aot_eager"},
    "inductor": {"options": {"cpp.simdlen": 1}},  # plain loops, which build in two thirds of the time
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Leave no compiled function to other tests."""
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}")
def test_outputs_and_all_gradients_are_those_of_the_network_itself(kind: type[nn.Module], backend: str) -> None:
    if backend == "inductor" and (reason := capabilities(torch.device("cpu")).impossible.get("compile")):
        pytest.skip(reason)
    torch.manual_seed(0)
    make, shapes, call = NETWORKS[kind]
    network: Any = make().double()  # a bias before a norm has no gradient but rounding errors
    inputs = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]

    def outputs_and_gradients() -> list[Tensor]:
        outputs = [leaf for leaf in tree_leaves(call(network, *inputs)) if isinstance(leaf, Tensor)]
        torch.manual_seed(1)
        towards = [torch.randn_like(output) for output in outputs]
        used = [weight for weight in network.parameters() if weight.requires_grad] + inputs
        return [*outputs, *torch.autograd.grad(outputs, used, towards, allow_unused=True, materialize_grads=True)]

    wanted = outputs_and_gradients()
    with CompiledNetworks([network], **BACKENDS[backend]).in_use():
        found = outputs_and_gradients()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    largest = max(float(other.detach().norm()) for other in wanted)
    for mine, other in zip(found, wanted, strict=True):
        assert (mine - other).norm() <= 1e-8 * other.norm() + 1e-12 * largest


def test_every_class_with_functions_to_compile_is_compiled_in_the_test_before() -> None:
    names = (module.name for module in pkgutil.iter_modules(networks.__path__))
    values = [value for name in names for value in vars(import_module(f"enco.networks.{name}")).values()]
    assert {value for value in values if isinstance(value, type) and "compiled" in vars(value)} == NETWORKS.keys()


def test_networks_are_compiled_only_in_steps() -> None:
    network = PatchDiscriminator(4)
    keys, compiled = list(network.state_dict()), CompiledNetworks([network], backend="aot_eager")
    with compiled.in_use():
        network(torch.rand(1, 3, 32, 32))
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs > 0
    network(torch.rand(2, 3, 48, 48))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    assert list(network.state_dict()) == keys
