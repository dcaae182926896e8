"""Import generators that methods' authors published, from the files of their code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enco.config.run import Direction
from enco.errors import UserError
from enco.interchange.layouts import HEADS, LAYOUTS, Layout, Plan, Shape
from enco.interchange.original_file import CURE, OriginalFile, read_original
from enco.interchange.record import ImportedFile, ImportRecord
from enco.io.files import StrPath, sha256
from enco.io.safetensors_file import save_safetensors
from enco.methods import info, on_paper
from enco.methods.base import Method
from enco.methods.parts.generator_file import kept_networks
from enco.methods.parts.translator import ONE_WAY

DISCRIMINATOR = re.compile(r"^(model\.0\.weight|([ab]\.)?cnns\..*|dis[A-Z].*)$")
"""Keys of discriminators, in files that fit no layout of a generator."""
SIDE = re.compile(r"G_([AB])(?![A-Za-z0-9])")
"""The domain that a generator translates from, in file names such as latest_net_G_A.pth."""
LETTERS: dict[Direction | None, str] = {None: "AB", "AtoB": "AB", "BtoA": "BA"}
"""The authors' letters of source and target."""
NAMED: dict[str, Direction] = {"A": "AtoB", "B": "BtoA"}
"""The direction of one of two generators, by that domain."""


@dataclass(frozen=True)
class _Part:
    """A file, its layout, and the networks that it holds."""

    original: OriginalFile
    layout: Layout
    networks: tuple[str, ...]


def import_generator(
    files: Sequence[StrPath],
    out: StrPath,
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    direction: Direction | None = None,
    task: str | None = None,
) -> ImportRecord:
    """Write the generator that files of a method's authors hold as a generator file of this project.

    `files` are one generator, or the two of both directions, and perhaps heads as CUT's. The layout, the sizes and,
    where only one method has the layout, the method are told from the keys; `options` are further ones of the method.
    `direction` says which of the authors' domains A and B is the source. By default it is A where files hold both
    directions, and else what the file's name says, if anything. `task` is kept in the file. Raises UserError, with
    nothing written, for what is no such generator, and where `direction` contradicts a file's name.
    """
    originals = [read_original(Path(file)) for file in files]
    _check_out(Path(out), files)
    heads = [original for original in originals if HEADS.fits(original.tensors)]
    generators = [original for original in originals if not HEADS.fits(original.tensors)]
    layout = _layout_of(generators, heads)
    name = _method_of(layout, method, generators[0])
    _check_heads(name, heads)
    generators, direction = _in_order(layout, name, generators, direction)
    complete = _options(layout, name, generators, heads, options or {})
    made = on_paper(name, complete, f"the options that fit {generators[0].path}")
    parts = _parts(layout, made, generators, heads)
    fitted = [_fitted(part, made, LETTERS[direction]) for part in parts]
    record = _record(parts, made, direction, originals, {key for _, dropped in fitted for key in dropped})
    tensors = {key: value for found, _ in fitted for key, value in found.items()}
    save_safetensors(Path(out), tensors, _metadata(record, made, task))
    return record


def _record(
    parts: Sequence[_Part],
    method: Method,
    direction: Direction | None,
    originals: Sequence[OriginalFile],
    dropped: Iterable[str],
) -> ImportRecord:
    networks = {network for part in parts for network in part.networks}
    return ImportRecord(
        method=method.info.name,
        layout=parts[0].layout.name,
        options=method.options.model_dump(mode="json"),
        direction=direction,
        directions="both" if method.two_sided and networks >= set(kept_networks(method)) else "forward",
        heads="heads" in networks,
        files=tuple(_file_record(original.path) for original in originals),
        dropped=tuple(sorted(dropped)),
    )


def _metadata(record: ImportRecord, method: Method, task: str | None) -> dict[str, str]:
    """Return what the generator file says of itself."""
    about = {"method": record.method, "options": method.options.model_dump_json(), "imported": record.model_dump_json()}
    about |= {"direction": record.direction} if record.direction else {}
    about |= {"task": task} if task else {}
    return about | (ONE_WAY if method.two_sided and record.directions == "forward" else {})


def _check_out(out: Path, files: Sequence[StrPath]) -> None:
    if out.resolve() in [Path(file).resolve() for file in files]:
        raise UserError(f"--out {out} is the file that is imported: name another one.")


def _layout_of(generators: Sequence[OriginalFile], heads: Sequence[OriginalFile]) -> Layout:
    """Return the layout of all files but heads; UserError for files without a common one."""
    if not generators:
        raise UserError(f"{heads[0].path} holds heads and no generator: name the generator's file before it.")
    layouts = [_recognised(original) for original in generators]
    for other, original in zip(layouts, generators, strict=True):
        if other != layouts[0]:
            raise UserError(
                f"{generators[0].path} and {original.path} have different layouts ({layouts[0].name}, {other.name}): "
                "name files of one generator."
            )
    return layouts[0]


def _recognised(original: OriginalFile) -> Layout:
    keys = list(original.tensors)
    found = next((layout for layout in LAYOUTS if layout.fits(keys)), None)
    if found:
        return found
    if any(DISCRIMINATOR.match(key) for key in keys):
        raise UserError(f"{original.path} holds a discriminator: name the generator's file, such as latest_net_G.pth.")
    raise UserError(f"{original.path} holds no generator of a known layout (its first weights are {keys[0]}): {CURE}.")


def _method_of(layout: Layout, method: str | None, original: OriginalFile) -> str:
    """Return the method that the user names, or the only one with this layout; UserError if there is neither."""
    has = " or ".join(f"--method {name}" for name in layout.methods)
    if method is None:
        if len(layout.methods) > 1:
            raise UserError(f"The weights in {original.path} may be those of several methods: say which by {has}.")
        return layout.methods[0]
    label = info(method).label
    if method not in layout.methods:
        raise UserError(f"{original.path} holds no generator of {label}, but one in another layout: try {has}.")
    return method


def _check_heads(method: str, heads: Sequence[OriginalFile]) -> None:
    if heads and (method not in HEADS.methods or len(heads) > 1):
        raise UserError(
            f"{heads[-1].path} holds heads, of which one file is read, for {', '.join(HEADS.methods)}: leave it out."
        )


def _in_order(
    layout: Layout, method: str, generators: list[OriginalFile], direction: Direction | None
) -> tuple[list[OriginalFile], Direction | None]:
    """Put the forward generator first, and complete the direction; UserError where files and direction do not fit."""
    most = 2 if info(method).two_sided and not layout.shares_file else 1
    if len(generators) > most:
        label, plural = info(method).label, "s" * (most - 1)
        raise UserError(f"{label} has its generators in {most} file{plural}, not in {_paths(generators)}.")
    if layout.shares_file:
        return generators, direction or "AtoB"
    if len(generators) == 2:
        return _pair(generators, direction)
    if most == 1:
        return generators, direction
    if direction:
        _check_side(generators[0], direction[0])
    return generators, direction or NAMED.get(_side(generators[0]))


def _pair(generators: list[OriginalFile], direction: Direction | None) -> tuple[list[OriginalFile], Direction]:
    """Put the forward one of two generators first, by their names or else by their order, which is G_A, G_B then."""
    a, b = generators
    if sha256(a.path) == sha256(b.path):
        raise UserError(f"{_paths(generators)} are the same file, by SHA-256: name both generators, or one alone.")
    if (_side(a), _side(b)) == ("B", "A"):
        a, b = b, a
    _check_side(a, "A")
    _check_side(b, "B")
    if direction is None and not (_side(a) and _side(b)):
        raise UserError(
            f"The names of {_paths(generators)} do not say which generator translates from domain A (G_A): put"
            " that one first, and say --direction AtoB or, to have the other one translate forward, --direction BtoA."
        )
    return ([b, a] if direction == "BtoA" else [a, b]), direction or "AtoB"


def _check_side(original: OriginalFile, letter: str) -> None:
    side = _side(original)
    if side not in ("", letter):
        raise UserError(
            f"{original.path} is by its name the generator from domain {side}, not {letter}: correct --direction or the"
            " order of files, or rename the file."
        )


def _side(original: OriginalFile) -> str:
    match = SIDE.search(original.path.name)
    return match[1] if match else ""


def _paths(originals: Sequence[OriginalFile]) -> str:
    return " and ".join(str(original.path) for original in originals)


def _options(
    layout: Layout,
    method: str,
    generators: Sequence[OriginalFile],
    heads: Sequence[OriginalFile],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the options that files tell, and those given; UserError where they contradict each other."""
    first, known = generators[0], info(method).Options.model_fields
    told: dict[str, Any] = {key: value for key, value in layout.options.items() if key in known}
    told |= {"n_blocks": layout.blocks(first.tensors)} | _sizes(layout, first)
    if "directions" in known:
        told["directions"] = "both" if len(generators) == 2 else "forward"
    for original in heads:
        told |= _sizes(HEADS, original)
    for key, value in told.items():
        if given.get(key, value) != value:
            raise UserError(f"{first.path} has {key} {value}, not {given[key]}: leave {key} out, or name another file.")
    return told | dict(given)


def _sizes(layout: Layout, original: OriginalFile) -> dict[str, int]:
    sizes = {}
    for option, (key, axis) in layout.sizes.items():
        if key not in original.tensors:
            raise UserError(f"{original.path} lacks the weights {key}: {CURE}.")
        shape = original.tensors[key].shape
        sizes[option] = shape[axis] if axis < len(shape) else 0
    return sizes


def _parts(
    layout: Layout, method: Method, generators: Sequence[OriginalFile], heads: Sequence[OriginalFile]
) -> list[_Part]:
    """Say which networks each file holds."""
    if layout.shares_file:
        parts = [_Part(generators[0], layout, kept_networks(method))]
    else:
        networks = kept_networks(method)[: len(generators)]
        parts = [_Part(one, layout, (network,)) for one, network in zip(generators, networks, strict=True)]
    return parts + [_Part(original, HEADS, ("heads",)) for original in heads]


def _fitted(part: _Part, method: Method, letters: str) -> tuple[dict[str, Tensor], set[str]]:
    """Return a file's tensors by their names here, in shape, and what the file holds besides.

    Raises UserError for tensors that are missing, of another shape, not finite or unknown.
    """
    original, layout = part.original, part.layout
    plan = Plan(method.options.ngf, layout.blocks(original.tensors), part.networks, letters)
    shapes = {
        f"{network}.{key}": tuple(value.shape)
        for network in part.networks
        for key, value in method.networks[network].state_dict().items()
    }
    try:
        keys = layout.keys(plan, shapes)
    except KeyError as error:
        raise _misfit(part, method, f"{error.args[0]} has no place in it") from error
    tensors = {
        ours: _checked(part, method, theirs, layout.shape(theirs, shapes[ours])).reshape(shapes[ours])
        for ours, theirs in keys.items()
    }
    fixed = layout.fixed(plan)
    for key, value in fixed.items():
        is_needed = not re.fullmatch(layout.unused, key)
        if is_needed and not torch.allclose(_checked(part, method, key, tuple(value.shape)), value, atol=1e-4):
            raise _misfit(part, method, f"{key} is another filter than that of the authors' code")
    left_over = original.tensors.keys() - set(keys.values())
    dropped = {match[0] for key in left_over if (match := re.match(layout.unused, key))} | (left_over & fixed.keys())
    unknown = sorted(key for key in left_over - fixed.keys() if not re.match(layout.unused, key))
    if unknown:
        raise _misfit(part, method, f"{unknown[0]} is not known")
    return tensors, dropped | set(original.dropped)


def _checked(part: _Part, method: Method, key: str, shape: Shape) -> Tensor:
    """Return a file's tensor in float32; UserError unless the tensor is there, has the shape, and is finite."""
    tensor = part.original.tensors.get(key)
    if tensor is None:
        raise _misfit(part, method, f"{key} is missing")
    if tuple(tensor.shape) != shape:
        sizes = [" x ".join(map(str, size)) or "a number" for size in (tuple(tensor.shape), shape)]
        raise _misfit(part, method, f"{key} is {sizes[0]}, not {sizes[1]}")
    if tensor.layout != torch.strided or not tensor.is_floating_point() or not tensor.isfinite().all():
        raise _misfit(part, method, f"{key} holds what is no finite number")
    return tensor.detach().to(torch.float32)


def _misfit(part: _Part, method: Method, what: str) -> UserError:
    blocks, ngf = part.layout.blocks(part.original.tensors), method.options.ngf
    kind = f"heads of {method.info.label}"
    if part.layout is not HEADS:
        kind = f"a generator of {method.info.label} with {ngf} channels and {blocks} residual blocks"
    return UserError(f"{part.original.path} is not {kind} ({what}): {CURE}.")


def _file_record(path: Path) -> ImportedFile:
    return ImportedFile(name=path.name, sha256=sha256(path), bytes=path.stat().st_size)
