"""How a table's numbers were made, read from the scores and timing files; numbers made differently are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from enco.config.base import Settings
from enco.config.compute import PLAIN
from enco.errors import UserError
from eval.segmentation.published import THE_PAPERS
from eval.tables.cells import Sources
from eval.tables.columns import METRICS
from eval.tables.layout import MARK
from eval.tables.planned import PlannedCell
from eval.tables.spec import ALL_TASKS, TableSpec
from eval.tables.training_settings import describe_settings
from eval.timing.table import QUIET, sizes

Line = tuple[str, str]
"""A line of the protocol: what it is about, and what holds."""


class Provenance(Settings):
    """What the files do not say: the scale, whether its numbers compare with the paper's, and the code's commit.

    `part` names the rows and columns that were asked for, where the table is not whole; `so_far` says when it was
    written, where some of its numbers may still come.
    """

    scale: str
    comparable: bool = False
    part: str = ""
    so_far: str = ""
    commit: str = "unknown"


def protocol(spec: TableSpec, planned: Sequence[PlannedCell], sources: Sources, made: Provenance) -> list[Line]:
    """The protocol of one table, line by line.

    Raises UserError where its numbers were not made alike: scale, checkpoint selection, how trainings compute,
    extractor or k differ between runs, the images or the segmentation network within a task, the device or how steps
    compute within a sec/iter column.
    """
    scores = {cell.scores: sources[cell.scores] for cell in planned if cell.scores}
    for path, content in scores.items():
        if content.get("scale") != made.scale:
            raise UserError(
                f"{path} was made at scale '{content.get('scale')}', the table is at '{made.scale}': remake it."
            )
    return [
        *([("So far", made.so_far)] if made.so_far else []),
        ("Scale", _scale(made)),
        *([("Part of the table", f"only {made.part}")] if made.part else []),
        *([("Data", _data(spec, planned, scores)), *_features(spec, planned, scores)] if scores else []),
        *_segmentation(spec, planned, sources),
        *([("Checkpoint", _selection(scores))] if scores else []),
        ("Seeds", _seeds(planned)),
        *(
            [("Trained with", describe_settings(spec, planned, scores)), ("Computed in", _computed(scores))]
            if scores
            else []
        ),
        *_midway(scores),
        *_timing(spec, planned, sources),
        *([("Evaluated on", _places(scores))] if scores else []),
        *([("Trained at", _trained_at(scores))] if scores else []),
        ("Table written at", f"commit {made.commit}"),
        *(("Note", note) for note in spec.notes),
    ]


def _scale(made: Provenance) -> str:
    if made.comparable:
        return f"{made.scale}: the paper's data, sizes, schedules and weights"
    if made.scale == "demo":
        return (
            "demo: these numbers are not comparable with the paper's (procedural images, small networks, few "
            "iterations, feature extractor and segmentation network without the published weights)"
        )
    return f"{made.scale}: these numbers are not comparable with the paper's (other data or settings)"


def _data(spec: TableSpec, planned: Sequence[PlannedCell], scores: Sources) -> str:
    """'Horse→Zebra: horse2zebra.zip (sha256 a74d9d392eec)': what each column's images were made from."""
    told = []
    for column in spec.columns:
        files = sorted({cell.scores for cell in planned if cell.task == column.task and cell.scores})
        of_task = {path: scores[path].get("data", {}) for path in files}
        if column.task != ALL_TASKS and of_task:
            digest = _agree({path: data.get("hash") for path, data in of_task.items()}, "data set")
            told.append(f"{column.header}: {data_name(digest, next(iter(of_task.values())).get('source', {}))}")
    return "; ".join(told)


def data_name(digest: str | None, source: Mapping[str, Any]) -> str:
    """Archives with their hashes and how they were prepared, where that is known; else the hash of all images."""
    archives = [f"{archive['name']} (sha256 {archive['sha256'][:12]})" for archive in source.get("archives", [])]
    photo_filter = source.get("photo_filter")
    filtered = [f"photo filter {photo_filter}"] if photo_filter else []
    return " + ".join([*archives, *filtered]) or f"images of manifest {str(digest)[:12]}"


def _features(spec: TableSpec, planned: Iterable[PlannedCell], scores: Sources) -> Iterator[Line]:
    yield (
        "Real set",
        "paired (the headline): one real image for each input file, as the published test scripts leave them (where "
        "targets are fewer they repeat, where they are more later ones overwrite the first), which the paper's digits "
        "imply; full: every target test image once",
    )
    yield "Images", _image_counts(spec, planned, scores)
    extractor, weights = (_agreed(scores, key, "feature extractor") for key in ("extractor", "extractor_hash"))
    yield "Features", f"{extractor}, weights {_short(weights)}"
    k = _agreed(scores, "k", "number of neighbours k")
    yield "P & R", f"k = {k}, percent; recall as piq computes it (as published), beside it the exact recall"


def _image_counts(spec: TableSpec, planned: Iterable[PlannedCell], scores: Sources) -> str:
    """'cat2dog 500/500/500': generated, paired and full for each task."""
    by_task = {cell.task: scores[cell.scores]["protocol"] for cell in planned if cell.scores and cell.task != ALL_TASKS}
    counts = (
        f"{column.header} {p['n_generated']}/{p['n_real']['paired']}/{p['n_real']['full']}"
        for column in spec.columns
        if (p := by_task.get(column.task))
    )
    return f"generated/paired/full: {', '.join(counts)}"


def _segmentation(spec: TableSpec, planned: Sequence[PlannedCell], sources: Sources) -> Iterator[Line]:
    for column in spec.columns:
        cells = [cell for cell in planned if cell.task == column.task and cell.metric == "mAP"]
        scores = {cell.scores: sources[cell.scores] for cell in cells if cell.scores}
        if not scores:
            continue
        keys = ("drn", "drn_network", "drn_hash")
        network, whose, weights = (_agreed(scores, key, "segmentation network") for key in keys)
        apart = (
            "" if whose == THE_PAPERS else "; not NEGCUT's network, so this column is not comparable with the paper's"
        )
        yield "mAP", f"100 × mean IoU ({column.header}) from {network}, weights {_short(weights)}{apart}"
        real = next(iter(scores.values()))["metrics"].get("segmentation_real")
        if real:
            yield "mAP ceiling", _ceiling(real)


def _ceiling(real: Mapping[str, Any]) -> str:
    """What the same network makes of the real photos: no translation can be expected to score more."""
    overall = ", ".join(f"{name} {_percent(real[name])}" for name in ("mAP", "pixAcc", "classAcc"))
    classes = ", ".join(f"{name} {_percent(value)}" for name, value in real["perClassIoU"].items())
    return f"the real photos score {overall} under this network; IoU: {classes}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _selection(scores: Sources) -> str:
    selection = _agree({path: content.get("selection", "unknown") for path, content in scores.items()}, "selection")
    return {
        "final": "final: the last one of every training",
        "best": "best: the saved one with the lowest FID, chosen on the test set",
    }.get(selection, selection)


def _computed(scores: Sources) -> str:
    """How the steps of every training were computed: one way, or a column would compare two."""
    plain = str(PLAIN)  # as everything was trained that does not say
    computed = _agree({path: content.get("computed", plain) for path, content in scores.items()}, "speed")
    return f"{computed}, as published" if computed == plain else f"{computed}: faster than published, in other digits"


def _midway(scores: Sources) -> Iterator[Line]:
    """Trainings that went on otherwise than they began, where that may have changed their weights."""
    told = {
        f"{content['run']} from iteration {change['iteration']} ({', '.join(change['before'])})"
        for content in scores.values()
        for change in content["changes"]
        if not change["exact"]
    }
    if told:
        yield "Changed midway", f"{'; '.join(sorted(told))}: not the weights of one training throughout"


def _seeds(planned: Iterable[PlannedCell]) -> str:
    seeds = sorted({cell.seed for cell in planned})
    spread = "; mean ± sample standard deviation over n seeds" if len(seeds) > 1 else ""
    return f"{', '.join(map(str, seeds))}{spread}"


def _timing(spec: TableSpec, planned: Iterable[PlannedCell], sources: Sources) -> Iterator[Line]:
    cells = [cell for cell in planned if METRICS[cell.metric].source == "timing" and cell.timing]
    devices = {cell.task: _devices(spec, [c for c in cells if c.task == cell.task], sources) for cell in cells}
    for names in dict.fromkeys(tuple(names) for names in devices.values()):
        yield "sec/iter", f"per translated image, apart from training, synchronised, on {'; '.join(names)}"
    busy = {c.variant: sources[c.timing]["measured"][c.variant] for c in cells if c.timing}
    spreads = ", ".join(f"{variant} {entry['spread']:.0%}" for variant, entry in busy.items() if entry["busy"])
    if spreads:
        yield (
            f"{MARK} Busy machine",
            f"the interquartile range of steps is over {QUIET:.0%} of the median: {spreads}; time them again with "
            "nothing else running",
        )


def _devices(spec: TableSpec, cells: Iterable[PlannedCell], sources: Sources) -> list[str]:
    """Where one sec/iter column was measured; UserError for several devices unless the table allows it."""
    variants: dict[Path, list[str]] = {}
    for cell in cells:
        if cell.timing:
            variants.setdefault(cell.timing, []).append(cell.variant)
    described = {path: _device(sources[path], names) for path, names in variants.items()}
    if spec.mixed_devices:
        return sorted(set(described.values()))
    cure = f"time them on one device, or set 'mixed_devices: true' for table {spec.name}"
    return [_agree(described, "timing device", cure)]


def _device(timing: dict[str, Any], variants: Collection[str]) -> str:
    return f"{timing['device']} ({timing.get('precision', 'unknown precision')}, {sizes(timing, variants)})"


def _places(scores: Sources) -> str:
    """Devices and versions that the scores were computed with."""
    facts = [content["protocol"] for content in scores.values()]
    devices = sorted({str(fact.get("device", "unknown device")) for fact in facts})
    versions = sorted({f"{name} {version}" for fact in facts for name, version in fact.get("versions", {}).items()})
    return ", ".join([*devices, *versions])


def _trained_at(scores: Sources) -> str:
    """'commit 0123abc', or every commit that a run was trained at."""
    commits = sorted({commit_name(content.get("trained_at", {})) for content in scores.values()})
    return f"{'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)}"


def commit_name(git: Mapping[str, Any]) -> str:
    """A commit as `enco.training.provenance.git_state` gives it, short, with the digest of what differed."""
    commit = git.get("commit")
    if not commit:
        return "unknown"
    if git["dirty"] is None:
        return f"{commit[:12]} with unknown changes"
    return f"{commit[:12]} with uncommitted changes {git['diff'][:12]}" if git["dirty"] else str(commit[:12])


def _agreed(scores: Sources, key: str, what: str) -> Any:
    return _agree({path: content["protocol"].get(key) for path, content in scores.items()}, what)


def _agree(values: dict[Path, Any], what: str, cure: str = "remake one of them") -> Any:
    """The one value of all files; UserError names two files that differ, and their values."""
    (first, value), *others = values.items()
    for path, other in others:
        if other != value:
            raise UserError(f"One table cannot mix {what}s: {first} has '{value}', {path} has '{other}'; {cure}.")
    return value


def _short(digest: Any) -> str:
    return f"sha256 {str(digest)[:16]}" if digest else "unknown"
