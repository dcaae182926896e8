"""Export generators to the files of the code that methods' authors published."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enco.errors import UserError
from enco.interchange.layouts import Layout, Plan, layout_of
from enco.interchange.record import ImportRecord
from enco.io.files import StrPath, atomic_path, check_writable
from enco.methods.base import Method
from enco.methods.parts.generator_file import kept_networks, load_generator, read_generator
from enco.methods.parts.translator import Translator

Weights = OrderedDict[str, Tensor]
NOT_TRAINED_HERE = {"ep": 0, "total_it": 0}
"""What DRIT's code reads of a file besides the networks: the epoch and the iteration to go on from."""


def export_original(generator: StrPath, out: StrPath) -> list[Path]:
    """Write a generator file's networks as the method's authors' code reads them; return the files.

    A generator is one file, `out`, but for methods with a network for each direction: these are two files, with `_A`
    and `_B` at the end of their names. Files are in PyTorch's format before 1.6, which every version reads. Raises
    UserError, with nothing written, for what is no generator file, and for a method of one's own.
    """
    generator, out = Path(generator), Path(out)
    translator = load_generator(generator)
    layout = layout_of(translator.method_name, translator.method.options.model_dump())
    if layout is None:
        raise UserError(f"{translator.method_name} has no files of its authors' code that a layout is known of.")
    tensors, _ = read_generator(generator)
    networks = kept_networks(translator.method)
    _check_whole(networks, tensors, generator)
    letters = _letters(translator)
    if layout.shares_file:
        weights = _original(layout, translator.method, networks, letters, tensors)
        return _write(generator, {out: _nested(weights)})
    files = _names(out, letters) if len(networks) == 2 else [out]
    return _write(
        generator,
        {
            file: _original(layout, translator.method, (network,), letters, tensors)
            for file, network in sorted(zip(files, networks, strict=True))
        },
    )


def check_out(generator: Path, out: Path) -> None:
    """Raise UserError where an export would replace its generator, or could not be written."""
    if out.resolve() == generator.resolve():
        raise UserError(f"{out} is the generator that is exported: choose another --out.")
    check_writable(out)


def _check_whole(networks: tuple[str, ...], tensors: dict[str, Tensor], path: Path) -> None:
    for network in networks:
        if not any(key.startswith(f"{network}.") for key in tensors):
            raise UserError(
                f"{path} lacks the {network}, which the authors' code reads, too: an earlier version wrote it, so train"
                " again, or import it again."
            )


def _letters(translator: Translator) -> str:
    """Return the authors' letters of source and target: those of the import, else A and B."""
    imported = translator.metadata.get("imported")
    is_reversed = imported is not None and ImportRecord.model_validate_json(imported).direction == "BtoA"
    return "BA" if is_reversed else "AB"


def _names(out: Path, letters: str) -> list[Path]:
    """Name the files of the forward and of the backward generator."""
    return [out.with_name(f"{out.stem}_{letter}{out.suffix}") for letter in letters]


def _original(
    layout: Layout, method: Method, networks: tuple[str, ...], letters: str, tensors: dict[str, Tensor]
) -> Weights:
    """Return networks' tensors by the authors' keys, in the authors' shapes, and what all of their files hold."""
    plan = Plan(method.options.ngf, method.options.n_blocks, networks, letters)
    ours = [key for name in networks for key in (f"{name}.{k}" for k in method.networks[name].state_dict())]
    weights: Weights = OrderedDict()
    for key, name in layout.keys(plan, ours).items():
        # Cloned, as PyTorch would save all that a tensor shares memory with.
        weights[name] = tensors[key].reshape(layout.shape(name, tuple(tensors[key].shape))).clone()
    weights.update(layout.fixed(plan))
    return weights


def _nested(weights: Weights) -> dict[str, Any]:
    """Put each network's weights into a dictionary of its own, by the first word of their keys."""
    networks: dict[str, Any] = {}
    for key, value in weights.items():
        name, _, inner = key.partition(".")
        networks.setdefault(name, OrderedDict())[inner] = value
    return networks | (NOT_TRAINED_HERE if "gen" in networks else {})


def _write(generator: Path, contents: dict[Path, Any]) -> list[Path]:
    """Write files, all or none, and none over the generator."""
    for path in contents:
        check_out(generator, path)
    with ExitStack() as stack:
        for path, content in contents.items():
            partial = stack.enter_context(atomic_path(path))
            with partial.open("wb") as file:
                torch.save(content, file, _use_new_zipfile_serialization=False)
    return list(contents)
