"""The authors' generators through real Snakemake: fetched from a server, asked for, scored, and set in a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from tests.support.file_server import FileServer
from tests.support.make_archives import tarred, zipped
from tests.support.pipeline import TINY, pipeline
from tests.support.released_files import antialiased, saved, strided

pytestmark = pytest.mark.slow

HERE = ["models.tar/cut", "models.tar/fastcut", "cyclegan.pth"]
DISTANCE = "FD (random Inception)"


def served() -> dict[str, bytes]:
    """What the authors' server has: an archive of two generators, one alone, a discriminator, and another file."""
    members = {
        "checkpoints/zebra_cut/latest_net_G.pth": antialiased(0),
        "checkpoints/zebra_fastcut/latest_net_G.pth": antialiased(1),
    }
    discriminator = saved({"model.0.weight": torch.zeros(8, 3, 4, 4)})
    return {
        "models.tar": tarred(members),
        "horse2zebra.pth": strided(2),
        "wrong.pth": b"not what was published",
        "discriminator.pth": discriminator,
    }


def catalogue(server: FileServer) -> dict[str, Any]:
    def at(name: str, **about: Any) -> dict[str, Any]:
        return {"site": "https://example.org", "url": server.url(name), **about}

    tar, zebra = "cut/models.tar", "horse2zebra"
    return {
        "files": {
            tar: at("models.tar", sha256=hashlib.sha256(server.files["models.tar"]).hexdigest()),
            "cyclegan/horse2zebra.pth": at("horse2zebra.pth"),
            "negcut/wrong.pth": at("wrong.pth", sha256="0" * 64),
            "fsesim/discriminator.pth": at("discriminator.pth"),
            "enco/gone.pth": at("gone.pth"),
            "dclgan/horses.zip": {"site": "the Google Drive link in its README"},
        },
        "variants": {
            "cyclegan": variant("CycleGAN", "cyclegan", ("cyclegan/horse2zebra.pth", zebra), published="cyclegan"),
            "dclgan": {
                **variant("DCLGAN", "dclgan", ("dclgan/horses.zip", zebra), published="dclgan"),
                "own_paper": {zebra: {"FID": "43.2"}},
                "own_source": "its Table 1",
                "generators": [
                    {
                        "file": "dclgan/horses.zip",
                        "members": ["*net_G_A.pth", "*net_G_B.pth"],
                        "tasks": {zebra: "forward", "zebra2horse": "backward"},
                    }
                ],
            },
            "cut": variant("CUT", "cut", (tar, zebra), published="cut", members=["zebra_cut/latest_net_G.pth"]),
            "fastcut": variant("FastCUT", "cut", (tar, zebra), members=["zebra_fastcut/latest_net_G.pth"]),
            "fsesim": variant("FSeSim", "fsesim", ("fsesim/discriminator.pth", zebra)),
            "negcut": variant("NEG CUT", "negcut", ("negcut/wrong.pth", zebra)),
            "enco": variant("EnCo", "enco", ("enco/gone.pth", zebra)),
        },
    }


def variant(label: str, method: str, generator: tuple[str, str], published: str = "", **about: Any) -> dict[str, Any]:
    file, task = generator
    return {
        "label": label,
        "method": method,
        "published": published,
        "generators": [{"file": file, "tasks": {task: "forward"}, **about}],
    }


@dataclass(frozen=True)
class Place:
    """A folder with a scale whose authors' files are on a server, and what the first call said."""

    folder: Path
    server: FileServer
    first: str

    def run(self, *arguments: str) -> str:
        return pipeline(self.folder, *arguments, config=self.folder / "scale.yaml")

    def lines(self) -> pd.DataFrame:
        table = pd.read_csv(self.folder / "results" / "released.csv", comment="#", keep_default_na=False)
        return table.set_index(["task", "row", "metric"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("released")
    with FileServer(served()) as server:
        (folder / "released.yaml").write_text(yaml.safe_dump(catalogue(server)))
        scale = yaml.safe_load(TINY.read_text()) | {
            "released": {"catalogue": str(folder / "released.yaml"), "files": str(folder / "files")}
        }
        (folder / "scale.yaml").write_text(yaml.safe_dump(scale))
        yield Place(folder, server, pipeline(folder, "released", config=folder / "scale.yaml"))


def planned(said: str) -> dict[str, int]:
    """Return how many jobs of each rule a call ran."""
    lines = said.partition("Job stats:")[2].partition("total")[0].splitlines()[3:]
    return {line.split()[0]: int(line.split()[1]) for line in lines if line.strip()}


def scored(place: Place) -> dict[str, int]:
    """Return when each score was made."""
    files = (place.folder / "results" / "tiny").rglob("released/*/eval/*.json")
    return {str(file.relative_to(place.folder)): file.stat().st_mtime_ns for file in files}


def last_lines(said: str) -> str:
    """Return what a call ends with, below the line that says where the results are."""
    return said.partition("Tables are in ")[2]


def test_what_is_served_is_scored_and_the_rest_has_its_reason(place: Place) -> None:
    lines = place.lines()
    numbers = lines.xs(DISTANCE, level="metric").loc["horse2zebra"]
    assert all(float(numbers.loc[row, "authors"]) > 0 for row in ("cut", "fastcut", "cyclegan", "untranslated"))
    assert numbers.loc["cut", "authors"] != numbers.loc["fastcut", "authors"], "two members of one archive"
    assert numbers.loc["cut", "paper"] == "45.5" and numbers.loc["dclgan", "own_paper"] == "43.2"
    assert dict(numbers.loc[["dclgan", "fsesim", "negcut", "enco"], "reason"]) == {
        "dclgan": "its file is not there",
        "fsesim": "its file could not be imported",
        "negcut": "the file is not the published one",
        "enco": "its file could not be fetched",
    }
    assert set(numbers.loc[["dclgan", "fsesim", "negcut", "enco"], "authors"]) == {"–"}
    assert lines.loc[("zebra2horse", "dclgan", DISTANCE), "paper"] == "139.5"
    assert not (place.folder / "results/tiny/data/cityscapes").exists(), "no images are made for what is not there"


def test_the_call_ends_with_a_sentence_for_each_missing_file(place: Place) -> None:
    said = last_lines(place.first)
    files = place.folder / "files"
    assert f"{files}/dclgan/horses.zip is missing and cannot be fetched without you: get horses.zip from" in said
    assert "wrong.pth sends is not the published file" in said and "answers 404" in said
    assert "discriminator.pth holds a discriminator" in said
    assert len([line for line in said.splitlines() if str(files) in line]) == 4


def test_the_tidy_cells_name_their_source(place: Place) -> None:
    cells = pd.read_csv(place.folder / "results" / "released.cells.csv")
    assert set(cells.loc[cells["row"] == "cut", "source"]) == {"authors"}
    assert set(cells.loc[cells["row"] == "untranslated", "source"]) == {"inputs"}
    assert cells["delta"].isna().all(), "nothing at this scale compares with the paper"
    record = json.loads((place.folder / "results/tiny/released/cut-horse2zebra/eval/horse2zebra.json").read_text())
    assert record["source"] == "authors" and "run" not in record
    assert record["imported"]["files"][0]["name"] == "latest_net_G.pth"
    written = (place.folder / "results" / "released.md").read_text()
    assert "models.tar (sha256 " in written and "**Features**" in written and "**Seeds**" not in written


def test_a_second_call_tries_again_what_was_missing_and_scores_nothing(place: Place) -> None:
    before, asked = scored(place), len(place.server.requests)
    said = place.run("released")
    assert planned(said) == {"imported_generator": 3, "released_table": 1, "current_table": 1, "released": 1}
    assert scored(place) == before
    assert {request.name for request in place.server.requests[asked:]} == {"wrong.pth", "gone.pth"}
    assert "discriminator.pth holds a discriminator" in last_lines(said)


def test_where_nothing_is_missing_a_second_call_does_nothing(place: Place) -> None:
    part = ("--config", "only={rows: [cut]}")
    place.run("released", *part)
    assert "Nothing to be done" in place.run("released", *part)


def test_files_that_are_put_there_later_fill_their_cells(place: Place) -> None:
    """They come by hand, after another one was put there by mistake."""
    before, files = scored(place), place.folder / "files"
    (files / "dclgan").mkdir()
    zipped_pair = {f"horses/latest_net_G_{side}.pth": antialiased(ord(side)) for side in "AB"}
    (files / "dclgan" / "horses.zip").write_bytes(zipped({"horses/readme.txt": b""}))
    said = last_lines(place.run("released"))
    assert "horses.zip holds no file like *net_G_A.pth" in said
    (files / "dclgan" / "horses.zip").write_bytes(zipped(zipped_pair))
    (files / "enco" / "gone.pth").write_bytes(antialiased(5))
    said = place.run("released")
    assert planned(said)["imported_generator"] == 4
    numbers = place.lines().xs(DISTANCE, level="metric")["authors"]
    found = [numbers["horse2zebra", "dclgan"], numbers["zebra2horse", "dclgan"], numbers["horse2zebra", "enco"]]
    assert len({float(number) for number in found}) == 3
    assert "dclgan" not in last_lines(said) and "gone.pth" not in last_lines(said)
    assert before.items() <= scored(place).items(), "what was scored before is not scored again"


def test_a_file_that_was_deleted_after_its_import_is_not_missed(place: Place) -> None:
    (place.folder / "files" / "cut" / "models.tar").unlink()
    asked = len(place.server.requests)
    said = place.run("released")
    assert "models.tar" not in {request.name for request in place.server.requests[asked:]}
    assert float(place.lines().loc[("horse2zebra", "cut", DISTANCE), "authors"]) > 0
    assert "models.tar" not in last_lines(said)


def test_noting_the_hash_of_a_deleted_file_keeps_its_number(place: Place) -> None:
    """docs/generators.md tells users to do both."""
    (place.folder / "files" / "enco" / "gone.pth").unlink()
    content = catalogue(place.server)
    content["files"]["enco/gone.pth"]["sha256"] = hashlib.sha256(antialiased(5)).hexdigest()[:12]
    (place.folder / "released.yaml").write_text(yaml.safe_dump(content))
    before = scored(place)
    said = place.run("released")
    assert planned(said)["imported_generator"] == 2, "those that never came"
    assert float(place.lines().loc[("horse2zebra", "enco", DISTANCE), "authors"]) > 0
    assert scored(place) == before
