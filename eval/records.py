"""Records of features, scores, selections and timings: files that one stage writes and others read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from enco.config.compute import ComputeConfig
from enco.config.run import Levels
from enco.errors import UserError
from enco.io.files import read_json
from enco.records import Change, FileRecord, GitState, Record, first_mistake
from eval.config import NetworkName
from eval.extractors import INPUT_SIZE, PREPARATION, distance_name

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A measured number: finite, and neither text nor a truth value."""
Selection = Literal["final", "best"]
"""Which of a training's generators translated."""
ALONE = "images"
"""In place of a set of real images, for what a set of images tells without one."""
R = TypeVar("R", bound="FileRecord")


class SparseRecord(Record):
    """A part of a file that is written without the keys that were not given."""

    @model_serializer(mode="wrap")
    def _without_unset(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if key in self.model_fields_set}


class ExtractorRecord(Record):
    """A feature extractor: the kind of network, the seed of drawn weights, and the side in pixels of images.

    `preparation` is the version of what the extractor does to images and takes as features (`eval.extractors`).
    """

    kind: str
    seed: int | None = None
    input_size: int = INPUT_SIZE["inception"]
    preparation: int = 1

    @property
    def distance(self) -> str:
        """What the Fréchet distance of the features is called."""
        return distance_name(self.kind)

    def __str__(self) -> str:
        seed = [] if self.seed is None else [f"seed={self.seed}"]
        usual = INPUT_SIZE.get(self.kind, INPUT_SIZE["inception"])
        side = [] if self.input_size == usual else [f"input={self.input_size}"]
        version = [] if self.preparation == PREPARATION.get(self.kind, 1) else [f"preparation={self.preparation}"]
        return f"{self.kind}({', '.join([*seed, *side, *version])})" if seed or side or version else self.kind


class RealSetMetrics(SparseRecord):
    """Metrics of translations against one set of real images; all but the distance are percentages."""

    frechet_distance: Number | None = None
    """FID or, of other features than Inception's, what `ScoresProtocol.distance` says."""
    precision: Number | None = None
    recall: Number | None = None
    recall_exact: Number | None = None
    missing: dict[str, str] = Field(default_factory=dict)
    """Why metrics are None."""

    @model_validator(mode="after")
    def _has_each_number_or_a_reason(self) -> RealSetMetrics:
        for name in ("frechet_distance", "precision", "recall", "recall_exact"):
            if getattr(self, name) is None and name not in self.missing:
                raise ValueError(f"there is neither a number '{name}' nor a reason")
        return self


class SegmentationMetrics(Record):
    """Percentages of a segmentation network on one set of photos; None where no class occurs."""

    mAP: Number | None
    pixAcc: Number | None
    classAcc: Number | None
    perClassIoU: dict[str, Number | None]


class SegmentationProtocol(Record):
    """The segmentation network behind `SegmentationMetrics`, and how the photos were shown to the network."""

    drn: str
    """The network as tables name it."""
    drn_network: NetworkName
    drn_hash: str
    drn_size: list[int]
    """Width and height of photos, in pixels."""
    n: int
    """Photos."""


class SegmentationScores(FileRecord):
    """A file of `python -m eval segmentation`."""

    metrics: SegmentationMetrics
    protocol: SegmentationProtocol


class RunMetrics(SparseRecord):
    """Every metric of one set of images on one task, by what the images are compared with."""

    paired: RealSetMetrics
    full: RealSetMetrics
    segmentation: SegmentationMetrics | None = None
    """None for a task without label maps."""
    segmentation_real: SegmentationMetrics | None = None
    """Of the real photos: the ceiling."""


class ScoresProtocol(SparseRecord):
    """How the metrics of one set of images were computed."""

    extractor: str
    """The extractor's name in print."""
    extractor_settings: ExtractorRecord
    extractor_hash: str
    distance: str
    """What the Fréchet distance of these features is called."""
    size: int
    """Side in pixels that images were resized to before the extractor's own resize; 0 for their own size."""
    filter: str
    levels: Levels
    n_generated: int
    n_real: dict[str, int]
    """Real images by set."""
    images: dict[str, str] = Field(default_factory=dict)
    """A hash of the test images (`enco.data.manifest.hash_images`): sources, real, and labels where there are any."""
    legacy_rounding: bool
    k: int
    """Neighbours of precision and recall."""
    drn: str | None = None
    """The segmentation network in print; None, as the next three, for a task without label maps."""
    drn_network: NetworkName | None = None
    drn_hash: str | None = None
    drn_size: list[int] | None = None
    device: str
    versions: dict[str, str | None]
    code: str = ""
    """Digest of the code that translated and scored."""


class Archive(Record):
    """A published archive that images were unpacked from."""

    name: str
    bytes: int
    sha256: str


class ImagesSource(SparseRecord):
    """A manifest's account of where images come from; without archives where the images are the user's own."""

    model_config = ConfigDict(extra="allow")

    archives: tuple[Archive, ...] = ()
    photo_filter: str | None = None


class DataRecord(Record):
    """Hash and source of the training images."""

    hash: str
    source: ImagesSource


class SetScores(FileRecord):
    """Every metric of one set of images on one task, with how each was computed."""

    task: str
    scale: str
    metrics: RunMetrics
    protocol: ScoresProtocol


class Scores(SetScores):
    """A scores file: the metrics of one run's translations, with the run."""

    run: str
    selection: Selection
    config_hash: str
    trained_at: GitState
    trained_on: str = ""
    """The device that the training ended on, which its time is of."""
    settings: dict[str, Any]
    """Settings of the training that are not the method's defaults."""
    computed: str
    """How the training's steps were computed, for people."""
    changes: list[Change]
    data: DataRecord
    training_time_hours: Number
    model_size_millions: Number


class ImportedScores(SetScores):
    """The scores file of a generator that others trained."""

    source: Literal["authors"] = "authors"
    imported: dict[str, Any]
    """The record of the import: method, files with their hashes, and what was made of them."""


class HalfTiming(Record):
    """Statistics over the timed steps of one half of training, in seconds."""

    median: Number
    mean: Number
    iqr: Number
    """Interquartile range."""
    n: int


class Measurement(Record):
    """The seconds of one variant, and the images that the variant was fed."""

    size: int
    """Side of the images, in pixels."""
    batch_size: int
    images_per_iteration: int
    """Images of each domain that one step translates."""
    first_half: HalfTiming
    second_half: HalfTiming
    sec_per_step: Number
    """Mean of both halves' medians."""
    sec_per_iter: Number
    """Seconds of a step for each translated image: the headline."""
    iqr: Number
    """Mean of both halves' interquartile ranges, for each translated image."""
    spread: Number
    """Larger quotient of interquartile range and median of the two halves."""
    busy: bool
    """Whether the spread says that the machine had other work."""
    legacy: Number
    """Average that CycleGAN's and CUT's trainings print."""


class TimedVariant(Record):
    """A variant that was asked for: method, options, and the digest of each file of the method's code."""

    method: str
    options: dict[str, Any]
    sources: dict[str, str]


class TimingRequest(Record):
    """Variants that were to be timed, and the way that steps were to be computed."""

    compute: ComputeConfig
    variants: dict[str, TimedVariant]


class Timing(FileRecord):
    """A timing file: seconds per iteration of several variants on one device."""

    device: str
    precision: str
    compute: list[str]
    """How steps were computed, where not plainly: one sentence each."""
    versions: dict[str, str | None]
    size: int
    batch_size: int | None
    """Batch size of variants that name none; None for each method's own."""
    warmup: int
    iterations: int
    measured: dict[str, Measurement]
    errors: dict[str, str]
    """Why a variant could not be timed."""
    options: dict[str, dict[str, Any]]
    """Options that are not the method's defaults, by variant."""
    asked: TimingRequest


class CandidateMetrics(Record):
    """Metrics of translated test images: against the paired real set, and image by image against the sources."""

    frechet_distance: Number
    """FID or, of other features than Inception's, what `SelectionReport.distance` says."""
    kid: Number
    content_cosine: Number
    """Mean cosine similarity of the features of an image and of its translation."""
    content_l2: Number
    """Mean Euclidean distance of these features."""


class CandidateRecord(CandidateMetrics):
    """A saved generator of a training: its file, the iteration of its weights, and its metrics."""

    file: str
    iteration: int


class SelectionReport(FileRecord):
    """A report of `python -m eval select`: every saved generator of a training, and which of them was chosen."""

    chosen: str
    iteration: int
    note: str
    extractor: str
    extractor_hash: str
    distance: str
    """What the Fréchet distance of these features is called."""
    n_real: int
    untranslated: CandidateMetrics
    """The same metrics of the sources themselves: what a translation has to beat."""
    candidates: list[CandidateRecord]


def read_scores(path: Path) -> Scores:
    """Read a scores file; UserError for a file that is missing or that another version wrote."""
    return read_file(Scores, path, "scores file", "delete the file and have it made again")


def read_reference(path: Path) -> SetScores:
    """Read the scores of untranslated inputs; UserError for a file that is missing or that another version wrote."""
    return read_file(SetScores, path, "scores file", "delete the file and have it made again")


def read_segmentation(path: Path) -> SegmentationScores:
    """Read a file of `python -m eval segmentation`; UserError for a file that is missing or of another version."""
    return read_file(
        SegmentationScores, path, "file of segmentation scores", "make one by `python -m eval segmentation`"
    )


def read_selection(path: Path) -> SelectionReport:
    """Read a report of `python -m eval select`; UserError for one that is missing or that another version wrote."""
    return read_file(SelectionReport, path, "selection report", "delete the file and have it made again")


def read_timing(path: Path) -> Timing:
    """Read a timing file; UserError for a file that is missing or that another version wrote."""
    cure = "delete the file and have it made again, or make another by `python -m eval.timing --out FILE`"
    return read_file(Timing, path, "timing file", cure)


def replicates_file(uncertainty: Path) -> Path:
    """Return the replicates that belong to a file of uncertainties."""
    return uncertainty.with_name(f"{uncertainty.name.removesuffix('.uncertainty.json')}.replicates.npz")


def read_file(model: type[R], path: Path, kind: str, cure: str) -> R:
    """Read a file of a kind; UserError, with the cure, for one that is missing or that another version wrote."""
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(_describe(error, path, kind, cure)) from error


def _describe(error: ValidationError, path: Path, kind: str, cure: str) -> str:
    """Say in one sentence what is wrong with a file."""
    mistake = error.errors(include_url=False)[0]
    key = ".".join(map(str, mistake["loc"]))
    if mistake["type"] in ("float_type", "finite_number"):
        return f"'{key}' in {path} is {mistake['input']}, not a finite number: delete the file and measure it again."
    return f"{path} is no {kind} of this version ({first_mistake(error)}): {cure}."
