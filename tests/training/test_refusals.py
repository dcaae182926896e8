"""What the file system refuses, at every option of every command that names a place: one sentence, no traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enco.methods.parts.generator_file import save_generator
from tests.support.forks import run_all
from tests.support.tiny_methods import tiny_method
from tests.support.tiny_runs import write_images

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Option:
    """A command with the places that it reads and writes; `reads` and `writes` name the options that are tried."""

    command: str
    reads: str = ""
    writes: str = ""


TRAIN = "enco.train --method cut --device cpu --threads 1 --epochs 1 0 --set ngf=2 --set ndf=2 --set n_blocks=1"
TRAIN += " --set crop_size=32 --set load_size=32 --set head_width=4 --tracking off"
INCEPTION = "--extractor random-inception --input-size 75 --threads 1"
SCORES = f"eval scores {INCEPTION}"
OPTIONS = {
    "train": Option(f"{TRAIN} --data {{data}} --out {{out}}", "data", "out"),
    "train from": Option(f"{TRAIN} --data {{data}} --out {{out}} --init {{generator}}", "generator"),
    "train settings": Option("enco.train --device cpu --settings {settings} --out {out}", "settings"),
    "demo": Option("enco.datasets demo --dataset horse2zebra --size 16 --scale-counts 0.01 --out {out}", "", "out"),
    "check": Option("enco.datasets check {data}", "data"),
    "check tasks": Option(
        "enco.datasets check --prepared {data} --catalogue {catalogue} --archives {data}", "catalogue"
    ),
    "link": Option("enco.datasets link {data} --out {out}", "data", "out"),
    "manifest": Option("enco.datasets manifest {data}", "data"),
    "sheet": Option("enco.datasets sheet {data} --out {out_file}", "data", "out_file"),
    "fetch": Option("enco.datasets fetch horse2zebra --archives {out} --mirror {mirror}", "mirror"),
    "prepare": Option("enco.datasets prepare horse2zebra --fetched {record} --out {out}", "record"),
    "sync": Option("enco.tracking sync {data} --store sqlite:///{out}/mlflow.db", "data"),
    "translate": Option(
        "eval translate --generator {generator} --images {images} --out {out}", "generator images", "out"
    ),
    "features": Option(f"eval features --images {{images}} --out {{out_file}} {INCEPTION}", "images", "out_file"),
    "fid": Option(f"eval fid {{images}} {{features}} {INCEPTION}", "images features"),
    "pr": Option(f"eval pr {{images}} {{features}} -k 1 {INCEPTION}", "features"),
    "weights of fid": Option("eval fid {images} {images} --weights {weights}", "weights"),
    "drn-train": Option(
        "eval drn-train --images {images} --labels {labels} --out {out_file} --epochs 1 --width 0.1 --size 32 32",
        "images labels",
        "out_file",
    ),
    "segmentation": Option("eval segmentation --images {images} --labels {labels} --drn {drn}", "drn"),
    "scores": Option(
        f"{SCORES} --images {{images}} --run-json {{run}} --real-paired {{features}} --real-full {{features}}"
        " --out {out_file}",
        "run",
    ),
    "select": Option(
        "eval select --run {run_folder} --images {images} --real-paired {features}"
        f" --source-features {{features}} --out {{out_file}} --report {{report}} {INCEPTION}",
        "run_folder",
    ),
    "weights": Option("eval weights negcut --file {drn}", "drn"),
    "timing": Option("eval.timing.__main__ --device cpu --size 32 --variants {variants} --out {out_file}", "variants"),
    "grid": Option("workflow.__main__ --config {config} --timing {timing}", "config timing"),
}
FOLDERS = {"data", "images", "labels", "mirror", "run_folder"}
READS = ("forbidden", "in_forbidden", "loop", "broken", "wrong_kind", "below_file")
WRITES = ("in_forbidden", "in_read_only", "wrong_kind", "below_file", "long")
CASES = [
    (name, option, place)
    for name, command in OPTIONS.items()
    for options, places in ((command.reads.split(), READS), (command.writes.split(), WRITES))
    for option in options
    for place in places
]


def folder_of(name: str, option: str, place: str) -> str:
    """The name of the folder that a case has for itself."""
    return f"{name} {option} {place}".replace(" ", "-")


def make_bad(root: Path, place: str, is_folder: bool) -> Path:
    """A place that cannot be used; the path that a command is given."""
    root.mkdir(parents=True)
    path = root / "place"
    if place == "forbidden":
        path.mkdir() if is_folder else path.touch()
        path.chmod(0)
    elif place in ("in_forbidden", "in_read_only"):
        (root / "others").mkdir()
        path = root / "others" / "place"
        (root / "others").chmod(0 if place == "in_forbidden" else 0o555)
    elif place in ("loop", "broken"):
        path.symlink_to(path if place == "loop" else root / "nothing")
    elif place == "wrong_kind":
        path.touch() if is_folder else path.mkdir()
    elif place == "below_file":
        path.touch()
        path = path / "below"
    else:
        path = root / ("a" * 300)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Places that every command can use."""
    root = tmp_path_factory.mktemp("good")
    data = write_images(root / "data")
    save_generator(tiny_method("cut"), root / "generator.safetensors", iteration=1)
    for name, content in {"variants": {"cut": {"method": "cut"}}, "record": [], "run": {}}.items():
        (root / f"{name}.json").write_text(json.dumps(content))
    for image in sorted((data / "testB").iterdir()):
        (root / "labels").mkdir(exist_ok=True)
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(root / "labels" / image.name)
    files = {"variants": "variants.json", "record": "record.json", "run": "run.json", "settings": "none.json"}
    files |= {"generator": "generator.safetensors", "features": "data/testB", "drn": "none", "weights": "none"}
    files |= {"mirror": "data", "run_folder": "none", "labels": "labels", "timing": "none"}
    config = Path("config").absolute()
    known = {"data": data, "images": data / "testB"}
    known |= {"catalogue": config / "datasets.yaml", "config": config / "demo.yaml"}
    return known | {name: root / file for name, file in files.items()}


@pytest.fixture(scope="module")
def answers(good: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, str]]]:
    """What each command answers with one place at a time that it cannot use."""
    root = tmp_path_factory.mktemp("bad")
    commands = {}
    for name, option, place in CASES:
        folder = root / folder_of(name, option, place)
        is_folder = option in FOLDERS or option == "out"
        used = {**good, **{free: folder / "free" / free for free in ("out", "out_file", "report")}}
        used[option] = make_bad(folder, place, is_folder)
        words = [word.format(**used) for word in OPTIONS[name].command.split()]
        commands[f"{name} {option} {place}"] = words
    yield run_all(commands)
    for path in root.rglob("others"):
        path.chmod(0o755)
    for path in root.rglob("place"):
        if not path.is_symlink():
            path.chmod(0o755)


@pytest.mark.parametrize(("name", "option", "place"), CASES)
def test_a_place_that_cannot_be_used_is_one_sentence(
    answers: dict[str, tuple[int, str]], name: str, option: str, place: str
) -> None:
    status, said = answers[f"{name} {option} {place}"]
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(errors) == 1 and "Traceback" not in said, said
    assert folder_of(name, option, place) in errors[0], "the place is named"
