"""The names of scores in MLflow."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from enco.io.files import write_json
from enco.tracking.scores import is_score, numbers, read_extractor, read_scores, read_snapshots, spelled
from eval.extractors import distance_name, kid_name
from tests.support.tracked_runs import write_scores, write_uncertainty


def test_the_same_score_has_the_same_name_on_every_task(tmp_path: Path) -> None:
    for task in ("horses", "cats"):
        write_scores(tmp_path / task, 81.5, task=task)
    assert read_scores(tmp_path / "horses", "horses") == read_scores(tmp_path / "cats", "cats") != {}


def test_a_name_says_task_selection_real_set_and_deviation_where_these_are_not_the_usual_ones(tmp_path: Path) -> None:
    write_scores(tmp_path, 81.5)
    write_scores(tmp_path, 70.0, selection="best")
    write_scores(tmp_path, 90.0, task="a.back")
    write_scores(tmp_path, 60.0, task="a.back", selection="best")
    write_uncertainty(tmp_path, frechet_distance=81.5, KID=0.5)
    found = read_scores(tmp_path, "noise")
    expected = {"FID": 81.5, "FID_full": 82.5, "FID_sd": 8.15, "KID": 0.5, "KID_sd": 0.05, "best/FID": 70.0}
    expected |= {"best/FID_full": 71.0, "a.back/FID": 90.0, "a.back/best/FID": 60.0, "precision": 50.0}
    assert found.items() >= expected.items()
    assert "recall" not in found and "missing" not in "".join(found)


def test_a_distance_of_other_features_is_no_fid(tmp_path: Path) -> None:
    paired = {"frechet_distance": 9.0, distance_name("dinov2"): 7.0}
    estimates = {"KID": {"value": 0.5, "sampling_sd": None}, kid_name("dinov2"): {"value": 0.25, "sampling_sd": 0.1}}
    protocol = {"extractor": "efficientnet-lite0", "distance": distance_name("efficientnet-lite0")}
    write_json(tmp_path / "eval" / "t.final.json", {"metrics": {"paired": paired}, "protocol": protocol})
    write_json(tmp_path / "eval" / "t.final.uncertainty.json", {"metrics": {"full": estimates}})
    assert read_scores(tmp_path, "t") == {
        "FD_efficientnet_lite0": 9.0,
        "FD_dinov2_vit_b_14": 7.0,
        "KID_efficientnet_lite0_full": 0.5,
        "KID_dinov2_vit_b_14_full": 0.25,
        "KID_dinov2_vit_b_14_full_sd": 0.1,
    }
    assert read_extractor(tmp_path, "t") == "efficientnet-lite0"
    assert read_extractor(tmp_path, "other") is None


def test_an_uncertainty_without_its_scores_is_left_out(tmp_path: Path) -> None:
    write_uncertainty(tmp_path, frechet_distance=81.5, KID=0.5)
    assert read_scores(tmp_path, "noise") == {}


def test_classes_have_a_section_of_their_own(tmp_path: Path) -> None:
    photos = {"mAP": 20.0, "pixAcc": None, "perClassIoU": {"road": 80.0, "wall": None}}
    write_scores(tmp_path, 1.0, segmentation=photos, segmentation_real=photos)
    found = read_scores(tmp_path, "noise")
    named = {"mAP": 20.0, "mAP_real": 20.0, "IoU/road": 80.0, "IoU_real/road": 80.0}
    assert found.items() >= named.items() and not [name for name in found if "wall" in name or "pixAcc" in name]


def test_a_file_of_somebodys_own_is_read_under_its_own_name(tmp_path: Path) -> None:
    write_json(tmp_path / "eval" / "mine.json", {"metrics": {"FID": 1, "recall (exact)": {"a": 2}, "bad": "x"}})
    write_json(tmp_path / "eval" / "list.json", [1])
    assert read_scores(tmp_path, "noise") == {"mine/FID": 1.0, "mine/recall _exact_/a": 2.0}


def test_saved_generators_are_named_by_the_features_of_their_report(tmp_path: Path) -> None:
    candidates = [{"file": "x", "iteration": 6, "frechet_distance": 9.5, "kid": 0.25, "content_cosine": 0.5}]
    report = {"distance": "FD (EfficientNet-Lite0)", "candidates": candidates}
    write_json(tmp_path / "selected" / "noise.json", report)
    named = {"FD_efficientnet_lite0": 9.5, "KID_efficientnet_lite0": 0.25, "content_cosine": 0.5}
    assert read_snapshots(tmp_path, "noise") == {f"snapshots/{name}": {6: value} for name, value in named.items()}


def test_only_finite_numbers_are_metrics() -> None:
    values = {"FID": 1, "ok": True, "name": "x", "per class": {"road": 0.5}, "nan": float("nan")}
    assert dict(numbers(values, "s/")) == {"s/FID": 1.0, "s/per class/road": 0.5}


@given(st.text(max_size=30), st.booleans())
def test_whatever_features_are_called_mlflow_takes_the_name(features: str, fid: bool) -> None:
    name = spelled("FID" if fid else f"FD ({features})")
    assert dict(numbers({name: 1.0})) == {name: 1.0} or not name.isascii()
    assert (name == "FID") is fid


def test_curves_are_no_scores() -> None:
    curves = ["loss/g", "lr/g", "run/wall_seconds", "system/cpu", "sec_per_iter", "snapshots/FID", "back/snapshots/FID"]
    assert not any(map(is_score, curves))
    assert all(map(is_score, ["FID", "best/FID", "back/FID_sd", "IoU/road"]))
