"""The paper's figures: known similarity maps, components and counts, images chosen by rule, the same bytes twice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enco.data.reading import DEFAULT_READING
from enco.errors import UserError
from enco.methods.cut import Cut
from enco.methods.dclgan import DclGan
from enco.methods.enco import EnCo
from enco.training.probe import Draw
from eval.figures.paper.choose import at_percentile, choose_images, rank
from eval.figures.paper.components import as_colours, pictures, principal_components
from eval.figures.paper.frequency import busiest, frequency
from eval.figures.paper.options import (
    NAMES,
    ComponentOptions,
    FrequencyOptions,
    PaperFigures,
    SimilarityOptions,
    tasks_of,
    variants_of,
)
from eval.figures.paper.panels import Panel, coloured, grid
from eval.figures.paper.planned import PlannedRun, PlannedTask
from eval.figures.paper.similarity import Layer, layers_of, min_max, scaled, shown_layers, similarity_map
from eval.metrics.features import Features
from eval.records import ExtractorRecord
from tests.support.tiny_methods import images, tiny_method

TAU = 0.07


def layer(side: int = 2, query: tuple[float, float] = (1.0, 0.0)) -> Layer:
    """Keys turn by 30 degrees from cell to cell, row by row; the query is one direction everywhere."""
    angles = torch.arange(side * side) * np.pi / 6
    keys = torch.stack([angles.cos(), angles.sin()], dim=-1).reshape(side, side, 2)
    return Layer(torch.tensor(query).expand(side, side, 2), keys, TAU)


def test_a_similarity_map_is_the_exponential_of_cosines_over_tau() -> None:
    found = layer().similarity((0.0, 0.0))
    expected = np.exp(np.cos(np.arange(4) * np.pi / 6) / TAU).reshape(2, 2)
    assert np.allclose(found.numpy(), expected, rtol=1e-4)


def test_a_query_is_the_cell_at_its_point() -> None:
    """Each query is the key of its own cell, so the map is greatest there."""
    keys = torch.nn.functional.one_hot(torch.arange(12)).float().reshape(3, 4, 12)
    for point, cell in {(0.0, 0.0): (0, 0), (1.0, 1.0): (2, 3), (0.5, 0.4): (1, 2), (0.9, 0.1): (0, 3)}.items():
        found = Layer(keys, keys, TAU).similarity(point)
        assert divmod(int(found.argmax()), 4) == cell


@pytest.mark.parametrize(("which", "side"), [("coarsest", 2), ("finest", 4)])
def test_the_layer_shown_is_that_of_the_size_asked_for(which: Any, side: int) -> None:
    layers = [layer(4), layer(2, query=(0.0, 1.0)), layer(2)]
    options = SimilarityOptions(layer=which)
    found = similarity_map(shown_layers(layers, options, "enco"), (0, 0), side, options)
    assert torch.equal(found, layer(side).similarity((0, 0)))


def test_a_layer_is_shown_by_its_number_where_a_variant_is_named() -> None:
    layers = [layer(4), layer(2), layer(3)]
    options = SimilarityOptions(layer={"enco": 0, "cut": 3})
    assert shown_layers(layers, options, "enco") == [layers[0]]
    assert shown_layers(layers, options, "dclgan") == [layers[1]]
    with pytest.raises(UserError, match=r"cut has no layer 3 of 3: set figure1\.layer from 0 to 2"):
        shown_layers(layers, options, "cut")


def test_the_mean_is_that_of_maps_that_are_scaled_each() -> None:
    options = SimilarityOptions(layer="mean", upsampling="nearest")
    found = similarity_map([layer(2), layer(2, query=(0.0, 1.0))], (0, 0), 2, options)
    both = [min_max(layer(2).similarity((0, 0))), min_max(layer(2, query=(0.0, 1.0)).similarity((0, 0)))]
    assert torch.allclose(found, (both[0] + both[1]) / 2)


def test_maps_are_scaled_each_or_by_one_range() -> None:
    maps = [torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 5.0]]), torch.ones(1, 2)]
    assert [one.tolist() for one in scaled(maps, "map")] == [[[0.0, 1.0]], [[0.0, 1.0]], [[0.0, 0.0]]]
    assert torch.allclose(torch.cat(scaled(maps, "picture")), torch.tensor([[0, 0.2], [0.2, 1], [0.2, 0.2]]))


def is_embedded(found: Tensor, head: Any, features: Tensor) -> bool:
    """Whether H x W x D vectors are a head's embeddings of a 1 x C x H x W map, row by row and of unit length."""
    expected = torch.nn.functional.normalize(head(features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])), dim=1)
    return torch.allclose(found, expected.reshape(found.shape), atol=1e-3)


@torch.no_grad()
def test_features_are_paired_as_each_methods_loss_pairs_them() -> None:
    image = images(1)["source"]
    enco, cut, dclgan = tiny_method("enco"), tiny_method("cut"), tiny_method("dclgan")
    assert isinstance(enco, EnCo) and isinstance(cut, Cut) and isinstance(dclgan, DclGan)

    found = layers_of(enco, image)
    for one, (key, query), head in zip(found, enco.options.pairs, enco.heads, strict=True):
        features = enco.generator.forward_features(image, (key, query))[1]
        assert is_embedded(one.queries, head.query, features[query])  # type: ignore[union-attr]
        assert is_embedded(one.keys, head.key, features[key])  # type: ignore[union-attr]

    layers = [number for number in cut.options.layers if number]
    last, found = layers[-1], layers_of(cut, image)
    assert len(found) == len(layers)
    assert is_embedded(found[-1].queries, cut.heads[-1], cut.generator.encode(cut.generator(image), layers)[last])
    assert is_embedded(found[-1].keys, cut.heads[-1], cut.generator.encode(image, layers)[last])

    for backward, (own, own_heads, other, other_heads) in {
        False: (dclgan.g_ab, dclgan.heads_a, dclgan.g_ba, dclgan.heads_b),
        True: (dclgan.g_ba, dclgan.heads_b, dclgan.g_ab, dclgan.heads_a),
    }.items():
        found = layers_of(dclgan, image, backward)
        assert is_embedded(found[-1].keys, own_heads[-1], own.encode(image, layers)[last])
        assert is_embedded(found[-1].queries, other_heads[-1], other.encode(own(image), layers)[last])


def test_a_method_without_heads_is_said() -> None:
    with pytest.raises(UserError, match="CycleGAN has no heads"):
        layers_of(tiny_method("cyclegan"), images(1)["source"])


def axes_cells(count: int = 60) -> NDArray[np.float64]:
    """Cells that vary along axes 3, 1 and 0 of five, most along 3, around a mean that is far away."""
    cells = np.random.default_rng(0).normal(size=(count, 5)) * np.array([1, 4, 1e-3, 9, 1e-3])
    cells -= cells.mean(axis=0)
    return np.linalg.qr(cells)[0] * np.array([1, 4, 1e-3, 9, 1e-3]) + 100


def test_components_are_the_axes_of_greatest_variance_with_positive_loadings() -> None:
    cells = axes_cells()
    mean, basis = principal_components(cells - cells.mean(axis=0) + 100)
    assert np.allclose(mean, 100)
    assert np.allclose(basis, np.eye(5)[:, [3, 1, 0]], atol=1e-2)


@given(st.integers(0, 50), st.integers(1, 6))
def test_components_are_orthonormal_and_their_largest_loading_is_positive(seed: int, channels: int) -> None:
    cells = np.random.default_rng(seed).normal(size=(20, channels))
    _, basis = principal_components(cells)
    kept = min(3, channels)
    assert basis.shape == (channels, 3)
    assert np.allclose(basis[:, :kept].T @ basis[:, :kept], np.eye(kept)) and not basis[:, kept:].any()
    assert (basis[np.abs(basis[:, :kept]).argmax(axis=0), range(kept)] > 0).all()
    variance = ((cells - cells.mean(axis=0)) @ basis).var(axis=0)
    assert (np.diff(variance) < 1e-9).all()


def test_colours_span_each_component_and_nothing_is_black() -> None:
    features = np.array([[[0.0, 1.0], [2.0, 4.0]], [[8.0, 6.0], [4.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    found = as_colours(features, np.zeros(3), np.eye(3))
    assert found[..., 0].tolist() == [[0, 64], [128, 255]]
    assert found[..., 1].tolist() == [[255, 191], [128, 0]]
    assert not found[..., 2].any()


def test_maps_of_one_shape_share_their_components_where_that_is_asked_for() -> None:
    """The second map is the first, turned: by itself it looks the same, in the first one's components it does not."""
    cells = axes_cells(64)
    one = cells.T.reshape(1, 5, 8, 8)
    other = 3 * one[:, ::-1]
    alone = pictures([one, other], ComponentOptions(basis="map"))
    shared = pictures([one, other], ComponentOptions(basis="shape"))
    differs = [np.abs(a.astype(int) - b).max() for a, b in (alone, shared)]
    assert differs[0] <= 1 < 50 < differs[1]


def draw(epoch: int, positions: list[int], least_real: int = 1) -> Draw:
    return Draw(epoch, "a.png", {"3-28": np.array(positions, np.uint16)}, {"3-28": least_real}, {"3-28": (2, 3)})


def test_frequencies_count_all_positions_or_the_least_real() -> None:
    draws = [draw(1, [0, 5]), draw(2, [0, 3])]
    assert frequency(draws, FrequencyOptions()).tolist() == [[1, 0, 0], [0.5, 0, 0.5]]
    assert frequency(draws, FrequencyOptions(), least_real=True).tolist() == [[1, 0, 0], [0, 0, 0]]
    blurred = frequency(draws, FrequencyOptions(blur=0.3))
    assert blurred.min() > 0 and blurred.sum() == pytest.approx(2, rel=0.2)
    with pytest.raises(UserError, match="no pair 1 of 1: set 'pair' from 0 to 0"):
        frequency(draws, FrequencyOptions(pair=1))


def test_the_busiest_box_is_a_quarter_of_the_side_around_the_greatest_sum() -> None:
    values = np.zeros((8, 16))
    values[5:7, 8:12] = 1
    assert busiest(values) == (0.5, 0.625, 0.25, 0.25)


def task_of(folder: Path, **changes: Any) -> PlannedTask:
    """Four images a to d, whose translations keep all, most, half and nothing of their features."""
    record = ExtractorRecord(kind="x")
    for part in ("source", "translated"):
        (folder / part).mkdir()
        for number, name in enumerate("abcd"):
            noise = np.random.default_rng(number if part == "source" else 4 * number).integers(0, 256, (16, 16, 3))
            Image.fromarray(noise.astype(np.uint8)).save(folder / part / f"{name}.png")
    angles = np.array([0.0, 0.5, 1.0, np.pi / 2])
    for part, points in (("source", np.array([[1.0, 0.0]] * 4)), ("t", np.stack([np.cos(angles), np.sin(angles)], 1))):
        names = tuple(f"{name}.png" for name in "abcd")
        Features(points.astype(np.float32), names, ("",) * 4, record, "0", 0, False).save(folder / f"{part}.npz")
    run = PlannedRun(
        variant="enco",
        label="EnCo",
        folder=folder / "run",
        generator=folder / "run" / "generator.safetensors",
        translated=folder / "translated",
        features=folder / "t.npz",
        backward=False,
    )
    return replace(
        PlannedTask(
            task="horse2zebra",
            sources=folder / "source",
            source_features=folder / "source.npz",
            size=16,
            reading=DEFAULT_READING,
            judge=run,
            runs=(run,),
        ),
        **changes,
    )


def test_images_are_chosen_by_percentile_of_the_score_or_by_name(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    chosen = choose_images(task, (100, 50, 25, 0, "c"), "content_cosine")
    assert [(one.place, one.name) for one in chosen] == [
        ("best", "a"),
        ("median", "c"),
        ("25 %", "d"),
        ("worst", "d"),
        ("c", "c"),
    ]
    assert [one.name for one in choose_images(task, (100, 0), "content_l2")] == ["a", "d"]
    with pytest.raises(UserError, match=r"test image 'e'.*a figure of horse2zebra"):
        choose_images(task, ("e",), "content_cosine")


def test_a_translation_without_its_test_image_is_said(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    (task.sources / "d.png").unlink()
    with pytest.raises(UserError, match=r"source has no image of d\.png, .*remove .*translated and call again"):
        choose_images(task, (0,), "content_cosine")


@pytest.mark.parametrize("score", ["psnr", "ssim"])
def test_pixel_scores_need_no_features(tmp_path: Path, score: Any) -> None:
    """Only image a is translated to itself."""
    task = task_of(tmp_path, source_features=Path("nowhere"))
    assert choose_images(task, (100,), score)[0].name == "a"


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_percentiles_run_from_the_worst_to_the_best(scores: list[int]) -> None:
    files = [str(number) for number in range(len(scores))]
    ranked = rank(files, np.array(scores, float), ascending=True)
    values = [scores[int(at_percentile(ranked, percent))] for percent in range(101)]
    assert values == sorted(values) and (values[0], values[-1]) == (min(scores), max(scores))
    assert values[50] == sorted(scores)[(len(scores) - 1) // 2]


def test_every_choice_has_a_description_a_task_and_a_variant() -> None:
    options = PaperFigures()
    assert tuple(f"figure{number}" for number in (1, 2, 5, 6, 8, 9, 10)) == NAMES
    for name in NAMES:
        assert tasks_of(options.of(name)) and variants_of(options.of(name))
        assert all(f"{key} " in options.choices(name) for key in type(options.of(name)).model_fields)
    assert PaperFigures.model_validate({"figure8": {"images": [100]}}).figure8.tasks == ("horse2zebra",)
    assert PaperFigures.model_validate({"figure8": {"images": ["n_1", 3]}}).figure8.images == ("n_1", 3)


def test_panels_keep_their_pixels_and_maps_their_colours(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    figure = grid(["one"], [("row", [Panel(pixels)])])
    figure.savefig(tmp_path / "one.png", dpi=200)
    found = np.asarray(Image.open(tmp_path / "one.png").convert("RGB"))
    enlarged = pixels.repeat(4, axis=0).repeat(4, axis=1)
    assert np.array_equal(found[44 : 44 + 256, 84 : 84 + 256], enlarged)
    ends = [mpl.colormaps["viridis"](end, bytes=True)[:3] for end in (0.0, 1.0)]
    assert np.array_equal(coloured(np.array([[0.0, 2.0]]), "viridis", 2.0)[0], ends)


WRITE = """
import sys
from pathlib import Path
import numpy as np
from eval.figures.paper.panels import ColourBar, Panel, grid, save_figure
pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
panels = [Panel(pixels, points=(((0.5, 0.5), "red"),), box=(0, 0, 0.5, 0.5)), Panel(None, "not there")]
figure = grid(["Input · é", "→ two"], [("row", panels)], ColourBar("jet", 0.5, "share"))
save_figure(figure, "a caption", {kind: Path(sys.argv[1], f"f.{kind}") for kind in ("pdf", "png", "txt")})
"""


def test_two_processes_write_the_same_bytes_with_text_as_text(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environment = {"PYTHONHASHSEED": seed, "PATH": "", "SOURCE_DATE_EPOCH": str(10**9 * int(seed))}
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / seed)], check=True, env=environment)
    for kind in ("pdf", "png", "txt"):
        one, two = ((tmp_path / seed / f"f.{kind}").read_bytes() for seed in ("1", "2"))
        assert one == two, kind
    pdf = (tmp_path / "1" / "f.pdf").read_bytes()
    assert b"/CreationDate" not in pdf and b"/FontDescriptor" in pdf
    assert (tmp_path / "1" / "f.txt").read_text() == "a caption\n"
