"""Score one set of translations under each alternative to the protocol's choices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from enco.data.folders import stem_in
from enco.data.reading import Reading
from eval.config import NetworkName, Preparation
from eval.metrics.extraction import extract_features
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features
from eval.metrics.resizing import at_entrance
from eval.metrics.scores import compare
from eval.segmentation.scores import score_folder
from eval.segmentation.weights import load_segmenter
from eval.sensitivity.choices import Alternatives, Size, spelled
from eval.sensitivity.real import read_real
from eval.sensitivity.record import Outcome, of_features

Outcomes = dict[str, dict[str, Outcome]]


@dataclass(frozen=True)
class Segmentation:
    """The label maps of a task, and the scale's own segmentation network."""

    labels: Path
    weights: Path
    network: NetworkName
    sha256: str
    size: Size


@dataclass(frozen=True)
class Translations:
    """Translated test images with their features and the paired real set's, both under the scale's own protocol."""

    folder: Path
    features: Features
    paired: Features
    real: Path
    """Folder of the real images' features under the alternatives."""
    k: int
    extractor: Extractor
    segmentation: Segmentation | None
    reading: Reading
    batch_size: int = 8


def measure(images: Translations, asked: Alternatives) -> Outcomes:
    """Score translations under every alternative, each with all else as the scale has it.

    What an alternative does not touch is not computed again. Raises UserError for images that do not decode, and for
    features of real images that are missing.
    """
    found: Outcomes = {}
    steps = (_neighbours, _rounding, _resizes, _network_resizes, _jpegs, _segmentations)
    for choice, setting, outcome in (one for step in steps for one in step(images, asked)):
        found.setdefault(choice, {})[spelled(setting)] = outcome
    return found


Step = Iterator[tuple[str, object, Outcome]]


def _neighbours(images: Translations, asked: Alternatives) -> Step:
    for k in asked.k:
        yield "k", k, _outcome(images.paired, images.features, k)


def _rounding(images: Translations, asked: Alternatives) -> Step:
    for rounding in asked.legacy_rounding:
        real = read_real(images.real, "legacy_rounding", rounding, images.paired)
        yield "legacy_rounding", rounding, _outcome(real, images.features, images.k)


def _resizes(images: Translations, asked: Alternatives) -> Step:
    for kind in asked.resize:
        real = read_real(images.real, "resize", kind, images.paired)
        if _have_size(images, real.size):
            generated = replace(images.features, filter=kind)
        else:
            own = Preparation(size=real.size, levels=real.levels, filter=kind)
            generated = _extracted(images, images.folder, images.extractor, own)
        yield "resize", kind, _outcome(real, generated, images.k)


def _network_resizes(images: Translations, asked: Alternatives) -> Step:
    for kind in asked.network_resize:
        real = read_real(images.real, "network_resize", kind, images.paired)
        network = replace(images.extractor, resize=at_entrance(kind))
        generated = _extracted(images, images.folder, network, _preparation(images))
        yield "network_resize", kind, _outcome(real, generated, images.k)


def _jpegs(images: Translations, asked: Alternatives) -> Step:
    for quality in asked.jpeg:
        with TemporaryDirectory(prefix="enco-jpeg-") as temporary:
            save_as_jpeg(images.folder, Path(temporary), quality, images.reading)
            generated = _extracted(images, Path(temporary), images.extractor, _preparation(images))
            outcome = _outcome(images.paired, generated, images.k)
            if used := images.segmentation:
                found = _map_of(images, Path(temporary), used.weights, used.network, used.sha256, used.size)
                outcome = outcome.model_copy(update={"values": outcome.values | found})
        yield "jpeg", quality, outcome


def _segmentations(images: Translations, asked: Alternatives) -> Step:
    if (used := images.segmentation) is None:
        return
    for network, weights in asked.drn_weights.items():
        yield "drn_weights", network, Outcome(values=_map_of(images, images.folder, weights, network, "", used.size))
    for size in asked.drn_size:
        found = _map_of(images, images.folder, used.weights, used.network, used.sha256, size)
        yield "drn_size", size, Outcome(values=found)


def save_as_jpeg(folder: Path, out: Path, quality: int, reading: Reading) -> None:
    """Store every image of a folder again, as JPEG of a quality with PIL's other defaults, under the same stem."""
    for file in reading.files(folder):
        target = out / f"{stem_in(folder, file)}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        reading.load(file).save(target, quality=quality)


def _outcome(real: Features, generated: Features, k: int) -> Outcome:
    """Compare two sets of features; only the reason where one has too few for a k that is tried."""
    found = compare(real, generated, k)
    if found.missing:
        return Outcome(reason=next(iter(found.missing.values())))
    return Outcome(values=of_features(found))


def _extracted(images: Translations, folder: Path, extractor: Extractor, preparation: Preparation) -> Features:
    files = images.reading.files(folder)
    return extract_features(files, extractor, preparation, batch_size=images.batch_size, root=folder)


def _preparation(images: Translations) -> Preparation:
    own = images.features
    return Preparation(size=own.size, levels=own.levels, filter=own.filter)


def _have_size(images: Translations, side: int) -> bool:
    """Say whether all images are side x side pixels, so that no filter touches them; only headers are read."""
    for file in images.reading.files(images.folder):
        with Image.open(file) as image:
            if side and image.size != (side, side):
                return False
    return True


def _map_of(
    images: Translations, folder: Path, weights: Path, network: NetworkName, sha256: str, size: Size
) -> dict[str, float]:
    """Return the mAP of a folder under a segmentation network, where any class occurs."""
    assert images.segmentation
    segmenter = load_segmenter(weights, images.extractor.device, network, sha256)
    labels = images.segmentation.labels
    found = score_folder(folder, labels, segmenter, size, images.batch_size, images.reading)
    return {} if found.metrics.mAP is None else {"mAP": found.metrics.mAP}
