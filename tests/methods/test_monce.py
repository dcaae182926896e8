"""The example package MoNCE: its loss against a direct computation, its weights, its gradients and its size."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from enco.losses.terms import patch_nce
from enco.selftest.checks import check_plain
from tests.support.own_methods import MONCE, on_path, write_package
from tests.support.pipeline import ROOT
from tests.support.tiny_methods import batch_for, tiny_method

POINTS = {"enco.methods": "monce = enco_monce.method", "enco.options": "monce = enco_monce"}


@pytest.fixture(scope="module", autouse=True)
def monce(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Yield the module of the method, found by its entry points."""
    packages = tmp_path_factory.mktemp("packages")
    write_package(packages, "enco-monce", POINTS)
    (packages / "enco_monce").symlink_to(MONCE / "enco_monce")
    with on_path(packages, "enco_monce"):
        yield importlib.import_module("enco_monce.method")


def embeddings(seed: int, count: int, images: int = 2, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, images, count, width, generator=generator, dtype=torch.float64)
    queries, keys = torch.nn.functional.normalize(drawn, dim=-1)
    return queries, keys


def options(monce: ModuleType, **values: Any) -> Any:
    return monce.MonceOptions(**values)


def direct(queries: np.ndarray, keys: np.ndarray, set_to: Any) -> list[float]:
    """The loss of one image by the equations at the head of the method's file, number by number."""
    count = len(queries)
    similarity = [[float(query @ key) for key in keys] for query in queries]
    kernel = [
        [0.0 if i == j else math.exp(similarity[i][j] / set_to.epsilon) for j in range(count)] for i in range(count)
    ]
    u, v = [1.0] * count, [1.0] * count
    for _ in range(set_to.sinkhorn_steps):
        u = [1 / sum(kernel[i][j] * v[j] for j in range(count)) for i in range(count)]
        v = [1 / sum(kernel[i][j] * u[i] for i in range(count)) for j in range(count)]
    losses = []
    for i in range(count):
        positive = math.exp(similarity[i][i] / set_to.tau)
        pushed = sum(
            u[i] * kernel[i][j] * v[j] * math.exp(similarity[i][j] / set_to.tau) for j in range(count) if j != i
        )
        constant = 0.0 if set_to.nce_diag is None else math.exp(set_to.nce_diag / set_to.tau)
        rest = set_to.lambda_negatives * (count - 1) * pushed + constant
        losses.append(-math.log(positive / (positive + rest)))
    return losses


@pytest.mark.parametrize("nce_diag", [None, -10.0, 0.5])
@pytest.mark.parametrize("values", [{}, {"epsilon": 0.2, "lambda_negatives": 3.0, "tau": 0.3}, {"sinkhorn_steps": 2}])
def test_the_loss_is_that_of_its_equations(monce: ModuleType, values: dict[str, Any], nce_diag: float | None) -> None:
    set_to = options(monce, nce_diag=nce_diag, **values)
    queries, keys = embeddings(0, 7)
    found = monce.monce(queries, keys, set_to)
    wanted = [direct(*pair, set_to) for pair in zip(queries.numpy(), keys.numpy(), strict=True)]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10)


def test_equal_weights_are_patch_nce(monce: ModuleType) -> None:
    queries, keys = embeddings(1, 9)
    even = monce.monce(queries, keys, options(monce, epsilon=1e9))
    torch.testing.assert_close(even, patch_nce(queries, keys, tau=0.07), rtol=1e-6, atol=1e-9)
    assert not torch.allclose(even, monce.monce(queries, keys, options(monce)), rtol=1e-3)


@given(st.integers(0, 1000), st.integers(2, 12), st.floats(0.3, 10.0))
@settings(max_examples=30)
def test_weights_are_a_plan_without_a_diagonal(seed: int, count: int, epsilon: float) -> None:
    module = importlib.import_module("enco_monce.method")
    queries, keys = embeddings(seed, count)
    weights = module.transport(queries @ keys.mT, epsilon, 2000)
    ones = torch.ones(2, count, dtype=torch.float64)
    assert weights.min() >= 0 and weights.diagonal(dim1=-2, dim2=-1).abs().max() == 0
    torch.testing.assert_close(weights.sum(-1), ones, atol=1e-3, rtol=0)
    torch.testing.assert_close(weights.sum(-2), ones, atol=1e-9, rtol=0)


def test_without_entropy_the_plan_is_the_assignment_of_greatest_similarity(monce: ModuleType) -> None:
    queries, keys = embeddings(3, 6, images=1)
    similarity = (queries @ keys.mT)[0]
    allowed = similarity.numpy() - 10 * np.eye(6)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    weights = monce.transport(similarity[None], 0.05, 20000)[0].numpy()
    kept = (weights * similarity.numpy()).sum()
    assert allowed[rows, columns].sum() - 0.05 * 6 * math.log(6) <= kept <= allowed[rows, columns].sum() + 1e-6


def test_a_harder_negative_pushes_more(monce: ModuleType) -> None:
    queries, keys = embeddings(4, 6, images=1)
    similarity = queries @ keys.mT
    before = monce.transport(similarity, 1.0, 50)[0, 0, 1]
    similarity[0, 0, 1] += 0.5
    assert monce.transport(similarity, 1.0, 50)[0, 0, 1] > before


def test_gradients_are_those_of_finite_differences(monce: ModuleType) -> None:
    queries, keys = (tensor.requires_grad_() for tensor in embeddings(5, 4, images=1, width=3))
    assert torch.autograd.gradcheck(lambda q, k: monce.monce(q, k, options(monce)), (queries, keys))


@pytest.mark.slow
def test_a_step_trains_every_network_by_right_gradients() -> None:
    assert not check_plain("monce", torch.device("cpu")).fault


def test_a_step_has_the_terms_of_cut_and_other_values() -> None:
    terms = {name: tiny_method(name).step(batch_for(tiny_method(name), 0)) for name in ("cut", "monce")}
    assert terms["cut"].keys() == terms["monce"].keys()
    assert torch.equal(terms["cut"]["d_fake"], terms["monce"]["d_fake"])
    assert not torch.equal(terms["cut"]["nce"], terms["monce"]["nce"])


def test_the_method_is_one_short_file_that_nothing_else_names() -> None:
    code = [path for path in (MONCE / "enco_monce").glob("*.py") if path.name != "__init__.py"]
    assert len(code) == 1
    assert sum(len(path.read_text().splitlines()) for path in (MONCE / "enco_monce").glob("*.py")) <= 250
    project = (path for folder in ("enco", "eval", "workflow", "config") for path in (ROOT / folder).rglob("*.*"))
    kinds = {".py", ".smk", ".yaml", ".csv"}
    assert [path for path in project if path.suffix in kinds and "monce" in path.read_text().lower()] == []
