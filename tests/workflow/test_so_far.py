"""Tables as far as they can be made: what counts as there, and what is said of the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from enco.config.compute import ComputeConfig
from enco.data.manifest import hash_images, read_training_hash, save_manifest
from enco.io.files import read_json, write_json
from enco.records import RunRecord
from enco.training.identity import config_hash
from enco.training.run_folder import LOCK
from enco.training.sources import method_sources
from eval.records import ExtractorRecord, replicates_file
from eval.tables.cells import read_cells
from eval.uncertainty.records import save_arrays
from tests.support.table_runs import scores, timing, uncertainty
from workflow import paths
from workflow.plan.grid import Run
from workflow.project import Project
from workflow.so_far import SoFar, so_far_files, write_so_far

ROOT = Path(__file__).parents[2]
TESTED = ("testA", "testB", "testA_labels")
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())


def record_of(run: Run, **about: Any) -> dict[str, Any]:
    """Write down a training of what the configuration asks for, but for `about`."""
    record = {
        **{"config": run.config, "config_hash": config_hash(run.config), "plan": "", "settings": {}, "sources": {}},
        **{"data_hash": "", "data_source": {}, "parameter_count": 1, "versions": {}, "device": "cpu", "changes": []},
        **{"computed": "float32", "pieces": {}, "git": {"commit": None, "dirty": None, "diff": None}},
    }
    return RunRecord.model_validate(record | about).content()


def images_of_scores(task: str) -> dict[str, str]:
    """What a scores file says of the test images of `Results.images`."""
    hashes = {name: hash_images([("a.png", name)]) for name in TESTED}
    if task == "cityscapes":  # whose labels are translated into photos
        return {"sources": hashes["testB"], "real": hashes["testA"], "labels": hashes["testA_labels"]}
    return {"sources": hashes["testA"], "real": hashes["testB"]}


@dataclass
class Results:
    """Results written by hand, in the folder that this process is in."""

    project: Project

    def run(self, task: str = "horse2zebra", variant: str = "cut") -> Run:
        return next(run for run in self.project.plan.grid.runs if (run.task, run.variant) == (task, variant))

    def images(self, task: str = "horse2zebra", file: str = "a.png", **tested: str) -> str:
        """A manifest of one training image; `tested` has the SHA-256 of a test image by set, if not the set's name."""
        folder = self.project.plan.manifest(task).parent
        folder.mkdir(parents=True, exist_ok=True)
        hashes = {name: name for name in TESTED} | tested
        sets = {name: [{"file": "a.png", "bytes": 1, "sha256": one}] for name, one in hashes.items()}
        save_manifest(folder, {"trainA": [{"file": file, "bytes": 1, "sha256": "0"}], **sets})
        return read_training_hash(folder)

    def began(self, state: str, reason: str | None = None, **about: Any) -> Run:
        run = self.run()
        write_json(run.at(paths.STARTED), record_of(run, **about))
        write_json(run.at(paths.STATE), {"state": state, "iteration": 7, "reason": reason})
        return run

    def trained(self, variant: str = "cut", task: str = "horse2zebra", **about: Any) -> Run:
        run = self.run(task, variant)
        made_of = {"data_hash": self.images(task), "sources": method_sources(variant)}
        write_json(run.at(paths.RECORD), record_of(run, **made_of | about))
        return run

    def scored(self, variant: str = "cut", task: str = "horse2zebra", **protocol: Any) -> Run:
        run = self.trained(variant, task)
        content = scores(task, scale="tiny") | {"config_hash": config_hash(run.config)}
        content["protocol"] |= {"legacy_rounding": True, "size": 32, "images": images_of_scores(task), **protocol}
        write_json(run.at(paths.SCORES, test_task=task, selection="final"), content)
        return run

    def timed(self, *variants: str, **about: Any) -> None:
        """A timing file of what the configuration asks for, but for `about`."""
        configs = {name: self.run(variant=name).config for name in variants}
        asked = {
            name: {"method": c.method, "options": c.options, "sources": method_sources(name)}
            for name, c in configs.items()
        }
        content = timing(variants) | {"size": 32, "warmup": 1, "iterations": 4}
        content["asked"] = {"compute": self.project.plan.config.compute.model_dump(mode="json"), "variants": asked}
        write_json(self.project.plan.timing_file, content | about)

    def said(self, metric: str = "FID", row: str = "cut", table: str = "methods") -> str:
        """The reason of a row's cell of horse2zebra; 'there' for one with a number."""
        cells = SoFar(self.project).planned(table)
        cell = next(c for c in cells if (c.row, c.task, c.metric) == (row, "horse2zebra", metric))
        assert (cell.file is None) == bool(cell.reason)
        return cell.reason or "there"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Results]:
    monkeypatch.chdir(tmp_path)
    yield Results(Project.load(TINY, ROOT))


def test_an_uncertainty_counts_with_its_replicates_and_after_its_scores(results: Results) -> None:
    results.scored()
    cells = [
        cell for cell in SoFar(results.project).planned("methods") if (cell.row, cell.task) == ("cut", "horse2zebra")
    ]
    assert {cell.uncertainty for cell in cells} == {None} and results.said() == "there"
    scored = results.run().at(paths.SCORES, test_task="horse2zebra", selection="final")
    file = scored.with_suffix(".uncertainty.json")
    write_json(file, uncertainty("horse2zebra"))

    def is_known() -> bool:
        planned = SoFar(results.project).planned("methods")
        return file in {cell.uncertainty for cell in planned}

    assert not is_known(), "a record without replicates"
    save_arrays({}, replicates_file(file))
    assert is_known()
    os.utime(scored, ns=(later := file.stat().st_mtime_ns + 10**9, later))
    assert not is_known() and results.said() == "there", "scored again since"


def test_a_number_counts_with_its_record_and_its_scores(results: Results) -> None:
    assert results.said() == "no data"
    results.images()
    assert results.said() == "not trained yet"
    results.trained()
    assert results.said() == "trained, not scored yet"
    results.scored()
    assert results.said() == "there"
    assert results.said(row="enco") == "not trained yet"


@pytest.mark.parametrize(
    ("content", "reason"),
    [('{"metrics": {', "is not readable JSON"), ("{}", "is no scores file of this version (it has no 'task')")],
)
def test_a_scores_file_that_is_not_whole_costs_its_own_cells(results: Results, content: str, reason: str) -> None:
    results.scored("enco")
    run = results.scored()
    run.at(paths.SCORES, test_task="horse2zebra", selection="final").write_text(content)
    assert reason in results.said()
    assert results.said(row="enco") == "there"


def test_untranslated_inputs_count_with_scores_that_are_asked_for(results: Results) -> None:
    said = partial(results.said, row="untranslated")
    assert (said(), said("sec/iter")) == ("no data", "nothing is trained")
    results.images()
    assert said() == "not scored yet"
    content = scores("horse2zebra", scale="tiny")
    for size, reason in ((48, "scored with other size, to be scored again"), (32, "there")):
        content["protocol"] |= {"legacy_rounding": True, "size": size, "images": images_of_scores("horse2zebra")}
        write_json(results.project.tables.reference_file("horse2zebra"), content)
        assert said() == reason
    results.images(testB="other")
    assert said() == "scored with other images, to be scored again"
    results.project.tables.reference_file("horse2zebra").write_text("{}")
    assert "is no scores file of this version" in said()


NAN = "The loss 'G' became nan at iteration 12, so the training in x ends: lower the learning rates."


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        ("diverged", NAN, "diverged (The loss 'G' became nan at iteration 12)"),
        ("failed", "MemoryError: no more", "training failed (MemoryError: no more)"),
        ("stopped", "stopped by SIGTERM", "stopped at iteration 7"),
        ("running", None, "killed, last checkpoint at iteration 7"),
    ],
)
def test_how_a_training_ended_is_its_reason(results: Results, state: str, reason: str | None, told: str) -> None:
    results.began(state, reason)
    assert results.said() == told
    failures = [f"cut on horse2zebra, seed 0: {told}"] if state in ("diverged", "failed") else []
    assert list(SoFar(results.project).failures()) == failures


def test_a_training_at_work_is_told_with_its_last_checkpoint(results: Results) -> None:
    run = results.began("running")
    with FileLock(run.folder / LOCK):
        assert results.said() == "in training, last checkpoint at iteration 7"
        write_json(run.at(paths.STATE), {"state": "running", "iteration": 0, "reason": None})
        assert results.said() == "in training, no checkpoint yet"


def test_what_became_of_other_settings_is_no_reason(results: Results) -> None:
    results.images()
    results.began("diverged", NAN, config_hash="of others")
    assert results.said() == "not trained yet"


def test_numbers_of_an_earlier_state_do_not_count(results: Results) -> None:
    run = results.scored()
    file = run.at(paths.SCORES, test_task="horse2zebra", selection="final")
    os.utime(file, (1, 1))
    assert results.said() == "trained again, not scored yet"
    results.scored(k=3)
    assert results.said() == "scored with other k, to be scored again"
    results.scored(extractor_settings=ExtractorRecord(kind="inception").model_dump())
    assert results.said() == "scored with other features, to be scored again"
    results.scored()
    results.images(file="b.png")
    assert results.said() == "trained on other images, to be trained again"
    results.trained(sources=method_sources("cut") | {"enco/losses/terms.py": "edited"})
    assert results.said() == "trained by other code, to be trained again"
    results.trained(config_hash="of other settings")
    assert results.said() == "trained with other settings, to be trained again"


@pytest.mark.parametrize("changed", ["testA", "testB"])
def test_scores_of_other_test_images_do_not_count(results: Results, changed: str) -> None:
    results.scored()
    assert results.said() == "there"
    results.images(**{changed: "other"})
    assert results.said() == "scored with other images, to be scored again"


def test_scores_that_name_no_test_images_do_not_count(results: Results) -> None:
    results.scored(images={})
    assert results.said() == "scored with other images, to be scored again"


def test_the_way_back_is_tested_on_the_other_sets(results: Results) -> None:
    for task, sources, real in (("horse2zebra", "testA", "testB"), ("zebra2horse", "testB", "testA")):
        results.images(task)
        hashes = [hash_images([("a.png", name)]) for name in (sources, real)]
        assert SoFar(results.project).test_images(task) == dict(zip(("sources", "real"), hashes, strict=True))


def test_scores_of_other_label_maps_do_not_count(results: Results) -> None:
    results.scored(task="cityscapes", drn_network="own", drn_size=[32, 32])
    results.images("cityscapes", testA_labels="other")
    cell = next(c for c in SoFar(results.project).planned("methods") if (c.row, c.metric) == ("cut", "mAP"))
    assert cell.reason == "scored with other images, to be scored again"


def test_seconds_have_reasons_of_their_own(results: Results) -> None:
    results.scored()
    assert (results.said("sec/iter"), results.said("FID")) == ("not timed yet", "there")
    results.timed("enco", "cut", errors={"cut": "OutOfMemoryError: full"})
    assert results.said("sec/iter") == "could not be timed (OutOfMemoryError: full)"
    assert results.said("sec/iter", row="cyclegan") == "not timed yet"
    assert results.said("sec/iter", row="enco") == "there", "an evaluation that is missing takes no seconds away"


@pytest.mark.parametrize(
    ("keys", "other"),
    [
        ("size", 64),
        ("iterations", 5),
        ("asked compute", ComputeConfig(mode="fast").model_dump(mode="json")),
        ("asked variants cut options", {"ngf": 8}),
        ("asked variants cut sources", {"enco/methods/cut.py": "edited"}),
    ],
)
def test_seconds_of_other_settings_or_code_do_not_count(results: Results, keys: str, other: Any) -> None:
    results.timed("cut")
    assert results.said("sec/iter") == "there"
    *path, last = keys.split()
    content = read_json(results.project.plan.timing_file)
    reduce(getitem, path, content)[last] = other
    write_json(results.project.plan.timing_file, content)
    assert results.said("sec/iter") == "timed with other settings or code, to be timed again"


def test_seconds_of_a_method_that_copies_first_count(results: Results) -> None:
    copying = Results(Project.load({**TINY, "copy_steps": {"cut": 9}}, ROOT))
    assert copying.run().config.copy_steps == 9
    copying.timed("cut")
    assert copying.said("sec/iter") == "there"


def test_seconds_are_measured_again_for_other_code_unless_it_is_kept(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Project.load(TINY | {"changed_code": "keep"}, ROOT)
    results.timed("cut", "cyclegan", "enco")
    known = results.project.timing.code()
    assert kept.timing.code() == known
    monkeypatch.setattr("workflow.inputs.train.sources_of", lambda method, **_: {f"enco/methods/{method}.py": "edited"})
    assert kept.timing.code() == known != results.project.timing.code()


def test_features_at_another_side_do_not_count(results: Results) -> None:
    for side in (299, 128):
        used = ExtractorRecord(kind="random-inception", seed=0, input_size=side)
        results.scored(extractor=str(used), extractor_settings=used.model_dump())
        assert results.said() == "scored with other features, to be scored again"


def test_scores_of_another_segmentation_network_do_not_count(results: Results) -> None:
    for network, size, there in (("own", [32, 32], True), ("negcut", [32, 32], False), ("own", [64, 32], False)):
        results.scored(task="cityscapes", drn_network=network, drn_size=size)
        cell = next(c for c in SoFar(results.project).planned("methods") if (c.row, c.metric) == ("cut", "mAP"))
        assert (cell.reason == "") is there
    assert cell.reason == "scored with other segmentation network or size, to be scored again"


def test_a_missing_segmentation_network_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drn = TINY["drn"] | {"network": "negcut", "weights": str(tmp_path / "absent.tar")}
    made = Results(Project.load(TINY | {"drn": drn}, ROOT))
    run = made.run("cityscapes")
    made_of = {"data_hash": made.images("cityscapes"), "sources": method_sources("cut")}
    write_json(run.at(paths.RECORD), record_of(run, **made_of))
    cell = next(c for c in SoFar(made.project).planned("methods") if (c.row, c.metric) == ("cut", "mAP"))
    assert cell.reason == "no segmentation network (negcut)"


def test_tables_are_written_with_what_is_there_and_say_so(results: Results) -> None:
    results.scored("cut")
    results.scored("enco")
    said = list(write_so_far(results.project, "12:00", "0123abc"))
    files = so_far_files(results.project.plan, "methods")
    assert said[0] == f"methods: 4 of 21 cells: {files['md']}"
    text = files["md"].read_text(encoding="utf-8")
    for words in ("**So far**: written at 12:00", "**No number**: 17 of 21 cells", "no data: ", "– |"):
        assert words in text
    cells = read_cells(files["cells"])
    assert set(cells[cells["value"].isna()]["reason"]) == {
        *("no data", "not trained yet", "not timed yet"),
        *("not scored yet", "nothing is trained"),  # the untranslated inputs
    }
    assert not (Path("results") / "methods.csv").exists(), "what is so far is never the current table"


def test_a_table_of_numbers_that_do_not_go_together_is_not_left_behind(results: Results) -> None:
    results.scored("cut")
    results.scored("enco")
    list(write_so_far(results.project, "12:00", "0123abc"))
    results.scored("enco", extractor_hash="dead")
    said = list(write_so_far(results.project, "12:01", "0123abc"))
    assert said[0].startswith("methods: not written") and "cannot mix feature extractors" in said[0]
    assert not any(file.exists() for file in so_far_files(results.project.plan, "methods").values())
    assert so_far_files(results.project.plan, "sampling")["md"].exists()
