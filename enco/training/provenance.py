"""Record where a result comes from: settings, code, versions, device and data."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enco.config.compute import ComputeOptions
from enco.config.run import RunConfig
from enco.data.manifest import NAME, read_source, training_hash
from enco.io.files import sha256
from enco.methods import package_version
from enco.records import GitState, RunRecord
from enco.training.identity import config_hash, plan_id, settings_of
from enco.training.sources import method_sources

if TYPE_CHECKING:
    import torch

    from enco.methods.base import Method

HERE = Path(__file__).resolve()
SOURCES = ("*.py", "*.yaml", "*.smk", "Snakefile")
"""New files, not yet in git, that count as source."""


def describe(config: RunConfig, method: Method, options: ComputeOptions) -> RunRecord:
    """Describe a training before its first step; `config` is in full."""
    sources = method_sources(config.method, copies=config.copy_steps > 0)
    return RunRecord(
        config=config,
        config_hash=config_hash(config),
        plan=plan_id(config, sources),
        settings=settings_of(config),
        sources=sources,
        data_hash=training_hash(config.data.root, config.data.recursive),
        data_source=data_source(config.data.root),
        parameter_count=method.parameter_count(),
        git=git_state(),
        versions=versions() | package_version(config.method),
        device=device_name(method.device),
        computed=str(options),
        pieces=asdict(options),
        changes=[],
    )


def git_state() -> GitState:
    """Ask git for the commit of this code, whether the source differs from that commit, and a digest of how.

    `diff` is the SHA-256 of the names and contents of the files that differ; None where none does. All are None where
    the code is not in git.
    """
    if _git(HERE.parent, "ls-files", "--error-unmatch", HERE.name) is None:
        return GitState(commit=None, dirty=None, diff=None)
    root = Path(_git(HERE.parent, "rev-parse", "--show-toplevel") or HERE.parent)
    changed = changed_sources(root)
    diff = digest_of_files(root, changed) if changed else None
    dirty = None if changed is None else bool(changed)
    return GitState(commit=_git(root, "rev-parse", "HEAD"), dirty=dirty, diff=diff)


def changed_sources(root: Path) -> list[str] | None:
    """List tracked files of a repository that differ from its commit, and new source files; None if git fails."""
    tracked = _git(root, "diff", "--name-only", "-z", "--no-renames", "HEAD")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *SOURCES)
    return None if tracked is None or new is None else sorted({*tracked.split("\0"), *new.split("\0")} - {""})


def digest_of_files(root: Path, names: Iterable[str]) -> str:
    """Return the SHA-256 over names and contents; a file that is gone counts as such."""
    found = [(name, sha256(root / name) if (root / name).is_file() else None) for name in names]
    return hashlib.sha256(repr(found).encode(errors="surrogateescape")).hexdigest()


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the libraries that decide numbers, without importing any."""
    names = ("torch", "torchvision", "numpy", "pillow")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def device_name(device: torch.device) -> str:
    """Name the model of a GPU; of a CPU the architecture, the instruction set and the threads."""
    import torch  # only here: naming a commit takes a second without torch

    from enco.runtime.capabilities import capabilities

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    about = (platform.machine(), capabilities(device).instructions, f"{torch.get_num_threads()} threads")
    return f"{device.type} ({', '.join(filter(None, about))})"


def data_source(root: Path) -> dict[str, Any]:
    """Read what a data folder's images were made from, by the manifest; empty where unknown."""
    return read_source(root) if (root / NAME).exists() else {}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(answer).rstrip("\n")
