"""Sampling uncertainty: against definitions, against repeated sampling, and for sets too small or degenerate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from enco.data.reading import DEFAULT_READING
from enco.errors import UserError
from eval.metrics.features import Features, load_features
from eval.metrics.fid import fid
from eval.metrics.precision_recall import exact_precision_recall
from eval.records import ExtractorRecord
from eval.segmentation.scores import scores
from eval.uncertainty.content import feature_content, pixel_content
from eval.uncertainty.gram import Gram
from eval.uncertainty.measure import FeatureSets, measure
from eval.uncertainty.neighbours import Distances
from eval.uncertainty.records import load_arrays, read_uncertainty, save_arrays
from eval.uncertainty.resampling import GENERATED, bootstrap, replicates
from eval.uncertainty.segmentation import segmentation_replicates

Array = NDArray[np.float64]
KID = 1.79392579785525
PRDC = {3: (60, 92, 45, 56), 5: (75, 96, 46, 66)}


def draw(seed: int, n: int, shift: float = 0.0, d: int = 6) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


sets = st.builds(draw, st.integers(0, 10_000), st.integers(12, 30), st.sampled_from([0.0, 1.0, 3.0]))


def features(matrix: Array, kind: str = "inception") -> Features:
    names = tuple(f"{i:03d}.png" for i in range(len(matrix)))
    extractor = ExtractorRecord(kind=kind)
    return Features(matrix.astype(np.float32), names, names, extractor, "hash", 32, legacy_rounding=False)


@given(sets, sets, st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_distance_of_counts_is_that_of_repeated_images(x: Array, y: Array, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = (random.multinomial(len(s), np.full(len(s), 1 / len(s))) for s in (x, y))
    direct = fid(np.repeat(x, a, axis=0), np.repeat(y, b, axis=0))
    assert Gram.of(x, y).frechet_distance(a, b) == pytest.approx(direct, rel=1e-9, abs=1e-9)


@given(sets, sets)
@settings(max_examples=10, deadline=None)
def test_kid_is_the_mean_over_pairs_of_different_images(x: Array, y: Array) -> None:
    def kernel(a: Array, b: Array) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    def within(points: Array) -> float:
        return float(np.mean([kernel(a, b) for i, a in enumerate(points) for j, b in enumerate(points) if i != j]))

    expected = within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    once = np.ones(len(x), dtype=np.int64), np.ones(len(y), dtype=np.int64)
    assert Gram.of(x, y).kernel().kernel_distance(*once) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(sets, sets, st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_neighbour_metrics_follow_their_definitions(x: Array, y: Array, k: int) -> None:
    assume(not np.array_equal(x[0], y[0]))  # sets that share points tie, and rounding decides of ties
    found = Distances.of(Gram.of(x, y)).metrics(k)
    assert (found.precision, found.recall_exact) == pytest.approx(exact_precision_recall(y, x, k))
    radii = [sorted(np.linalg.norm(np.delete(y, i, axis=0) - point, axis=1))[k - 1] for i, point in enumerate(y)]
    inside = np.array([[np.linalg.norm(g - r) <= radius for g in x] for r, radius in zip(y, radii, strict=True)])
    assert found.density == pytest.approx(100 * inside.sum() / (k * len(x)))
    assert found.coverage == pytest.approx(100 * inside.any(axis=1).mean())


@pytest.mark.slow
def test_deviation_of_replicates_is_that_of_new_samples() -> None:
    """Of distances within 10 percent; of shares of neighbours, which are cruder, within 25."""
    random = np.random.default_rng(0)
    scale = np.arange(1, 65) ** -0.75
    shift = np.where(np.arange(64) < 4, 0.5, 0)

    def sample() -> tuple[Array, Array]:
        return random.normal(size=(120, 64)) * scale + shift, random.normal(size=(140, 64)) * scale

    def metrics(gram: Gram) -> list[float]:
        once = np.ones(120, dtype=np.int64), np.ones(140, dtype=np.int64)
        distances = [gram.frechet_distance(*once), gram.kernel().kernel_distance(*once)]
        return [*distances, *Distances.of(gram).metrics(5)]

    tolerance = {
        "frechet_distance": 0.1,
        "KID": 0.1,
        "precision": 0.25,
        "recall_exact": 0.25,
        "density": 0.25,
        "coverage": 0.25,
    }
    true = np.std([metrics(Gram.of(*sample())) for _ in range(1500)], axis=0, ddof=1)
    estimated = []
    for seed in range(40):
        drawn = replicates(*sample(), k=5, count=150, seed=seed)
        estimated.append([drawn[name].std(ddof=1) for name in tolerance])
    ratio = dict(zip(tolerance, np.mean(estimated, axis=0) / true, strict=True))
    assert all(abs(value - 1) <= tolerance[name] for name, value in ratio.items()), ratio


def test_differences_of_methods_on_the_same_images_are_paired() -> None:
    real, sources = draw(0, 40, shift=2.0), draw(1, 40)
    near = sources + 0.01 * draw(2, 40)
    a, b = (replicates(x, real, k=5, count=200) for x in (sources, near))
    unrelated = replicates(near[::-1], real, k=5, count=200)
    assert np.std(a["frechet_distance"] - b["frechet_distance"]) < 0.2 * np.std(
        a["frechet_distance"] - unrelated["frechet_distance"]
    )


@pytest.mark.parametrize(
    ("images", "absent"), [(1, {"frechet_distance", "KID", "density"}), (4, {"density", "precision"})]
)
def test_a_set_too_small_for_a_metric_gives_its_reason(images: int, absent: set[str]) -> None:
    measured = measure("task", features(draw(0, images)), {"paired": features(draw(1, 12))}, {}, k=5)
    assert absent <= measured.record.missing["paired"].keys()
    assert all(one.sampling_sd is None and one.reason for one in measured.record.metrics["paired"].values())


def test_constant_features_give_numbers() -> None:
    same = features(np.ones((12, 6)))
    content = feature_content(same, same)
    measured = measure("task", same, {"paired": same}, content, k=5, count=20)
    values = [one for by_name in measured.record.metrics.values() for one in by_name.values()]
    assert all(math.isfinite(one.value) for one in values)
    assert all(one.sampling_sd < 1e-6 if one.sampling_sd is not None else one.reason for one in values)
    assert np.array_equal(
        feature_content(features(np.zeros((2, 6))), features(np.zeros((2, 6))))["content_cosine"], [0, 0]
    )


def test_further_extractors_measure_distances_by_their_own_names_and_on_the_same_draws() -> None:
    x, y = draw(0, 12), draw(1, 14)
    first, other = (
        FeatureSets(features(scale * x, kind), {"paired": features(scale * y, kind)})
        for scale, kind in ((1, "inception"), (2, "dinov2"))
    )
    alone = measure("task", first.generated, first.reals, {}, k=5, count=20)
    found = measure("task", first.generated, first.reals, {}, k=5, count=20, beside=[other])
    added = {"FD (DINOv2 ViT-B/14)", "KID (DINOv2 ViT-B/14)"}
    metrics = found.record.metrics["paired"]
    assert metrics.keys() - alone.record.metrics["paired"].keys() == added
    assert {name: metrics[name] for name in metrics.keys() - added} == alone.record.metrics["paired"]
    assert found.record.beside == {"dinov2": "hash"} and not alone.record.beside
    assert metrics["FD (DINOv2 ViT-B/14)"].value == pytest.approx(
        fid(2 * x.astype(np.float32), 2 * y.astype(np.float32))
    )
    assert metrics["FD (DINOv2 ViT-B/14)"].sampling_sd == pytest.approx(4 * metrics["frechet_distance"].sampling_sd)
    drawn = found.replicates
    np.testing.assert_allclose(drawn["paired FD (DINOv2 ViT-B/14)"], 4 * drawn["paired frechet_distance"], rtol=1e-6)
    assert metrics["KID (DINOv2 ViT-B/14)"].value == pytest.approx(Gram.of(2 * x, 2 * y).kid(), rel=1e-5)


def test_features_of_other_images_are_refused() -> None:
    x, y = features(draw(0, 12)), features(draw(1, 14))
    a, b = features(draw(0, 12), "dinov2"), features(draw(1, 14), "dinov2")
    names = tuple(reversed(x.sha256))
    for other in (FeatureSets(replace(a, sha256=names), {"paired": b}), FeatureSets(a, {"paired": a})):
        with pytest.raises(UserError, match="of other images than those of inception"):
            measure("task", x, {"paired": y}, {}, k=5, count=20, beside=[other])


@pytest.mark.parametrize(
    "changed", [{"size": 64}, {"filter": "bilinear"}, {"levels": "8bit"}, {"legacy_rounding": True}], ids=str
)
def test_features_of_images_that_were_prepared_otherwise_are_refused(changed: dict[str, Any]) -> None:
    x, y = features(draw(0, 12)), features(draw(1, 14))
    first = FeatureSets(x, {"paired": y})
    other = FeatureSets(features(draw(2, 12), "dinov2"), {"paired": features(draw(3, 14), "dinov2")})
    assert measure("task", *_sets(first), {}, k=5, count=20, beside=[other]).record.beside
    changed_real = replace(other, reals={"paired": replace(other.reals["paired"], **changed)})
    for odd in (changed_real, replace(other, generated=replace(other.generated, **changed))):
        with pytest.raises(UserError, match=f"{next(iter(changed))} differs"):
            measure("task", *_sets(first), {}, k=5, count=20, beside=[odd])


def test_features_of_one_extractor_are_taken_once() -> None:
    first, other = (
        FeatureSets(features(draw(0, 12), kind), {"paired": features(draw(1, 14), kind)})
        for kind in ("inception", "dinov2")
    )
    for beside in ([first], [other, other]):
        with pytest.raises(UserError, match=f"features of {beside[0].kind} twice"):
            measure("task", *_sets(first), {}, k=5, count=20, beside=beside)


def _sets(both: FeatureSets) -> tuple[Features, Mapping[str, Features]]:
    return both.generated, both.reals


def test_a_further_extractor_of_a_single_image_gives_its_reason() -> None:
    first, other = (
        FeatureSets(features(draw(0, 1), kind), {"paired": features(draw(1, 12), kind)})
        for kind in ("inception", "dinov2")
    )
    found = measure("task", *_sets(first), {}, k=5, count=20, beside=[other])
    assert found.record.missing["paired"]["FD (DINOv2 ViT-B/14)"] == "a set has fewer than 2 images"


def test_record_and_replicates_come_back(tmp_path: Path) -> None:
    x, y = features(draw(0, 12)), features(draw(1, 14))
    measured = measure("task", x, {"paired": y}, feature_content(x, x), k=5, count=20, seed=3)
    measured.record.write(tmp_path / "u.json")
    save_arrays(measured.replicates, tmp_path / "r.npz")
    assert read_uncertainty(tmp_path / "u.json") == measured.record
    back = load_arrays(tmp_path / "r.npz")
    assert back.keys() == measured.replicates.keys()
    assert all(np.array_equal(back[name], measured.replicates[name]) for name in back)
    with pytest.raises(UserError, match="is missing or no file"):
        load_arrays(tmp_path / "u.json")


def test_pixels_are_compared_by_name(tmp_path: Path) -> None:
    for folder, value in (("a", 100), ("b", 110)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (32, 32), (value,) * 3).save(tmp_path / folder / "x.png")
    found = pixel_content(tmp_path / "a", tmp_path / "b", 32, DEFAULT_READING)
    assert found["psnr"][0] == pytest.approx(20 * math.log10(255 / 10), abs=1e-3)
    (tmp_path / "b" / "x.png").rename(tmp_path / "b" / "y.png")
    with pytest.raises(UserError, match="'x' is in one set only"):
        pixel_content(tmp_path / "a", tmp_path / "b", 32, DEFAULT_READING)


def confusion(images: int, classes: int = 19) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, 50, (images, classes, classes))


def test_segmentation_is_resampled_by_whole_images() -> None:
    matrices = confusion(12)
    drawn = segmentation_replicates(matrices, count=30, seed=4)
    for number, counts in enumerate(bootstrap(12, 30, 4, GENERATED)):
        expected = scores(torch.from_numpy(np.repeat(matrices, counts, axis=0)).sum(dim=0))
        assert drawn["mAP"][number] == pytest.approx(expected.mAP)
        assert drawn["pixAcc"][number] == pytest.approx(expected.pixAcc)


def test_segmentation_comes_with_the_features_of_a_file(tmp_path: Path) -> None:
    x = replace(features(draw(0, 12)), confusion=confusion(12))
    x.save(tmp_path / "x.npz")
    measured = measure("task", load_features(tmp_path / "x.npz"), {"paired": features(draw(1, 14))}, {}, k=5, count=20)
    found = measured.record.metrics["images"]
    assert found["mAP"].value == scores(torch.from_numpy(x.confusion.sum(axis=0))).mAP
    assert found["pixAcc"].sampling_sd == measured.replicates["images pixAcc"].std(ddof=1)


def test_label_maps_without_a_class_have_no_score() -> None:
    x = replace(features(draw(0, 12)), confusion=np.zeros((12, 19, 19), dtype=np.int64))
    measured = measure("task", x, {}, {}, k=5, count=20)
    assert measured.record.missing["images"]["mAP"] == "no class occurs"
    assert not measured.replicates


def test_equal_real_sets_are_measured_once_and_alike() -> None:
    x, y = features(draw(0, 12)), features(draw(1, 14))
    found = measure("task", x, {"paired": y, "full": y}, {}, k=5, count=20)
    assert found.record.metrics["full"] == found.record.metrics["paired"]
    assert found.replicates["full frechet_distance"] is found.replicates["paired frechet_distance"]


def test_kid_is_torch_fidelitys() -> None:
    """The number is torch-fidelity 0.3.0's, of one subset that holds every image."""
    once = np.ones(40, dtype=np.int64)
    found = Gram.of(draw(0, 40, shift=0.5), draw(1, 40)).kernel().kernel_distance(once, once)
    assert found == pytest.approx(KID, abs=1e-9)


@pytest.mark.parametrize(("k", "expected"), PRDC.items())
def test_neighbour_metrics_are_prdcs(k: int, expected: tuple[float, float, float, float]) -> None:
    """The numbers, in percent, are prdc 0.2's."""
    assert Distances.of(Gram.of(draw(0, 40, shift=0.5), draw(1, 50))).metrics(k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("images", "k"), [(10, 9), (10, 10), (11, 9), (12, 11), (12, 20), (30, 29)])
def test_many_neighbours_of_few_images_have_no_deviation_and_others_have(images: int, k: int) -> None:
    measured = measure("task", features(draw(0, images)), {"paired": features(draw(1, images))}, {}, k=k, count=20)
    found = measured.record.metrics["paired"]
    assert found["KID"].sampling_sd is not None
    assert ("density" in found) == (k < images)
    assert all(found[name].reason for name in found.keys() - {"KID", "frechet_distance"})


def test_the_reason_says_when_half_of_the_images_are_too_few_for_the_neighbours() -> None:
    measured = measure("task", features(draw(0, 25)), {"paired": features(draw(1, 30))}, {}, k=24, count=20)
    found = measured.record.metrics["paired"]
    assert {found[name].reason for name in ("precision", "recall_exact", "density", "coverage")} == {
        "half of a set, 12 images, has no more than half of k = 24"
    }
    assert found["KID"].reason == ""


def test_a_metric_that_no_draw_changes_has_no_deviation() -> None:
    sets = features(draw(0, 40, shift=50.0)), {"paired": features(draw(1, 40))}
    content = {"content_cosine": np.full(40, 0.1)}
    found = measure("task", *sets, content, k=5, count=20)
    for real_set, name, value in (("paired", "recall_exact", 0.0), ("images", "content_cosine", 0.1)):
        estimate = found.record.metrics[real_set][name]
        assert estimate.value == pytest.approx(value) and estimate.sampling_sd is None
        assert estimate.reason == "no draw of the images changes it"
    assert not found.replicates["paired recall_exact"].any(), "draws are kept, as differences to others are known"
    assert found.record.metrics["paired"]["KID"].sampling_sd


def test_a_score_that_not_every_draw_has_has_no_deviation() -> None:
    matrices = np.zeros((12, 19, 19), dtype=np.int64)
    matrices[0, 0, 0] = 5
    found = measure("task", replace(features(draw(0, 12)), confusion=matrices), {}, {}, k=5, count=50)
    assert found.record.metrics["images"]["mAP"].value == 100
    assert found.record.metrics["images"]["mAP"].sampling_sd is None and found.record.metrics["images"]["mAP"].reason
    assert "images mAP" not in found.replicates


def test_half_a_file_of_replicates_is_refused(tmp_path: Path) -> None:
    save_arrays({"images mAP": draw(0, 100)}, tmp_path / "r.npz")
    whole = (tmp_path / "r.npz").read_bytes()
    (tmp_path / "r.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is missing or no file of `python -m eval"):
        load_arrays(tmp_path / "r.npz")
