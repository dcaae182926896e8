"""Files of weights from other code bases, read without running anything that they hold."""

from __future__ import annotations

import re
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from enco.errors import Unreadable, UserError
from enco.io.torch_file import load_torch

OLD_TAR = {"pickle", "storages", "tensors"}
"""Members of a file of PyTorch 0.1, which is a tar."""
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""How files of PyTorch 1.6 and later begin, and earlier ones."""
CODE = re.compile(r"GLOBAL (\S+)")
"""The name of what is no tensor, in PyTorch's refusal to unpickle it."""
OPCODE = "Unsupported operand"
"""Words of that refusal for an instruction of another pickle protocol than PyTorch's default, or for a damaged one."""
REASON = re.compile(r"WeightsUnpickler error:\s*(.+)")
"""The reason in that refusal, which advice surrounds."""
CURE = "name a file of weights as the method's authors published it"


@dataclass(frozen=True)
class OriginalFile:
    """The tensors of a file by key; those of several networks within a dictionary as `name.key`."""

    path: Path
    tensors: dict[str, Tensor]
    dropped: tuple[str, ...] = ()
    """Entries that hold no tensors of a network, such as optimisers."""


def read_original(path: Path) -> OriginalFile:
    """Read the weights that other code wrote with PyTorch, to the CPU.

    A dictionary around the weights (`state_dict`, or networks by name) is opened, and the prefix `module.` of
    parallel networks is left out. Raises UserError for a file that is missing, cut, of another format or of PyTorch
    0.1, and for one that holds anything but tensors and plain values, none of which is run.
    """
    with _explained(path), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected pickle protocol")
        _check_format(path)
        content = load_torch(path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__} and no weights by name: {CURE}.")
    if isinstance(content.get("state_dict"), Mapping):
        inner = _opened(path, content["state_dict"])
        return replace(inner, dropped=(*(str(key) for key in content if key != "state_dict"), *inner.dropped))
    return _opened(path, content)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise UserError for whatever a damaged file lets zip, tar and pickle raise; refusals of the system pass."""
    try:
        yield
    except UserError:
        raise
    except Unreadable as error:
        raise _refused(path, error) from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise _cut(path, str(error).partition("\n")[0] or type(error).__name__) from error


def _opened(path: Path, content: Mapping[Any, Any]) -> OriginalFile:
    content = _without_prefix(content)
    tensors = _tensors_of(content)
    networks = {name: found for name, value in content.items() if (found := _tensors_of(value))}
    dropped = tuple(str(name) for name in content if str(name) not in tensors and name not in networks)
    if len(networks) == 1 and not tensors:
        (tensors,) = networks.values()
    else:
        tensors |= {f"{name}.{key}": value for name, network in networks.items() for key, value in network.items()}
    if not tensors:
        raise UserError(f"{path} holds no weights: {CURE}.")
    return OriginalFile(path, tensors, dropped)


def _tensors_of(content: object) -> dict[str, Tensor]:
    """Return the tensors that a dictionary holds itself; none of what is no dictionary."""
    items = _without_prefix(content).items() if isinstance(content, Mapping) else ()
    return {str(name): value for name, value in items if isinstance(value, Tensor)}


def _without_prefix(weights: Mapping[Any, Any]) -> dict[Any, Any]:
    """Drop the prefix that networks on several GPUs give to every key."""
    prefix = "module."
    if not all(isinstance(key, str) and key.startswith(prefix) for key in weights):
        return dict(weights)
    return {key.removeprefix(prefix): value for key, value in weights.items()}


def _check_format(path: Path) -> None:
    """Raise UserError for a file that PyTorch did not write, by its first bytes and its table of contents."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: {CURE}.")
    if not path.is_file():
        raise UserError(f"{path} does not exist: {CURE}.")
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(ZIP):
        _check_zip(path)
    elif tarfile.is_tarfile(path):
        raise _tar(path)
    elif not start.startswith(PICKLE):
        begins = f"begins with {start!r}" if start else "is empty"
        raise UserError(f"{path} is no file that PyTorch wrote (it {begins}): download it again, or {CURE}.")


def _check_zip(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise _cut(path, "its table of contents is missing")
    with zipfile.ZipFile(path) as file:
        if not any(name.endswith("/data.pkl") for name in file.namelist()):
            raise UserError(f"{path} is an archive of other files: unpack it, and name a file of weights in it.")


def _tar(path: Path) -> UserError:
    with tarfile.open(path) as file:
        is_old = set(file.getnames()) >= OLD_TAR
    if is_old:
        return UserError(
            f"{path} is a tar of PyTorch 0.1, which no later version reads safely: load it with PyTorch 0.2 to 1.x and"
            " save its state_dict again."
        )
    return UserError(f"{path} is an archive of other files: unpack it, and name a file of weights in it.")


def _refused(path: Path, error: Unreadable) -> UserError:
    said = str(error.__cause__)
    if found := CODE.search(said):
        return UserError(
            f"{path} holds more than tensors and plain values ({found[1]}), and nothing of it was run: save the"
            " state_dict alone in the code that wrote it, or take another file."
        )
    if OPCODE in said:
        return UserError(
            f"{path} has a pickle protocol that is not read safely, or is damaged: save the state_dict again by"
            " torch.save's defaults, or download the file again."
        )
    reason = REASON.search(said)
    return _cut(path, reason[1] if reason else str(error).partition(". ")[0])


def _cut(path: Path, why: str) -> UserError:
    return UserError(f"{path} is cut or damaged ({why}): download it again.")
