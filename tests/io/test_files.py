"""Files and folders that are whole or absent, and places that cannot be written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from enco.errors import UserError
from enco.io.files import atomic_folder, atomic_path, write_json
from tests.support.tmpfs import tmpfs


def test_a_read_only_place_is_named_with_the_cure(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "ro") as disk:
        for path in (disk / "a.json", disk / "new" / "folder" / "a.json"):
            with pytest.raises(UserError, match=rf"Cannot write {path} \(Read-only .*\): make {path.parent} a folder"):
                write_json(path, {})
            with pytest.raises(UserError, match=f"Cannot write {path}"), atomic_folder(path):
                pytest.fail("a folder was made on a read-only disk")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.json", tmp_path / "file" / "new" / "a.json"):
        with pytest.raises(UserError, match=f"Cannot write {path} .*: {tmp_path / 'file'}"):
            write_json(path, {})


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=1m") as disk:
        with pytest.raises(UserError, match=f"Disk full while writing {disk / 'a'}"), atomic_path(disk / "a") as part:
            part.write_bytes(bytes(2**21))
        with pytest.raises(UserError, match=f"Disk full while writing {disk / 'b'}"), atomic_folder(disk / "b") as part:
            (part / "c").write_bytes(bytes(2**21))
        assert list(disk.glob("[!.]*")) == list(disk.glob(".*.partial")) == []


def test_what_else_goes_wrong_while_writing_is_not_said_of_the_place(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError), atomic_path(tmp_path / "a"):
        (tmp_path / "folder").mkdir()
    with pytest.raises(PermissionError, match="of a source"), atomic_folder(tmp_path / "b"):
        raise PermissionError(13, "of a source", str(tmp_path / "source.jpg"))
    assert list(tmp_path.glob("[!.]*")) == [tmp_path / "folder"]


@pytest.mark.parametrize("length", [250, 300])
def test_a_name_that_is_too_long_is_named(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("a" * length)
    for make in (atomic_path, atomic_folder):
        cure = r"Cannot write .* \(File name too long: .*\): choose a shorter name and run again"
        with pytest.raises(UserError, match=cure), make(path) as partial:
            partial.touch()


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    said = rf"\(Is a directory: {tmp_path / 'a.json'}\): move that folder away, or choose another name, and run again"
    with pytest.raises(UserError, match=said):
        write_json(tmp_path / "a.json", {})
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


@pytest.mark.parametrize("there", ["nothing", "empty", "full"])
def test_a_folder_is_made_where_a_link_leads(tmp_path: Path, there: str) -> None:
    disk, link = tmp_path / "disk", tmp_path / "here" / "data"
    disk.mkdir()
    link.parent.mkdir()
    link.symlink_to(disk / "data")
    if there != "nothing":
        (disk / "data").mkdir()
    if there == "full":
        (disk / "data" / "old").touch()
    with atomic_folder(link) as partial:
        assert partial.parent == disk, "one disk, or it could not be renamed"
        (partial / "new").touch()
    assert link.is_symlink() and list(link.parent.iterdir()) == [link]
    assert [path.name for path in (disk / "data").iterdir()] == ["new"]
    assert not list(disk.glob(".*.partial"))
