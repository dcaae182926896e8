"""DAG sampling in every method that contrasts encodings as CUT does, and EnCo with any pairs of equal features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from enco.errors import UserError
from enco.losses import contrast
from enco.losses.sampling import resize_scores, sample_positions
from enco.methods import available, get
from enco.methods.base import Method
from enco.methods.enco import EnCo
from enco.networks.generator import ResnetGenerator, feature_shapes
from enco.options.contrast import ContrastOptions
from enco.options.sampling import SamplingOptions
from tests.methods.test_method_contract import assert_same
from tests.support.tiny_methods import SIZE, TINY, images, tiny_method

Size = tuple[int, int]
Sampler = Callable[[SamplingOptions, Size, Tensor | None], Tensor]
MODULES = range(32)

FAMILY = sorted(name for name in available() if issubclass(get(name).info.Options, ContrastOptions))

every_method = pytest.mark.parametrize("name", FAMILY)


def small(name: str, **options: Any) -> Method:
    """Make a method with few residual blocks, and so few patches that pools are smaller than maps."""
    return tiny_method(name, **({"n_blocks": 5, "patches": 8} | options))


@contextmanager
def sampler(replacement: Sampler) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrast, "sample_positions", replacement)
        yield


def cuts_own(options: SamplingOptions, size: Size, scores: Tensor | None) -> Tensor:
    """Draw positions as the CUT code does: the first of a permutation of all cells."""
    return torch.randperm(size[0] * size[1])[: options.patches]


@dataclass(frozen=True)
class Draw:
    """Positions B x P that a method drew, the scores given for the draw, and the random state before."""

    size: Size
    scores: Tensor | None
    positions: Tensor
    random: Tensor

    def pools(self, count: int) -> list[Tensor]:
        """Return the pool of `count` positions that each image's positions were chosen from."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.random)
            return [torch.randperm(self.size[0] * self.size[1])[:count] for _ in self.positions]


def draws_of(method: Method, batch_size: int = 1) -> list[Draw]:
    """Record all draws of one step."""
    draws: list[Draw] = []

    def spy(options: SamplingOptions, size: Size, scores: Tensor | None) -> Tensor:
        random = torch.get_rng_state()
        positions = sample_positions(options, size, scores)
        draws.append(Draw(size, scores, positions, random))
        return positions

    with sampler(spy):
        method.step(images(0, batch_size))
    return draws


def test_the_family_is_found() -> None:
    assert {"cut", "dclgan", "negcut", "qs_attn"} <= set(FAMILY)


@every_method
def test_sampling_is_uniform_unless_it_is_switched_on(name: str) -> None:
    assert get(name).info.Options().k == 1


@every_method
@pytest.mark.parametrize(("beta", "rest"), [(0.5, "top"), (0.75, "top"), (1.0, "uniform")])
def test_k_1_is_the_plain_training_to_the_last_bit(name: str, beta: float, rest: str) -> None:
    ours, plain = small(name, k=1, beta=beta, dag_rest=rest), small(name)
    torch.manual_seed(1)
    our_terms = [ours.step(images(seed, 2)) for seed in range(2)]
    our_random = torch.get_rng_state()
    torch.manual_seed(1)
    with sampler(cuts_own):
        plain_terms = [plain.step(images(seed, 2)) for seed in range(2)]
    assert torch.equal(our_random, torch.get_rng_state())
    assert_same(our_terms, plain_terms)
    assert_same(ours.state_dict(), plain.state_dict())


@every_method
def test_uniform_positions_are_the_same_in_every_image(name: str) -> None:
    for draw in draws_of(small(name, batch_size=2), batch_size=2):
        assert draw.positions.shape == (8,)


@every_method
@settings(max_examples=4, deadline=None)
@given(k=st.integers(2, 200), beta=st.floats(0, 1))
def test_k_above_1_draws_the_cells_of_lowest_and_highest_score(name: str, k: int, beta: float) -> None:
    """Each image's cells are the ends of the image's pool, which is the whole map where k is large."""
    draws = draws_of(small(name, k=k, beta=beta, batch_size=2), batch_size=2)
    assert draws
    for draw in draws:
        assert draw.scores is not None
        assert draw.positions.shape == (2, 8)
        maps = resize_scores(draw.scores.detach(), draw.size).flatten(1)
        for scores, pool, positions in zip(maps, draw.pools(8 * k), draw.positions, strict=True):
            assert len(set(positions.tolist())) == 8
            assert set(positions.tolist()) <= set(pool.tolist())
            # By score, as resizing leaves cells at the border with equal ones.
            least, ranked = round(beta * 8), scores[pool].sort().values
            assert torch.equal(scores[positions[:least]], ranked[:least])
            assert torch.equal(scores[positions[least:]], ranked[len(ranked) - (8 - least) :])


@every_method
def test_the_scores_are_the_discriminators(name: str) -> None:
    method = small(name, k=4)
    judged: list[Tensor] = []
    for network, module in method.networks.items():
        if network.startswith("discriminator"):
            module.register_forward_hook(lambda _module, _images, scores: judged.append(scores))
    for draw in draws_of(method):
        assert any(draw.scores is scores for scores in judged)


@every_method
def test_k_above_1_is_another_training(name: str) -> None:
    plain, dag = (small(name, k=k).step(images(0)) for k in (1, 4))
    assert plain.keys() == dag.keys()
    contrasts = [term for term in plain if term.startswith("nce")]
    assert contrasts
    for term in contrasts:
        assert not torch.equal(plain[term], dag[term]), term
    # Positions are all that differs: what is judged before them is the same.
    for term in plain.keys() - set(contrasts):
        if term.startswith(("d_", "gan_", "idt_")):
            assert torch.equal(plain[term], dag[term]), term


@cache
def shapes() -> dict[int, tuple[int, int, int]]:
    """Return channels, height and width of each module's feature in EnCo, with the bare image as module 0."""
    return feature_shapes(ResnetGenerator(TINY["ngf"]), MODULES, SIZE) | {0: (3, SIZE, SIZE)}


@st.composite
def pairs(draw: st.DrawFn, legal: bool) -> tuple[int, int]:
    every = product(MODULES, MODULES)
    return draw(st.sampled_from([(i, j) for i, j in every if (shapes()[i] == shapes()[j]) == legal]))


@settings(max_examples=20, deadline=None)
@given(chosen=st.lists(pairs(legal=True), min_size=1, max_size=4), k=st.sampled_from([1, 4]))
def test_enco_trains_on_any_pairs_of_equal_features(chosen: list[tuple[int, int]], k: int) -> None:
    method = tiny_method("enco", pairs=chosen, k=k)
    assert isinstance(method, EnCo)
    before = [head.query_projector.mlp[0].weight.detach().clone() for head in method.heads]
    terms = method.step(images(0))
    assert terms.keys() == {"d_real", "d_fake", "gan_g", "nce", "idt"}
    assert all(torch.isfinite(term) for term in terms.values())
    assert [len(weight[0]) for weight in before] == [shapes()[key][0] for key, _ in chosen]
    for old, head in zip(before, method.heads, strict=True):
        assert not torch.equal(old, head.query_projector.mlp[0].weight)


@settings(max_examples=20, deadline=None)
@given(bad=pairs(legal=False), others=st.lists(pairs(legal=True), max_size=3), place=st.integers(0, 3))
def test_enco_refuses_a_pair_of_unequal_features(
    bad: tuple[int, int], others: list[tuple[int, int]], place: int
) -> None:
    with pytest.raises(UserError, match=rf"cannot pair modules {bad[0]} and {bad[1]}: .* choose two of equal shape"):
        tiny_method("enco", pairs=[*others[:place], bad, *others[place:]])


@given(there=st.sampled_from(MODULES), absent=st.integers(32, 99), swapped=st.booleans())
@settings(max_examples=10, deadline=None)
def test_enco_refuses_a_module_that_is_not_there(there: int, absent: int, swapped: bool) -> None:
    pair = (absent, there) if swapped else (there, absent)
    with pytest.raises(UserError, match=f"tap {absent} does not exist: choose among modules 0 to 31"):
        tiny_method("enco", pairs=[pair])


@pytest.mark.parametrize("bad", [[], [[3]], [[3, 28, 7]], [["a", 3]], [[3, -1]], [[-4, 28]]])
def test_enco_refuses_what_is_no_list_of_pairs(bad: list[Any]) -> None:
    with pytest.raises(UserError, match=r"Invalid setting 'pairs.*' in options of method enco"):
        tiny_method("enco", pairs=bad)
