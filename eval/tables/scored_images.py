"""The images behind a table's scores: which, how many, and how they were prepared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from enco.data.folders import BITS
from enco.errors import UserError
from eval.records import ScoresProtocol
from eval.tables.agreement import ScoredFiles, agreed, by_task, short
from eval.tables.planned import PlannedCell
from eval.tables.sources import Sources
from eval.tables.spec import TableSpec


def describe_images(spec: TableSpec, scores: ScoredFiles) -> Iterator[tuple[str, str]]:
    """Yield the lines of a protocol on images; UserError where a task's, or the preparation of any, differ."""
    known = {}
    for task, files in by_task(scores).items():
        agreed(files, lambda one: _hashes(one.protocol), "test sets")
        known[task] = agreed(files, lambda one: _numbers(one.protocol), "numbers of test images")
    counts = (f"{one.header} {known[one.task]}" for one in spec.columns if one.task in known)
    yield "Images", f"generated/paired/full: {', '.join(counts)}"
    yield "Prepared", _preparation(scores)


def check_resampled(planned: Iterable[PlannedCell], sources: Sources) -> None:
    """Raise UserError for uncertainties of other images or neighbours than those of the scores that they are of."""
    for scored, file in {(cell.scored, cell.uncertainty) for cell in planned}:
        if scored is None or file is None:
            continue
        used, sure = sources.scored[scored].protocol, sources.uncertainties[file]
        ours, theirs = (f"k = {sure.k} and {_joined(sure.images)}", f"k = {used.k} and {_numbers(used)}")
        if ours != theirs:
            raise UserError(
                f"{file} is of {ours} images (generated/paired/full), {scored} of {theirs}: delete the first, and have"
                " it made again."
            )


def _preparation(scores: ScoredFiles) -> str:
    """Say how images came to the extractor: 'resized to 256 × 256 pixels (bicubic); ...'."""
    size = agreed(scores, lambda one: one.protocol.size, "image sizes")
    resizing = agreed(scores, lambda one: one.protocol.filter, "filters of resizing")
    levels = agreed(scores, lambda one: one.protocol.levels, "levels of 16-bit grey")
    rounded = agreed(scores, lambda one: one.protocol.legacy_rounding, "roundings of real images")
    parts = [f"resized to {size} × {size} pixels ({resizing})" if size else "at their own size"]
    parts += ["real ones lose fractions of a grey level, as the originals' do"] if rounded else []
    parts += [f"16-bit grey has {BITS[levels]} bits"] if BITS[levels] < 16 else []
    return "; ".join(parts)


def _hashes(used: ScoresProtocol) -> str:
    known = {name: digest for name, digest in used.images.items() if name != "labels"}
    return ", ".join(f"{name} {short(known[name])}" for name in sorted(known, reverse=True)) or "unknown"


def _numbers(used: ScoresProtocol) -> str:
    """Return '120/120/140': generated, paired and full."""
    return _joined({"generated": used.n_generated, **used.n_real})


def _joined(images: Mapping[str, int]) -> str:
    return "/".join(str(images.get(name, "?")) for name in ("generated", "paired", "full"))
