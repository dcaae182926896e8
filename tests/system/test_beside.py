"""An extractor beside the first one, switched on after tables were made, through real Snakemake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from enco.io.files import read_json, sha256
from eval import Preparation, calculate_features, create_extractor, fid
from eval.metrics.extractor import Extractor
from eval.uncertainty.gram import Gram
from eval.uncertainty.records import load_arrays
from tests.support.pipeline import TINY, launch, pipeline

pytestmark = pytest.mark.slow

NAMES = ["FD (EfficientNet-Lite0)", "KID (EfficientNet-Lite0)"]
RUN = Path("results/tiny/runs/horse2zebra/enco/seed0")
UNTRANSLATED = Path("results/tiny/untranslated/horse2zebra")
KEPT = ("seed0/generator.safetensors", "final.json", "final.npz", "horse2zebra/scores.json", "features.npz")


class Made(NamedTuple):
    """Where both calls have made their tables, and the hashes of what must stay after the first."""

    folder: Path
    config: Path
    before: dict[Path, str]


def kept(folder: Path) -> dict[Path, str]:
    """The SHA-256 of generators, scores and first features."""
    return {path: sha256(path) for path in folder.rglob("*") if str(path).endswith(KEPT)}


def write_config(file: Path, *beside: str) -> None:
    config = yaml.safe_load(TINY.read_text())
    config["features"]["beside"] = list(beside)
    config["data"]["scale_counts"] = 0.6  # 12 test images: enough for a deviation
    config["only"] = {"tables": ["sampling"], "rows": ["default"]}
    file.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("beside")
    config = folder / "config.yaml"
    write_config(config)
    launch(folder, "all_tables", config=config)
    before = kept(folder)
    write_config(config, "efficientnet-lite0")
    launch(folder, "all_tables", config=config)
    return Made(folder, config, before)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return create_extractor("efficientnet-lite0")


def lines(folder: Path, row: str, real_set: str) -> pd.DataFrame:
    cells = pd.read_csv(folder / "results/cells.csv", keep_default_na=False)
    return cells[(cells["row"] == row) & (cells["real_set"] == real_set)].set_index("metric")


@pytest.mark.parametrize(
    ("row", "images"), [("default", RUN / "translated/horse2zebra.final"), ("untranslated", UNTRANSLATED / "images")]
)
def test_distances_are_those_of_the_images_by_hand(row: str, images: Path, made: Made, extractor: Extractor) -> None:
    data = made.folder / "results/tiny/data/horse2zebra"
    generated = calculate_features(made.folder / images, extractor=extractor, preparation=Preparation(size=32))
    about = Preparation(size=32, legacy_rounding=True)
    real = calculate_features(data / "testB", extractor=extractor, preparation=about)
    found = lines(made.folder, row, "full")
    assert float(found.loc[NAMES[0], "value"]) == pytest.approx(fid(generated, real), rel=1e-5)
    kid = Gram.of(generated.features, real.features).kid()
    assert float(found.loc[NAMES[1], "value"]) == pytest.approx(kid, rel=1e-4)


def test_each_has_its_deviation_beside_the_first_extractors(made: Made) -> None:
    for row, file in (("default", RUN / "eval/horse2zebra.final"), ("untranslated", UNTRANSLATED / "scores")):
        found = lines(made.folder, row, "paired")
        assert {"FD (random Inception)", "KID", *NAMES} <= set(found.index)
        drawn = load_arrays(made.folder / f"{file}.replicates.npz")
        for name in NAMES:
            deviation = np.std(drawn[f"paired {name}"], ddof=1)
            assert float(found.loc[name, "sampling_sd"]) == pytest.approx(deviation, rel=1e-6) and deviation > 0


def test_tables_print_them_beside_the_headline(made: Made) -> None:
    page = (made.folder / "results/sampling.md").read_text()
    headline, beside = page.split("### Beside the headline")
    assert not any(name in headline for name in NAMES)
    value = float(lines(made.folder, "default", "paired").loc[NAMES[0], "value"])
    assert all(f"horse2zebra {name} ↓" in beside for name in NAMES) and f"{value:.1f} ± " in beside
    weights = read_json(made.folder / RUN / "eval/horse2zebra.final.uncertainty.json")["beside"]["efficientnet-lite0"]
    assert re.search(rf"\*\*FD \(EfficientNet-Lite0\)\*\*: .*weights sha256 {weights[:16]}", beside)
    assert "FID" not in headline.replace("FID is that", "")


def test_what_was_there_stays_and_nothing_is_made_again(made: Made) -> None:
    assert len(made.before) == 5 and kept(made.folder) == made.before
    assert "Nothing to be done" in launch(made.folder, "all_tables", config=made.config)


def test_the_authors_generators_are_measured_too(made: Made) -> None:
    target = "results/tiny/released/cut-horse2zebra/eval/horse2zebra.uncertainty.json"
    assert re.search(r"features_of_released_beside +1\n", pipeline(made.folder, "-n", target, config=made.config))
