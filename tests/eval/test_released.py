"""The authors' generators: what config/released.yaml may say, archives, and the table of their scores."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from enco.datasets import archives
from enco.datasets.catalogue import load_tasks
from enco.errors import UserError
from enco.io.files import write_json
from enco.methods.parts.generator_file import load_generator
from enco.options.cut import CutOptions
from eval.published import read_published
from eval.released import obtain
from eval.released.__main__ import main
from eval.released.catalogue import Catalogue, load_catalogue
from eval.released.obtain import find_members, obtain_generator
from eval.released.planned import ReleasedTable
from eval.released.record import ANOTHER_FILE, NOT_FETCHED, NOT_THERE, read_generator_record
from eval.released.table import write_released
from eval.tables.planned import PlannedCell
from eval.tables.protocol import Provenance
from eval.tables.spec import REFERENCE_ROW, ColumnSpec, RowSpec, TableSpec
from tests.support.file_server import FileServer
from tests.support.make_archives import tarred, zipped
from tests.support.released_files import antialiased, strided
from tests.support.table_runs import PUBLISHED, ROOT, resampled, scores

PAPER = Provenance(scale="paper", comparable=True, has_seeds=False, commit="0123abc")
FILE = "cut/models.zip"


def catalogue(**variant: Any) -> dict[str, Any]:
    known = {"label": "CUT", "method": "cut", "generators": [{"file": FILE, "tasks": {"horse2zebra": "forward"}}]}
    return {"files": {FILE: {"site": "its README"}}, "variants": {"cut": known | variant}}


def loaded(folder: Path, content: dict[str, Any]) -> Catalogue:
    (folder / "released.yaml").write_text(yaml.safe_dump(content))
    return load_catalogue(folder / "released.yaml")


def test_our_catalogue_names_tasks_and_rows_that_exist() -> None:
    tasks = load_tasks(ROOT / "config" / "datasets.yaml")
    rows = {row for _, row, _, _ in read_published(PUBLISHED)}
    released = list(load_catalogue(ROOT / "config" / "released.yaml").released())
    assert {task for one in released for task in one.generator.tasks} == set(tasks)
    assert {one.variant.published for one in released} - {""} <= rows
    assert all(one.generator.members for one in released if one.archive.name.endswith((".zip", ".tar")))


def test_fastcuts_generators_have_fastcuts_options() -> None:
    """10 times the NCE term and no identity term (Park et al. 2020, arXiv 2007.15651)."""
    fastcut = load_catalogue(ROOT / "config" / "released.yaml").variants["fastcut"]
    options = [CutOptions(**generator.options) for generator in fastcut.generators]
    assert [(one.identity_nce, one.lambda_nce) for one in options] == [(False, 10.0)] * 3


def test_what_the_methods_own_papers_print_equals_the_papers_quotes() -> None:
    """The paper's rows of DCLGAN are quoted from DCLGAN's, so a slip of the pen would show."""
    numbers = read_published(PUBLISHED)
    for variant in load_catalogue(ROOT / "config" / "released.yaml").variants.values():
        for task, metrics in variant.own_paper.items():
            for metric, value in metrics.items():
                quoted = {numbers.get((table, variant.published, task, metric)) for table in ("1", "2")}
                assert value in quoted, (variant.label, task)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "kut"}, "Unknown method 'kut' in variant cut"),
        ({"generators": [{"file": "cut/no.pth", "tasks": {"horse2zebra": "forward"}}]}, "Unknown file 'cut/no.pth'"),
        ({"generators": [{"file": FILE, "tasks": {"a": "forward"}, "options": {"ng": 8}}]}, "Unknown key 'ng'"),
        ({"generators": [{"file": FILE, "tasks": {"a": "forward"}}] * 2}, "two generators of CUT translate a"),
        ({"own_paper": {"horse2zebra": {"FID": "45.5"}}}, "'own_paper' needs 'own_source'"),
        ({"own_paper": {"horse2zebra": {"FID": "good"}}, "own_source": "x"}, "own_paper.horse2zebra.FID"),
    ],
)
def test_a_mistake_in_the_catalogue_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        loaded(tmp_path, catalogue(**changes))


def test_members_are_found_by_the_end_of_their_path(tmp_path: Path) -> None:
    names = ["a/cut/latest_net_G.pth", "a/fastcut/latest_net_G.pth", "a/cut/latest_net_F.pth", "a/.cut/net_D.pth"]
    archive = tmp_path / "models.tar"
    archive.write_bytes(tarred(dict.fromkeys(names, b"x")))
    assert find_members(archive, ["cut/latest_net_G.pth", "*net_F.pth"]) == [names[0], names[2]]
    assert find_members(archive, []) == []
    with pytest.raises(UserError, match=r"holds several files like latest_net_G.pth \(a/cut/.*, a/fastcut/"):
        find_members(archive, ["latest_net_G.pth"])
    with pytest.raises(UserError, match=r"holds no file like \*net_D.pth"):
        find_members(archive, ["*net_D.pth"])


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_of_an_archive_only_the_chosen_file_matters(
    tmp_path: Path, packed: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "models"
    files = {"cut/net_G.pth": b"x", "../net_D.pth": b"x", "a" * 300: b"x"}
    archive.write_bytes(packed(files, {"cut/latest": "net_G.pth", "link_G.pth": "cut/net_G.pth"}))
    monkeypatch.setattr(archives, "LARGEST", 0)
    assert find_members(archive, ["cut/net_G.pth"]) == ["cut/net_G.pth"]
    with pytest.raises(UserError, match=r"models holds link_G.pth, a link or no plain file: get models again"):
        find_members(archive, ["link_G.pth"])
    monkeypatch.setattr(obtain, "LARGEST", 0)
    with pytest.raises(UserError, match=r"net_G.pth, of 1 bytes, which is more than a generator has: get models again"):
        find_members(archive, ["cut/net_G.pth"])


def test_a_generator_of_an_archive_is_imported_and_recorded(tmp_path: Path) -> None:
    content = catalogue(
        generators=[{"file": FILE, "members": ["*G.pth"], "tasks": {"horse2zebra": "forward"}, "options": {"k": 2}}]
    )
    released = loaded(tmp_path, content).find("cut-horse2zebra")
    out, files = tmp_path / "generator.safetensors", tmp_path / "files"
    assert (made := obtain_generator(released, files, out)).gap and made.gap.reason == NOT_THERE
    assert made.gap.sentence.startswith(f"{files / FILE} is missing and cannot be fetched without you: get models.zip")
    (files / "cut").mkdir(parents=True)
    (files / FILE).write_bytes(zipped({"here/latest_net_G.pth": antialiased(0)}))
    made = obtain_generator(released, files, out, attempt=1)
    assert made.gap is None and made.members == ("here/latest_net_G.pth",) and made.stands(out, released.file)
    assert load_generator(out).options["k"] == 2
    (files / FILE).write_bytes(b"another")
    assert not made.stands(out, released.file), "what was imported is of a file that is there no more"
    assert (made := obtain_generator(released, files, out)).gap and not out.exists()
    assert "models.zip is truncated or neither a zip nor a tar" in made.gap.sentence
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_generator_outlives_its_file_until_another_one_is_found(tmp_path: Path) -> None:
    released = loaded(tmp_path, catalogue()).find("cut-horse2zebra")
    out, file = tmp_path / "generator.safetensors", tmp_path / FILE
    file.parent.mkdir()
    file.write_bytes(antialiased(0))
    assert obtain_generator(released, tmp_path, out).gap is None
    imported = out.read_bytes()
    file.unlink()
    assert (made := obtain_generator(released, tmp_path, out)).gap and made.gap.reason == NOT_THERE
    assert out.read_bytes() == imported
    file.write_bytes(b"no generator")
    assert obtain_generator(released, tmp_path, out).gap and not out.exists()


def test_a_placed_file_with_another_hash_is_no_generator(tmp_path: Path) -> None:
    content = catalogue()
    content["files"][FILE]["sha256"] = "0" * 64
    released = loaded(tmp_path, content).find("cut-horse2zebra")
    (tmp_path / "cut").mkdir()
    (tmp_path / FILE).write_bytes(antialiased(0))
    made = obtain_generator(released, tmp_path, tmp_path / "out.safetensors")
    assert made.gap and made.gap.reason == ANOTHER_FILE and "move it away" in made.gap.sentence


def test_what_a_server_sends_with_another_hash_is_told_from_what_it_does_not_send(tmp_path: Path) -> None:
    with FileServer({"wrong.pth": b"another"}) as server:
        reasons = {}
        for name in ("wrong.pth", "gone.pth"):
            content = catalogue()
            content["files"][FILE] |= {"url": server.url(name), "sha256": "0" * 64}
            released = loaded(tmp_path, content).find("cut-horse2zebra")
            made = obtain_generator(released, tmp_path, tmp_path / "out.safetensors")
            reasons[name] = made.gap and made.gap.reason
    assert reasons == {"wrong.pth": ANOTHER_FILE, "gone.pth": NOT_FETCHED}


def test_a_mistake_in_a_member_is_said_of_the_archive(tmp_path: Path) -> None:
    content = catalogue(generators=[{"file": FILE, "members": ["*G.pth"], "tasks": {"horse2zebra": "forward"}}])
    (tmp_path / "cut").mkdir()
    (tmp_path / FILE).write_bytes(zipped({"here/latest_net_G.pth": strided(0)[:-500]}))
    released = loaded(tmp_path, content).find("cut-horse2zebra")
    made = obtain_generator(released, tmp_path, tmp_path / "out.safetensors")
    assert made.gap and made.gap.sentence.startswith(f"cut-horse2zebra: {tmp_path / FILE} (here/latest_net_G.pth) ")


def test_the_command_imports_one_and_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded(tmp_path, catalogue())
    out = tmp_path / "generator.safetensors"
    words = ["cut-horse2zebra", "--catalogue", str(tmp_path / "released.yaml"), "--files", str(tmp_path)]
    assert main([*words, "--out", str(out)]) == 1
    assert "models.zip is missing and cannot be fetched without you" in capsys.readouterr().out
    (tmp_path / "cut").mkdir()
    (tmp_path / FILE).write_bytes(antialiased(0))
    assert main([*words, "--out", str(out), "--record", str(tmp_path / "record.json")]) == 0
    published = load_catalogue(tmp_path / "released.yaml").files[FILE]
    assert read_generator_record(tmp_path / "record.json").stands(out, published)
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(UserError, match=r"record.json is no record of a published generator .*: move it away"):
        read_generator_record(tmp_path / "record.json")


def table(folder: Path) -> ReleasedTable:
    """CUT and DCLGAN on two tasks, of which DCLGAN's cat2dog is missing; the files' numbers are 10 apart."""
    cut = {"label": "CUT", "method": "cut", "published": "cut"}
    dclgan = {"label": "DCLGAN", "method": "dclgan", "published": "dclgan", "own_source": "its Table 1"}
    dclgan |= {"own_paper": {"horse2zebra": {"FID": "43.2"}}}
    tasks = {"horse2zebra": "forward", "cat2dog": "forward"}
    content = catalogue()
    content["variants"] = {
        name: about | {"generators": [{"file": FILE, "tasks": tasks}]}
        for name, about in (("cut", cut), ("dclgan", dclgan))
    }
    variants = loaded(folder, content).variants
    columns = (
        ColumnSpec(task="horse2zebra", header="Horse→Zebra", metrics=("P&R", "FID")),
        ColumnSpec(task="cat2dog", header="Cat→Dog", metrics=("FID",)),
    )
    rows = tuple(RowSpec(key=row, label=one.label, method=one.method) for row, one in variants.items())
    spec = TableSpec(name="released", title="Released", rows=rows, columns=columns, notes=("A note.",))
    offsets = {("cut", "horse2zebra"): 0.0, ("dclgan", "horse2zebra"): 10.0, ("cut", "cat2dog"): 0.0}
    offsets |= {(REFERENCE_ROW.key, task): -15.0 for task in tasks}
    planned = []
    for row in ("cut", "dclgan", REFERENCE_ROW.key):
        for task, metric in spec.task_metrics():
            known: dict[str, Any] = {"reason": NOT_THERE}
            if (row, task) in offsets:
                known = {"reference": folder / f"{row}-{task}.json"}
                write_json(known["reference"], scores(task, scale="paper", offset=offsets[row, task]))
            planned.append(PlannedCell(row=row, task=task, metric=metric, seed=0, **known))
    files = {"cut": ("models.zip (sha256 abc)",)}
    return ReleasedTable(spec=spec, planned=tuple(planned), variants=variants, files=files, wanted=("Get it.",))


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    out = {kind: tmp_path / f"released.{kind}" for kind in ("csv", "md", "tex", "html", "cells")}
    write_released(table(tmp_path), PUBLISHED, out, PAPER)
    return out


def test_printed_and_measured_numbers_stand_side_by_side(written: dict[str, Path]) -> None:
    text = [line for line in written["csv"].read_text().splitlines() if not line.startswith("#")]
    lines = {(one["task"], one["row"], one["metric"]): one for one in csv.DictReader(text)}
    cut, dclgan = (lines["horse2zebra", row, "FID"] for row in ("cut", "dclgan"))
    assert (cut["paper"], cut["own_paper"], cut["authors"], cut["delta"]) == ("45.5", "", "60.2", "14.8")
    assert [dclgan[key] for key in ("paper", "own_paper", "authors", "delta")] == ["43.2", "43.2", "70.2", "27.0"]
    missing = lines["cat2dog", "dclgan", "FID"]
    assert (missing["paper"], missing["authors"], missing["reason"]) == ("60.7", "–", NOT_THERE)
    assert lines["horse2zebra", "cut", "P & R"]["authors"] == "50.5 & 70.2"
    assert lines["cat2dog", "untranslated", "FID"]["authors"] == "45.2"


def test_best_and_missing_numbers_are_marked_in_every_format(written: dict[str, Path]) -> None:
    page = written["md"].read_text()
    row = next(line for line in page.splitlines() if "Horse→Zebra | CUT" in line and "FID ↓" in line)
    assert "**60.2**" in row and "+14.8" in row
    assert "Best **bold**, of each task and metric. Δ" in page and "*70.2*" not in page
    assert "**45.2**" not in page, "the inputs are not ranked"
    assert "- **No number**: Cat→Dog: 1 of 2 cells: its file is not there: DCLGAN\n" in page
    for line in ("**Authors' file**: CUT: models.zip (sha256 abc)", "**Own paper**: DCLGAN: its Table 1"):
        assert line in page
    assert "**Wanted**: Get it.\n" in page and "**Note**: A note.\n" in page and "**Seeds**" not in page
    latex, html = written["tex"].read_text(), written["html"].read_text()
    assert r"\begin{longtable}" in latex and r"\textbf{60.2}" in latex and r"Horse$\rightarrow$Zebra" in latex
    assert '<strong class="best">60.2</strong>' in html and "of each task and metric. Δ is" in html


def test_generators_are_compared_on_the_same_draws_of_images(tmp_path: Path) -> None:
    planned = table(tmp_path)
    sure = planned.model_copy(update={"planned": tuple(resampled(planned.planned, {"horse2zebra": 1.0}))})
    out = {kind: tmp_path / f"sure.{kind}" for kind in ("md", "differences")}
    write_released(sure, PUBLISHED, out, PAPER)
    page = out["md"].read_text()
    assert "**60.2 ± 2.0**" in page and "70.2 ± 2.2 |" in page and "P ≥ 0.95 is **bold**" in page
    found = pd.read_csv(out["differences"]).set_index(["column", "row"]).loc["Horse→Zebra FID"]
    assert list(found.index) == ["cut", "dclgan"] and found.loc["dclgan", "p_better"] < 0.001


def test_the_tidy_cells_hold_everything_with_its_source(written: dict[str, Path]) -> None:
    cells = pd.read_csv(written["cells"]).set_index(["row", "task", "metric", "real_set"]).sort_index()
    found = cells.loc[("dclgan", "horse2zebra", "FID", "paired")]
    assert (found["source"], found["own_paper"], found["published"]) == ("authors", 43.2, 43.2)
    assert found["delta"] == pytest.approx(70.25 - 43.2)
    assert cells.loc[("cut", "horse2zebra", "FID", "full"), "value"] == 59.5
    assert pd.isna(cells.loc[("cut", "horse2zebra", "FID", "full"), "own_paper"])
    assert set(cells.loc[REFERENCE_ROW.key, "source"]) == {"inputs"}


def test_numbers_of_another_scale_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was made at scale 'paper'"):
        write_released(table(tmp_path), PUBLISHED, {}, Provenance("demo", has_seeds=False))
