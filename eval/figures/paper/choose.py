"""Choose the test images of a figure by how much of their content a translation keeps, or by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from enco.data.folders import name_in, output_names, printable
from enco.errors import UserError, unknown
from eval.figures.paper.options import PIXEL_SCORES, ContentScore
from eval.figures.paper.planned import PlannedTask

PLACES = {100: "best", 50: "median", 0: "worst"}
LOWER_IS_BETTER = ("content_l2",)


@dataclass(frozen=True)
class Chosen:
    """One test image of a figure."""

    place: str
    """`best`, `75 %`, `median`, `worst`, or the image's name."""
    translation: str
    """File name of its translations, with .png."""
    source: Path

    @property
    def name(self) -> str:
        """The name of a translation without .png."""
        return self.translation.removesuffix(".png")

    @property
    def label(self) -> str:
        """The name as it prints, and the place where that is another text."""
        name = printable(self.name)
        return name if self.place == self.name else f"{name}\n{self.place}"


def choose_images(task: PlannedTask, wanted: Sequence[int | str], score: ContentScore) -> list[Chosen]:
    """Return the test images at percentiles of the judge's content scores, and those of the other names.

    Raises UserError for a name that no test image has, for features or translations that are missing, and for
    translations of other test images.
    """
    sources = sources_by_translation(task)
    by_score = [place for place in wanted if isinstance(place, int)]
    ranked = rank(*_scores(task, score), ascending=score not in LOWER_IS_BETTER) if by_score else []
    return [_chosen(task, place, sources, ranked) for place in wanted]


def sources_by_translation(task: PlannedTask) -> dict[str, Path]:
    """Return a task's test images by the file names of their translations; UserError for a folder without images."""
    return {name: file for file, name in output_names(task.reading.files(task.sources), task.sources).items()}


def rank(files: Sequence[str], values: NDArray[np.float64], *, ascending: bool) -> list[str]:
    """Return files from the worst to the best; of equal values the earlier file is the worse."""
    order = np.argsort(values if ascending else -values, kind="stable")
    return [files[number] for number in order]


def at_percentile(ranked: Sequence[str], percent: int) -> str:
    """Return the file at a percentile from the worst (0) to the best (100), the lower of two."""
    return ranked[percent * (len(ranked) - 1) // 100]


def _chosen(task: PlannedTask, wanted: int | str, sources: dict[str, Path], ranked: Sequence[str]) -> Chosen:
    if isinstance(wanted, int):
        translation = at_percentile(ranked, wanted)
        if translation not in sources:
            raise UserError(
                f"{task.sources} has no image of {printable(translation)}, which is among the translations of"
                f" {task.judge.label}: remove {task.judge.translated} and call again."
            )
        return Chosen(PLACES.get(wanted, f"{wanted} %"), translation, sources[translation])
    if (translation := f"{wanted}.png") not in sources:
        names = [name.removesuffix(".png") for name in sources]
        raise unknown("test image", wanted, names, f"a figure of {task.task}")
    return Chosen(wanted, translation, sources[translation])


def _scores(task: PlannedTask, score: ContentScore) -> tuple[Sequence[str], NDArray[np.float64]]:
    """Return the judge's translations by file name, with the score of each."""
    from eval.metrics.features import load_features
    from eval.uncertainty.content import feature_content, pixel_content

    if score in PIXEL_SCORES:
        files = [name_in(task.judge.translated, file) for file in task.reading.files(task.judge.translated)]
        return files, pixel_content(task.sources, task.judge.translated, task.size, task.reading)[score]
    translations = load_features(task.judge.features)
    return translations.files, feature_content(load_features(task.source_features), translations)[score]
