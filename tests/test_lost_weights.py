"""Published weights that were there once: the pipeline misses their files and makes nothing else again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from enco.files import write_json
from tests.test_pipeline import TINY, pipeline
from workflow.weights import record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def planned(said: str) -> dict[str, int]:
    """How many jobs of each rule a dry run lists."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE) if rule != "total"}


def test_a_lost_file_is_asked_for_at_every_call(tmp_path: Path) -> None:
    config, file = tmp_path / "scale.yaml", tmp_path / "net.tar"
    scale = yaml.safe_load(TINY.read_text()) | {"drn": {"network": "negcut", "weights": str(file)}}
    scale["train"]["tracking"] = "off"
    config.write_text(yaml.safe_dump(scale))
    file.write_bytes(b"weights")
    pipeline(tmp_path, "weights", config=config)
    file.unlink()
    assert f"{file} are missing: put drn_d_22" in pipeline(tmp_path, "weights", config=config, check=False)
    assert (tmp_path / record("negcut")).is_file(), "jobs are not made again for want of a record"
    assert planned(pipeline(tmp_path, "-n", "weights", config=config)) == {"published_weights": 1, "weights": 1}


def test_weights_that_are_found_again_make_no_job_run_again(tmp_path: Path) -> None:
    config, scale = tmp_path / "scale.yaml", yaml.safe_load(TINY.read_text())
    columns = [{"task": "cityscapes", "metrics": ["mAP", "FID", "sec/iter"]}]
    scale |= {"features": {"extractor": "inception"}, "drn": {"trunk": "imagenet"}, "selection": "best"}
    scale["train"]["snapshot_epochs"] = 1
    scale["tables"] = {"one": {"rows": [{"key": "fsesim", "label": "FSeSim"}], "columns": columns}}
    config.write_text(yaml.safe_dump(scale))
    run = "results/runs/tiny/cityscapes/fsesim/seed0"
    jobs = {
        "real_features": ["results/real/tiny/cityscapes/full.npz", "results/real/tiny/cityscapes/paired.npz"],
        "segmentation_network": ["results/drn/tiny/cityscapes.safetensors"],
        "train": [f"{run}/generator.safetensors", f"{run}/run.json"],
        "timing": ["results/timing/tiny.json"],
        "select": [f"{run}/selected/cityscapes.safetensors", f"{run}/selected/cityscapes.json"],
    }
    made = [file for files in jobs.values() for file in files]
    names = ("inception", "vgg16", "drn-imagenet")
    for file in ["results/data/tiny/cityscapes/manifest.json", "results/mlflow.ready", *map(record, names), *made]:
        write_json(tmp_path / file, {"file": str(config)})
    assert planned(pipeline(tmp_path, "-n", *made, config=config)) == {}
    said = pipeline(tmp_path, "-n", *made, "--forcerun", "published_weights", config=config)
    assert planned(said) == {"published_weights": len(names)}
