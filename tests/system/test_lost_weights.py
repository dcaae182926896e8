"""Published weights that were there once: `snakemake weights` misses their files, and makes nothing else again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.pipeline import TINY, pipeline
from workflow.paths import weights_record

pytestmark = pytest.mark.slow


def test_a_lost_file_is_asked_for_at_every_call(tmp_path: Path) -> None:
    config, file = tmp_path / "scale.yaml", tmp_path / "net.tar"
    scale = yaml.safe_load(TINY.read_text()) | {"drn": {"network": "negcut", "weights": str(file)}}
    scale["train"]["tracking"] = "off"
    config.write_text(yaml.safe_dump(scale))
    file.write_bytes(b"weights")
    pipeline(tmp_path, "weights", config=config)
    kept = weights_record("negcut")
    made = (tmp_path / kept).stat().st_mtime_ns
    file.unlink()
    assert f"{file} are missing: put drn_d_22" in pipeline(tmp_path, "weights", config=config, check=False)
    file.write_bytes(b"weights")
    pipeline(tmp_path, "weights", config=config)
    assert (tmp_path / kept).stat().st_mtime_ns == made, "a record that is made again makes jobs run again"
