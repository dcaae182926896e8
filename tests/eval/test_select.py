"""Checkpoint selection 'best', from saved generators to the plan of the pipeline."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from torch import Tensor, device, nn

from enco.data.folders import list_images
from enco.errors import UserError
from enco.io.files import read_json, write_json
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import save_generator
from enco.translation import copy_folder, translate_folder
from eval import __main__ as command_line
from eval.__main__ import parser
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features, load_features
from eval.metrics.fid import fid
from eval.records import CandidateMetrics
from eval.select import Candidate, Comparison, Scored, choose, find_candidates, score_candidate
from eval.tables.protocol import protocol
from eval.tables.sources import read_sources
from tests.support.pipeline import TINY, pipeline
from tests.support.table_runs import DEMO, TABLES, plan
from tests.support.tiny_methods import tiny_method
from tests.support.tiny_runs import write_images
from workflow.project import Project

ROOT = Path(__file__).parents[2]
CPU = device("cpu")


class Pixels(nn.Module):
    """Stands in for Inception: an image's pixels are its features."""

    def forward(self, images: Tensor) -> Tensor:
        return images


@pytest.fixture
def extractor() -> Extractor:
    return Extractor("pixels", "0", Pixels(), CPU, input_size=8)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data")) / "testA"


def write_generator(path: Path, seed: int, iteration: int, config_hash: str = "this") -> Path:
    save_generator(tiny_method("cyclegan", seed, n_blocks=1), path, iteration=iteration, config_hash=config_hash)
    return path


def write_run(run: Path, snapshots: Mapping[int, str]) -> Path:
    """A run folder with a final generator of iteration 60 and snapshots after these epochs, by config_hash."""
    write_generator(run / "generator.safetensors", 0, iteration=60)
    for epoch, config_hash in snapshots.items():
        path = run / "snapshots" / f"generator_epoch{epoch:03d}.safetensors"
        write_generator(path, epoch, iteration=6 * epoch, config_hash=config_hash)
    return run


def features_of(
    generator: Path, images: Path, out: Path, extractor: Extractor, direction: TranslationDirection = "forward"
) -> Features:
    """A real set that this generator, in this direction, translates into exactly."""
    translate_folder(generator, images, out, CPU, direction=direction)
    return extract_features(list_images(out), extractor)


def untranslated(images: Path, out: Path, extractor: Extractor) -> Features:
    """The features of the test images themselves, as networks see them."""
    return extract_features(copy_folder(images, out, 32), extractor, root=out)


class Selected(NamedTuple):
    """What `python -m eval select` wrote in a folder, of a run whose second of three snapshots is the best by far."""

    folder: Path
    wanted: Path
    report: dict[str, Any]

    def features(self, name: str) -> Features:
        return load_features(self.folder / f"{name}.npz")


@pytest.fixture
def selected(tmp_path: Path, images: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch) -> Selected:
    run, out = write_run(tmp_path / "run", {1: "this", 2: "this", 3: "this"}), tmp_path / "selected"
    wanted, real, sources = run / "snapshots/generator_epoch002.safetensors", tmp_path / "real.npz", tmp_path / "s.npz"
    features_of(wanted, images, tmp_path / "target", extractor).save(real)
    untranslated(images, tmp_path / "sources", extractor).save(sources)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(command_line, "extractor_of", lambda given: extractor)
    files = ["--real-paired", real, "--source-features", sources, "--out", out / "x.safetensors"]
    given = ["select", "--run", run, "--images", images, *files, "--report", out / "x.json", "--threads", 1]
    command_line.main([str(part) for part in given])
    return Selected(tmp_path, wanted, read_json(out / "x.json"))


def test_the_generator_of_the_lowest_distance_is_chosen_and_nothing_is_left_behind(selected: Selected) -> None:
    out = selected.folder / "selected"
    assert (out / "x.safetensors").read_bytes() == selected.wanted.read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["x.json", "x.safetensors"]
    assert list((selected.folder / "temporary").iterdir()) == []
    found = selected.report
    assert (found["chosen"], found["iteration"]) == (selected.wanted.name, 12)
    assert "chosen on the test set: it has the lowest FD (" in found["note"] and found["distance"] in found["note"]


def test_every_generator_and_the_sources_themselves_are_reported(selected: Selected) -> None:
    candidates, level = selected.report["candidates"], selected.report["untranslated"]
    assert [(one["file"], one["iteration"]) for one in candidates] == [
        *((f"generator_epoch{epoch:03d}.safetensors", 6 * epoch) for epoch in (1, 2, 3)),
        ("generator.safetensors", 60),
    ]
    first, second, third, final = (one["frechet_distance"] for one in candidates)
    assert second == pytest.approx(0, abs=1e-6) and min(first, third, final) > 0.01
    real, sources, best = selected.features("real"), selected.features("s"), candidates[1]
    assert [best["content_cosine"], best["content_l2"]] == pytest.approx(by_hand(sources, real))
    assert best["kid"] == min(one["kid"] for one in candidates)
    assert level["frechet_distance"] == pytest.approx(fid(sources.features, real.features), rel=1e-6)
    assert (level["content_cosine"], level["content_l2"]) == (pytest.approx(1), 0)


def by_hand(sources: Features, translations: Features) -> list[float]:
    """The mean cosine and the mean distance of the features of pairs."""
    pairs = list(zip(sources.features.astype(float), translations.features.astype(float), strict=True))
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs]
    return [float(np.mean(cosines)), float(np.mean([np.linalg.norm(a - b) for a, b in pairs]))]


def test_the_way_back_is_scored_where_asked_for(tmp_path: Path, images: Path, extractor: Extractor) -> None:
    generator = write_generator(tmp_path / "g.safetensors", 1, iteration=6)
    real = features_of(generator, images, tmp_path / "target", extractor, "backward")
    compared = Comparison(untranslated(images, tmp_path / "sources", extractor), real)
    back = score_candidate(generator, images, compared, extractor, direction="backward")
    assert back.frechet_distance == pytest.approx(0, abs=1e-6)
    assert score_candidate(generator, images, compared, extractor).frechet_distance > 0.01


def test_a_real_set_of_another_extractor_is_refused(tmp_path: Path, images: Path, extractor: Extractor) -> None:
    generator = write_generator(tmp_path / "g.safetensors", 1, iteration=6)
    real = extract_features(list_images(images), Extractor("other", "1", Pixels(), CPU, input_size=8))
    compared = Comparison(untranslated(images, tmp_path / "sources", extractor), real)
    with pytest.raises(UserError, match=r"not comparable .extractor other.* and pixels"):
        score_candidate(generator, images, compared, extractor)


def test_sources_that_are_not_those_that_are_translated_are_refused(
    tmp_path: Path, images: Path, extractor: Extractor
) -> None:
    generator = write_generator(tmp_path / "g.safetensors", 1, iteration=6)
    real = untranslated(images.with_name("testB"), tmp_path / "others", extractor)
    with pytest.raises(UserError, match="image by image, and '3' is in one set only"):
        score_candidate(generator, images, Comparison(real, real), extractor)


def test_snapshots_of_another_training_are_ignored_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = find_candidates(write_run(tmp_path, {10: "this", 2: "other", 3: "this"}))
    assert [candidate.iteration for candidate in found] == [18, 60, 60]
    assert found[-1].path.name == "generator.safetensors"
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and "generator_epoch002.safetensors" in said[0]


@pytest.mark.parametrize("snapshots", [{}, {1: "other"}])
def test_without_snapshots_the_cure_is_named(tmp_path: Path, snapshots: Mapping[int, str]) -> None:
    with pytest.raises(UserError, match=r"no snapshots .* set train\.snapshot_epochs"):
        find_candidates(write_run(tmp_path, snapshots))


def metrics(distance: float) -> CandidateMetrics:
    """Metrics that all but the distance would choose by another order."""
    return CandidateMetrics(frechet_distance=distance, kid=-distance, content_cosine=distance, content_l2=-distance)


@pytest.mark.parametrize(("distances", "chosen"), [([3, 1, 2], 1), ([1, 2, 1], 2), ([5, 5, 5], 2), ([2, 1, 1.5], 1)])
def test_of_equal_candidates_the_latest_is_chosen(distances: list[float], chosen: int) -> None:
    scored = [Scored(Candidate(Path(f"{n}.safetensors"), n), metrics(distance)) for n, distance in enumerate(distances)]
    assert choose(scored).iteration == chosen


def tiny_best(folder: Path, snapshot_epochs: int) -> Path:
    """The tiny pipeline's settings with selection 'best'."""
    config = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    config |= {"selection": "best", "train": config["train"] | {"snapshot_epochs": snapshot_epochs}}
    path = folder / "best.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def test_selection_best_needs_snapshots(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"selection 'best' needs train\.snapshot_epochs") as error:
        Project.load(yaml.safe_load(tiny_best(tmp_path, 0).read_text()), ROOT)
    assert "\n" not in str(error.value)


def test_a_table_says_that_its_generators_were_chosen_on_the_test_set(tmp_path: Path) -> None:
    planned = plan(tmp_path, TABLES["table1"], ["enco"])
    for path in {cell.scores for cell in planned if cell.scores}:
        write_json(path, read_json(path) | {"selection": "best"})
    lines = dict(protocol(TABLES["table1"], planned, read_sources(planned), DEMO))
    assert lines["Checkpoint"].startswith("best") and "chosen on the test set" in lines["Checkpoint"]


@pytest.mark.slow
def test_the_plan_selects_before_it_translates(tmp_path: Path) -> None:
    said = pipeline(tmp_path, "-n", "-p", "all_tables", config=tiny_best(tmp_path, 1))
    commands = [line.partition("python -m eval ")[2].split(" > ")[0] for line in said.splitlines()]
    given = [parser().parse_args(shlex.split(command)) for command in commands if command]
    selected = [one for one in given if one.command == "select"]
    assert len(selected) == 10, "nine trainings, one of them scored in both directions"
    assert {one.generator for one in given if one.command == "evaluate"} == {one.out for one in selected}
    back = next(one for one in selected if one.direction == "backward")
    assert back.run == Path("results/tiny/runs/horse2zebra/cyclegan/seed0")
    assert back.out == back.run / "selected" / "zebra2horse.safetensors"
    assert {one.selection for one in given if one.command == "evaluate"} == {"best"}
