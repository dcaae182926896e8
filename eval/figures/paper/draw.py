"""Draw a figure of the paper, and write it with its caption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from eval.figures.paper.options import ComparisonOptions, ComponentOptions, FrequencyOptions, SimilarityOptions
from eval.figures.paper.panels import save_figure
from eval.figures.paper.planned import PlannedPaperFigure

TITLES = {
    "figure1": "Similarity of every cell of an image to two cells of its translation, exp(q · k / tau).",
    "figure2": "How often the content loss looked at each cell of one test image, and what came of that image.",
    "figure6": "The first three principal components of the generators' features, as red, green and blue.",
}
COMPARISON = "Test images and their translations."
BY_RULE = "Images are chosen by rule, the worst among them, so that a failure shows."


def write_paper_figure(planned: PlannedPaperFigure, files: Mapping[str, Path], made: str) -> None:
    """Draw a figure, and write it (`pdf`, `png`) with its caption (`txt`); UserError for what cannot be drawn.

    `made` names the scale and the commit.
    """
    figure, said = draw(planned)
    save_figure(figure, "\n".join([*about(planned, made), *said, *planned.lacks]), files)


def about(planned: PlannedPaperFigure, made: str) -> list[str]:
    """Return the sentences of a caption that say which figure it is, what it was made of, and by which choices."""
    title = TITLES.get(planned.name, COMPARISON)
    return [
        f"Figure {planned.name.removeprefix('figure')}. {title}",
        f"{made}; seed {planned.seed}.",
        *([BY_RULE] if 0 in getattr(planned.options, "images", ()) else []),
        planned.choices,
    ]


def draw(planned: PlannedPaperFigure) -> tuple[Figure, list[str]]:
    """Return a figure, and sentences on what is in it and what is not there."""
    options = planned.options
    if isinstance(options, ComparisonOptions):
        from eval.figures.paper.comparison import draw_comparison

        return draw_comparison(planned, options)
    if isinstance(options, FrequencyOptions):
        from eval.figures.paper.frequency import draw_frequency

        return draw_frequency(planned, options)
    if isinstance(options, SimilarityOptions):
        from eval.figures.paper.similarity import draw_similarity

        return draw_similarity(planned, options)
    assert isinstance(options, ComponentOptions)
    from eval.figures.paper.components import draw_components

    return draw_components(planned, options)
