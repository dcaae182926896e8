"""What a record says of the code that made it, in real git repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from enco.records import GitState
from enco.training import provenance
from enco.training.provenance import git_state
from eval.tables.protocol import commit_name

CLEAN = {"dirty": False, "diff": None}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a package in which `git_state` believes itself to be."""
    root = tmp_path / "it's a clone"
    (root / "enco" / "training").mkdir(parents=True)
    for name in ("enco/training/provenance.py", "enco/cut.py", "README.md"):
        (root / name).write_text("first\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    monkeypatch.setattr(provenance, "HERE", root / "enco" / "training" / "provenance.py")
    return root


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    assert git_state() == GitState(commit=git(repository, "rev-parse", "HEAD"), **CLEAN)
    assert commit_name(git_state()) == git(repository, "rev-parse", "HEAD")[:12]


def test_each_change_of_the_source_has_its_own_digest(repository: Path) -> None:
    digests = []
    for text in ("second\n", "third\n"):
        (repository / "enco" / "cut.py").write_text(text)
        assert git_state().dirty is True
        digests.append(git_state().diff)
    git(repository, "add", "-A")
    assert git_state().diff == digests[-1], "staged or not"
    (repository / "enco" / "cut.py").unlink()
    digests.append(git_state().diff)
    (repository / "enco" / "cut.py").write_text("first\n")
    git(repository, "add", "-A")
    assert git_state() == GitState(commit=git(repository, "rev-parse", "HEAD"), **CLEAN)
    (repository / "enco" / "mine é.py").write_text("a method\n")
    digests.append(git_state().diff)
    assert len(set(digests)) == 4 and all(len(digest) == 64 for digest in digests)


def test_equal_changes_have_equal_digests_in_every_clone(repository: Path, tmp_path: Path) -> None:
    git(repository, "clone", "-q", str(repository), str(tmp_path / "other"))
    digests = set()
    for root in (repository, tmp_path / "other"):
        (root / "enco" / "cut.py").write_text("second\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(provenance, "HERE", root / "enco" / "training" / "provenance.py")
            digests.add(git_state().diff)
    assert len(digests) == 1


def test_what_is_no_source_and_not_in_git_changes_nothing(repository: Path) -> None:
    (repository / "notes.txt").write_text("of today")
    assert git_state().dirty is False


def test_code_outside_git_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "provenance.py").touch()
    monkeypatch.setattr(provenance, "HERE", tmp_path / "provenance.py")
    assert git_state() == GitState(commit=None, dirty=None, diff=None)
    assert commit_name(git_state()) == "unknown"


def test_the_digest_stands_beside_the_commit() -> None:
    commit, diff = "abc1234" * 5, "1f2e3d" * 10
    changed = commit_name(GitState(commit=commit, dirty=True, diff=diff))
    assert changed == f"{commit[:12]} with uncommitted changes {diff[:12]}"
    assert commit_name(GitState(commit=commit, dirty=None, diff=None)) == f"{commit[:12]} with unknown changes"
