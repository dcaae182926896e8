"""Checkpoint selection 'best': of a run's saved generators, the one with the lowest distance on the test set."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from enco.data.reading import DEFAULT_READING, Reading
from enco.errors import UserError
from enco.io.files import atomic_path
from enco.methods.base import TranslationDirection
from enco.methods.parts.generator_file import load_generator
from enco.translation import translate_folder
from eval.metrics.extractor import Extractor
from eval.metrics.features import Features, check_comparable
from eval.metrics.fid import fid
from eval.metrics.scores import translated_features
from eval.records import CandidateMetrics, CandidateRecord, SelectionReport
from eval.uncertainty.content import feature_content
from eval.uncertainty.gram import Gram


@dataclass(frozen=True)
class Candidate:
    """A saved generator of a run, and the training iteration of its weights."""

    path: Path
    iteration: int


@dataclass(frozen=True)
class Comparison:
    """What translations are compared with: features of their sources, and of the paired real set."""

    sources: Features
    real: Features

    def measure(self, images: Features) -> CandidateMetrics:
        """Measure translations of the sources, or the sources themselves.

        Raises UserError for features of another extractor, and for translations of other images.
        """
        check_comparable(self.real, images)
        content = feature_content(self.sources, images)
        return CandidateMetrics(
            frechet_distance=fid(self.real.features, images.features),
            kid=Gram.of(images.features, self.real.features).kid(),
            **{name: float(values.mean()) for name, values in content.items()},
        )


@dataclass(frozen=True)
class Scored:
    """A candidate with the metrics of its translations."""

    candidate: Candidate
    metrics: CandidateMetrics


def chosen_on(distance: str) -> str:
    """Say how the generator was chosen, by the distance's name."""
    return f"The generator was chosen on the test set: it has the lowest {distance} there, of equals it is the latest."


def find_candidates(run: Path) -> list[Candidate]:
    """List the snapshots of a run folder, oldest first, and last the run's final generator.

    Snapshots of another training, by their config_hash, are named and left out. Raises UserError if none is left.
    """
    final = run / "generator.safetensors"
    about = load_generator(final).metadata
    snapshots = []
    for path in sorted((run / "snapshots").glob("*.safetensors")):
        metadata = load_generator(path).metadata
        if metadata.get("config_hash") == about.get("config_hash"):
            snapshots.append(Candidate(path, int(metadata["iteration"])))
        else:
            print(f"{path} is of another training than {final} and ignored.", flush=True)
    if not snapshots:
        raise UserError(
            f"{run} has no snapshots to choose from: set train.snapshot_epochs to at most the number of epochs, move"
            " this folder away and train again."
        )
    return [*sorted(snapshots, key=lambda snapshot: snapshot.iteration), Candidate(final, int(about["iteration"]))]


def score_candidate(
    generator: Path,
    images: Path,
    compared: Comparison,
    extractor: Extractor,
    *,
    direction: TranslationDirection = "forward",
    batch_size: int = 8,
    reading: Reading = DEFAULT_READING,
) -> CandidateMetrics:
    """Return the metrics of a generator's translations of a folder, and keep no translation.

    Raises UserError as `translate_folder` and `Comparison.measure` do.
    """
    with TemporaryDirectory(prefix="enco-select-") as temporary:
        out = Path(temporary) / "translated"
        translate_folder(
            generator, images, out, extractor.device, direction=direction, batch_size=batch_size, reading=reading
        )
        found = translated_features(out, {"paired": compared.real}, extractor, batch_size, reading.recursive)
    return compared.measure(found)


def choose(scored: Sequence[Scored]) -> Candidate:
    """Return the candidate with the lowest distance, of equals the last."""
    return min(reversed(scored), key=lambda one: one.metrics.frechet_distance).candidate


def write_selection(chosen: Candidate, scored: Sequence[Scored], compared: Comparison, out: Path, report: Path) -> None:
    """Copy the chosen generator file to `out`, and write the metrics of every candidate to `report` (JSON)."""
    with atomic_path(out) as partial:
        shutil.copyfile(chosen.path, partial)
    _report(chosen, scored, compared).write(report)


def _report(chosen: Candidate, scored: Sequence[Scored], compared: Comparison) -> SelectionReport:
    real = compared.real
    return SelectionReport(
        chosen=chosen.path.name,
        iteration=chosen.iteration,
        note=chosen_on(real.extractor.distance),
        extractor=str(real.extractor),
        extractor_hash=real.extractor_hash,
        distance=real.extractor.distance,
        n_real=len(real),
        untranslated=compared.measure(compared.sources),
        candidates=[
            CandidateRecord(file=one.candidate.path.name, iteration=one.candidate.iteration, **dict(one.metrics))
            for one in scored
        ],
    )
