"""Data folders against lists of every published file's SHA-256, and files that two sets share."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from enco.data.folders import SETS
from enco.datasets.__main__ import main
from enco.datasets.catalogue import CATALOGUE, TaskConfig, find_dataset, load_datasets
from enco.datasets.duplicates import shared_images
from enco.datasets.hashes import hash_differences, load_hashes
from enco.datasets.paths import DataPaths
from enco.datasets.status import task_statuses
from enco.errors import UserError
from tests.support.archive_server import COUNTS, NAME, Shop, shop
from tests.support.make_archives import catalogue, image_files, zipped

__all__ = ["shop"]
FILES = {name.removeprefix("horses/"): content for name, content in image_files(COUNTS).items()}
LIST = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(FILES.items()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of a published set, and beside it the catalogue that knows every file of it."""
    for name, content in FILES.items():
        path = tmp_path / NAME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "list.sha256").write_text(LIST)
    about = {"archives": [{"name": "horses.zip"}], "counts": COUNTS, "hashes": "list.sha256"}
    (tmp_path / "datasets.yaml").write_text(catalogue(about))
    return tmp_path / NAME


def check(root: Path) -> int:
    return main(["check", str(root), "--against", NAME, "--catalogue", str(root.parent / "datasets.yaml")])


def test_a_true_copy_is_said_to_be_one(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(root) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"All {len(FILES)} files are those of horses, by SHA-256."


def test_what_differs_is_missing_or_surplus_is_counted_and_named(root: Path) -> None:
    shutil.copy(root / "testA" / "0.jpg", root / "trainB" / "3.jpg")
    shutil.copy(root / "testA" / "0.jpg", root / "trainB" / "2.jpg")
    (root / "trainA" / "1.jpg").rename(root / "trainA" / "x.jpg")
    said = (
        rf"{root} has not the 10 files that were published \(2 differ, first trainB/2\.jpg; 1 are missing, first"
        r" trainA/1\.jpg; 1 are surplus, first trainA/x\.jpg\): get horses again"
    )
    with pytest.raises(UserError, match=said):
        check(root)


def test_a_set_without_a_list_is_answered_with_those_that_have_one(root: Path) -> None:
    with pytest.raises(UserError, match=r"No list of facades's hashes is known .*--against takes horse2zebra"):
        main(["check", str(root), "--against", "facades"])
    with pytest.raises(UserError, match="of one folder: name it"):
        main(["check", "--against", "horse2zebra"])


def test_a_list_is_one_that_sha256sum_checks(root: Path, tmp_path: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", str(tmp_path / "list.sha256")]
    assert subprocess.run(command, cwd=root).returncode == 0
    (tmp_path / "list.sha256").write_text(f"{LIST}no hash\n")
    with pytest.raises(UserError, match=r"Line 11 of .*list\.sha256 is not a SHA-256, two spaces and a name"):
        load_hashes(tmp_path / "list.sha256")
    with pytest.raises(UserError, match=r"hashes in .*gone.* cannot be read"):
        load_hashes(tmp_path / "gone")


def test_the_shipped_list_has_the_published_counts() -> None:
    dataset = find_dataset("horse2zebra", CATALOGUE)
    assert dataset.hashes is not None
    names = list(load_hashes(dataset.hashes))
    assert {key: sum(name.startswith(f"{key}/") for name in names) for key in SETS} == dataset.counts


def state(root: Path) -> str:
    datasets = load_datasets(root.parent / "datasets.yaml")
    places = DataPaths(root.parent / "prepared", root=root.parent)
    return task_statuses({"task": TaskConfig(dataset=NAME)}, datasets, places)[0].status


def test_the_table_of_tasks_compares_a_users_folder(root: Path) -> None:
    assert state(root) == "ready"
    shutil.copy(root / "trainA" / "0.jpg", root / "testA" / "1.jpg")
    assert state(root).startswith("not the published files, 1 differ, first testA/1.jpg: get")


def test_linking_like_a_published_set_compares_it(root: Path, tmp_path: Path) -> None:
    words = ["link", str(root), "--catalogue", str(tmp_path / "datasets.yaml"), "--out", str(tmp_path / "out")]
    main([*words, "--like", NAME])
    shutil.copy(root / "trainA" / "0.jpg", root / "testA" / "1.jpg")
    main([*words, "--replace"])
    with pytest.raises(UserError, match=r"1 differ, first testA/1\.jpg"):
        main([*words, "--replace", "--like", NAME])


def test_what_an_archive_holds_is_compared(shop: Shop) -> None:
    (shop.folder / "list.sha256").write_text(LIST)
    files = image_files(COUNTS)
    shop.offer(zipped(files), known=False, hashes="list.sha256")
    shop.prepared()
    shutil.rmtree(shop.out)
    shutil.rmtree(shop.archives)
    shop.offer(zipped({**files, "horses/testB/0.jpg": files["horses/trainA/0.jpg"]}), known=False, hashes="list.sha256")
    assert "1 differ, first testB/0.jpg): get horses.zip from https://example.org/data" in shop.refused()


def test_files_of_other_kinds_in_an_archive_are_said(shop: Shop) -> None:
    names = ("trainA/a.gif", "trainB/b.GIF", "testA/.hidden.gif", "x.gif")
    others = {f"horses/{name}": b"" for name in names}
    shop.offer(zipped({**image_files(COUNTS), **others}))
    status, said = shop.prepare()
    assert status == 0 and said.count(f"Left out of {shop.archives}/horses.zip: 2 .gif.\n") == 1


def test_nothing_differs_from_itself() -> None:
    hashes: dict[str, Any] = {"trainA/1.jpg": "a"}
    assert hash_differences(hashes, hashes) == ""


def test_shared_files_are_counted_across_splits_and_across_domains(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shared_images(root) == []
    shutil.copy(root / "trainA" / "0.jpg", root / "testA" / "1.jpg")  # across splits
    shutil.copy(root / "trainA" / "1.jpg", root / "trainB" / "3.jpg")  # across domains
    shutil.copy(root / "trainA" / "2.jpg", root / "testB" / "0.jpg")  # across both
    shutil.copy(root / "trainB" / "1.jpg", root / "trainB" / "2.jpg")  # within a set: no matter
    splits, domains = shared_images(root)
    assert splits == (
        f"{root} has 2 images byte for byte in a training and in a test set, such as testA/1.jpg and trainA/0.jpg."
    )
    assert domains == (
        f"{root} has 2 images byte for byte in domain A and in domain B, such as trainA/1.jpg and trainB/3.jpg."
    )
    main(["check", str(root)])
    assert capsys.readouterr().out.splitlines()[-2:] == [splits, domains]
