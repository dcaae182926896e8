"""How a table's numbers were made, read from the scores and timing files; numbers made differently are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from enco.config.compute import PLAIN
from enco.errors import UserError
from enco.records import GitState
from eval.extractors import FID, distance_name
from eval.records import ImagesSource, Scores, SegmentationMetrics, Selection, Timing
from eval.segmentation.releases import THE_PAPERS
from eval.tables.agreement import ScoredFiles, agree, agreed, short
from eval.tables.layout import MARK
from eval.tables.planned import PlannedCell, is_timed
from eval.tables.scored_images import check_resampled, describe_images
from eval.tables.sources import Sources
from eval.tables.spec import ALL_TASKS, TableSpec
from eval.tables.training_settings import describe_devices, describe_settings
from eval.timing.table import QUIET, sizes
from eval.uncertainty.records import Uncertainty

ProtocolLine = tuple[str, str]
"""What a line of the protocol is about, and what holds."""
ScoresFiles = Mapping[Path, Scores]
SELECTIONS: dict[Selection, str] = {
    "final": "final: the last one of every training",
    "best": "best: the saved one with the lowest {distance}, chosen on the test set",
}

WRITTEN_AT = "Table written at"


@dataclass(frozen=True)
class Provenance:
    """Facts that the files do not hold: the scale, whether numbers compare with the paper's, and the code's commit.

    `part` names the rows and columns that were asked for, where the table is not whole; `so_far` says when the table
    was written, where some numbers may still come. `distance` is what the Fréchet distance of the features is called.
    `has_seeds` is False for generators that others trained.
    """

    scale: str
    comparable: bool = False
    part: str = ""
    so_far: str = ""
    commit: str = "unknown"
    distance: str = FID
    has_seeds: bool = True


def protocol(
    spec: TableSpec, planned: Sequence[PlannedCell], sources: Sources, provenance: Provenance
) -> list[ProtocolLine]:
    """Return the protocol of one table, line by line.

    Raises UserError where the numbers were not made alike: scale, checkpoint selection, how trainings compute, the
    preparation of images, extractor, k or the draws of images differ between runs, the images, label maps or the
    segmentation network within a task, the device or how steps compute within a sec/iter column, the device within a
    column of training times; and where an uncertainty is of another k or other counts of images than its scores.
    """
    scores, scored = sources.scores, sources.scored
    _check_scale(scored, provenance.scale)
    check_resampled(planned, sources)
    return [
        *([("So far", provenance.so_far)] if provenance.so_far else []),
        ("Scale", describe_scale(provenance)),
        *([("Part of the table", f"only {provenance.part}")] if provenance.part else []),
        *([("Data", _data(spec, planned, scores))] if scores else []),
        *(_features(spec, scored, provenance) if scored else []),
        *_segmentation(spec, planned, scored),
        *([("Checkpoint", _selection(scores, provenance.distance))] if scores else []),
        *([("Seeds", _seeds(planned))] if provenance.has_seeds else []),
        *_beside(sources.uncertainties),
        *_sampling(sources.uncertainties),
        *([("Trained with", describe_settings(spec, planned, scores))] if scores else []),
        *([("Computed in", _computed(scores))] if scores else []),
        *_midway(scores),
        *_timing(spec, planned, sources),
        *([("Evaluated on", _evaluated_on(scored))] if scored else []),
        *([("Trained on", describe_devices(spec, planned, scores))] if scores else []),
        *([("Trained at", _trained_at(scores))] if scores else []),
        (WRITTEN_AT, f"commit {provenance.commit}"),
        *(("Note", note) for note in spec.notes),
    ]


def _check_scale(scores: ScoredFiles, scale: str) -> None:
    for path, content in scores.items():
        if content.scale != scale:
            raise UserError(f"{path} was made at scale '{content.scale}', the table is at '{scale}': remake it.")


def describe_scale(provenance: Provenance) -> str:
    """Name the scale, and say whether its numbers compare with the paper's."""
    scale = provenance.scale
    if provenance.comparable:
        return f"{scale}: the paper's data, sizes, schedules and weights"
    if scale == "demo":
        return (
            "demo: these numbers are not comparable with the paper's (procedural images, small networks, few "
            "iterations, other features and another segmentation network)"
        )
    return f"{scale}: these numbers are not comparable with the paper's (other data or settings)"


def drawn_at(provenance: Provenance) -> str:
    """Name the scale and the commit of a figure."""
    return f"Scale {describe_scale(provenance)}; drawn at commit {provenance.commit}"


def _data(spec: TableSpec, planned: Sequence[PlannedCell], scores: ScoresFiles) -> str:
    """Return what each column's images were made from: 'Horse→Zebra: horse2zebra.zip (sha256 a74d9d392eec)'."""
    names = []
    for column in spec.columns:
        files = sorted({cell.scores for cell in planned if cell.task == column.task and cell.scores})
        if column.task != ALL_TASKS and files:
            digest = agree({path: scores[path].data.hash for path in files}, "data sets")
            names.append(f"{column.header}: {data_name(digest, scores[files[0]].data.source)}")
    return "; ".join(names)


def data_name(digest: str, source: ImagesSource) -> str:
    """Name the archives with their hashes and the filter, where these are known; else the hash of all images."""
    archives = [f"{archive.name} (sha256 {archive.sha256[:12]})" for archive in source.archives]
    filtered = [f"photo filter {source.photo_filter}"] if source.photo_filter else []
    return " + ".join([*archives, *filtered]) or f"images of manifest {digest[:12]}"


def _features(spec: TableSpec, scores: ScoredFiles, provenance: Provenance) -> Iterator[ProtocolLine]:
    yield (
        "Real set",
        "paired (the headline): one real image for each input file, as the published test scripts leave them (where "
        "targets are fewer they repeat, where they are more later ones overwrite the first), which most of the paper's "
        "P & R digits imply, and its FIDs by analogy; full: every target test image once",
    )
    yield from describe_images(spec, scores)
    extractor = agreed(scores, lambda one: one.protocol.extractor, "feature extractors")
    weights = agreed(scores, lambda one: one.protocol.extractor_hash, "feature extractors")
    yield "Features", f"{extractor}, weights {short(weights)}"
    yield from _distance(scores, provenance.distance)
    k = agreed(scores, lambda one: one.protocol.k, "numbers of neighbours k")
    yield "P & R", f"k = {k}, percent; recall as piq computes it (as published), beside it the exact recall"


def _distance(scores: ScoredFiles, name: str) -> Iterator[ProtocolLine]:
    """Say of other features than Inception's that their distance is not FID; UserError for another distance's files."""
    found = agreed(scores, lambda one: one.protocol.distance, "distances")
    if found != name:
        raise UserError(f"The scores files hold {found}, and the table is of {name}: remake them.")
    if name != FID:
        yield name, "the Fréchet distance of these features; FID is that of Inception's, and does not compare with it"


def _segmentation(spec: TableSpec, planned: Sequence[PlannedCell], scores: ScoredFiles) -> Iterator[ProtocolLine]:
    for column in spec.columns:
        cells = [cell for cell in planned if cell.task == column.task and cell.metric == "mAP"]
        scored = {cell.scored: scores[cell.scored] for cell in cells if cell.scored}
        if not scored:
            continue
        network = agreed(scored, lambda one: one.protocol.drn, "segmentation networks")
        source = agreed(scored, lambda one: one.protocol.drn_network, "segmentation networks")
        weights = agreed(scored, lambda one: one.protocol.drn_hash, "segmentation networks")
        agreed(scored, lambda one: short(one.protocol.images.get("labels")), "sets of label maps")
        apart = (
            "" if source == THE_PAPERS else "; not NEGCUT's network, so this column is not comparable with the paper's"
        )
        yield "mAP", f"100 × mean IoU ({column.header}) from {network}, weights {short(weights)}{apart}"
        real = next(iter(scored.values())).metrics.segmentation_real
        if real:
            yield "mAP ceiling", _ceiling(real)


def _ceiling(real: SegmentationMetrics) -> str:
    """Return what the same network makes of the real photos: no translation can be expected to score more."""
    values = {"mAP": real.mAP, "pixAcc": real.pixAcc, "classAcc": real.classAcc}
    overall = ", ".join(f"{name} {_percent(value)}" for name, value in values.items())
    classes = ", ".join(f"{name} {_percent(value)}" for name, value in real.perClassIoU.items())
    return f"the real photos score {overall} under this network; IoU: {classes}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _selection(scores: ScoresFiles, distance: str) -> str:
    return SELECTIONS[agreed(scores, lambda one: one.selection, "selections")].format(distance=distance)


def _computed(scores: ScoresFiles) -> str:
    """Return how the steps of every training were computed: one way, or a column would compare two."""
    computed = agreed(scores, lambda one: one.computed, "speeds")
    plain = computed == str(PLAIN)
    return f"{computed}, as published" if plain else f"{computed}: faster than published, in other digits"


def _midway(scores: ScoresFiles) -> Iterator[ProtocolLine]:
    """Name trainings that went on otherwise than they began, where that may have changed their weights."""
    changed = {
        f"{content.run} from iteration {change.iteration} ({', '.join(change.before)})"
        for content in scores.values()
        for change in content.changes
        if not change.exact
    }
    if changed:
        yield "Changed midway", f"{'; '.join(sorted(changed))}: not the weights of one training throughout"


def _seeds(planned: Iterable[PlannedCell]) -> str:
    seeds = sorted({cell.seed for cell in planned})
    spread = "; means over n seeds, 'seeds ±' their sample standard deviation" if len(seeds) > 1 else ""
    return f"{', '.join(map(str, seeds))}{spread}"


def _beside(uncertainties: Mapping[Path, Uncertainty]) -> Iterator[ProtocolLine]:
    """Name the further extractors, and say that their distances are no other's."""
    for name in dict.fromkeys(name for one in uncertainties.values() for name in one.beside):
        used = {path: one.beside[name] for path, one in uncertainties.items() if name in one.beside}
        weights = short(agree(used, f"{name} weights"))
        yield distance_name(name), f"the Fréchet distance of the features of {name}, weights {weights}; it is no FID"


def _sampling(uncertainties: Mapping[Path, Uncertainty]) -> Iterator[ProtocolLine]:
    """Say what ± is, where it stands; differences are paired only if all sets were drawn alike."""
    known = {path: f"{one.replicates} draws of seed {one.seed}" for path, one in uncertainties.items() if one.is_sure}
    if known:
        drawn = agree(known, "resamplings")
        yield (
            "±",
            f"sampling standard deviation: how far other test images would move the number, from {drawn} of these;"
            " every row has the same draws, so that differences are paired",
        )


def _timing(spec: TableSpec, planned: Iterable[PlannedCell], sources: Sources) -> Iterator[ProtocolLine]:
    timed = [(cell, sources.timing[cell.timing]) for cell in planned if is_timed(cell.metric) and cell.timing]
    tasks = dict.fromkeys(cell.task for cell, _ in timed)
    devices = [_devices(spec, [cell for cell, _ in timed if cell.task == task], sources) for task in tasks]
    for names in dict.fromkeys(map(tuple, devices)):
        yield "sec/iter", f"per translated image, apart from training, synchronised, on {'; '.join(names)}"
    measured = {cell.variant: timing.measured[cell.variant] for cell, timing in timed}
    spreads = ", ".join(f"{variant} {one.spread:.0%}" for variant, one in measured.items() if one.busy)
    if spreads:
        yield (
            f"{MARK} Busy machine",
            f"the interquartile range of steps is over {QUIET:.0%} of the median: {spreads}; time them again with "
            "nothing else running",
        )


def _devices(spec: TableSpec, cells: Iterable[PlannedCell], sources: Sources) -> list[str]:
    """Return where one sec/iter column was measured; UserError for several devices unless the table allows them."""
    variants: dict[Path, list[str]] = {}
    for cell in cells:
        if cell.timing:
            variants.setdefault(cell.timing, []).append(cell.variant)
    described = {path: _device(sources.timing[path], names) for path, names in variants.items()}
    if spec.mixed_devices:
        return sorted(set(described.values()))
    cure = f"time them on one device, or set 'mixed_devices: true' for table {spec.name}"
    return [agree(described, "timing devices", cure)]


def _device(timing: Timing, variants: Collection[str]) -> str:
    return f"{timing.device} ({timing.precision}, {sizes(timing, variants)})"


def _evaluated_on(scores: ScoredFiles) -> str:
    """Return the devices and versions that the scores were computed with."""
    used = [content.protocol for content in scores.values()]
    devices = sorted({one.device for one in used})
    versions = sorted({f"{name} {version}" for one in used for name, version in one.versions.items()})
    return ", ".join([*devices, *versions])


def _trained_at(scores: ScoresFiles) -> str:
    """Return 'commit 0123abc', or every commit that a run was trained at."""
    commits = sorted({commit_name(content.trained_at) for content in scores.values()})
    return f"{'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)}"


def commit_name(git: GitState) -> str:
    """Return a commit, short, with the digest of what differed."""
    if not git.commit:
        return "unknown"
    if git.dirty is None:
        return f"{git.commit[:12]} with unknown changes"
    return f"{git.commit[:12]} with uncommitted changes {(git.diff or '')[:12]}" if git.dirty else git.commit[:12]
