"""What the paper leaves open in its figures, a named option each; free of torch, so that planning starts fast."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from enco.config.base import Settings

ContentScore = Literal["content_cosine", "content_l2", "psnr", "ssim"]
PIXEL_SCORES: tuple[ContentScore, ...] = ("psnr", "ssim")
"""Scores of pixels; the others are of features."""
ColourMap = Literal["viridis", "inferno", "magma", "turbo", "jet", "gray"]
Share = Annotated[float, Field(ge=0, le=1)]
"""A length in an image as a share of the image's side."""
Point = tuple[Share, Share]
"""From the left and from the top."""
Box = tuple[Share, Share, Share, Share]
"""Left, top, width and height."""
Percent = Annotated[int, Field(ge=0, le=100)]
Module = Annotated[int, Field(ge=0)]
Index = Annotated[int, Field(ge=0)]

IMAGES = (
    "Test images, from top to bottom: percentiles of the content score (100 is the best, 0 the worst), or names of"
    " translations without .png."
)
COLOURS = "Colour map."
TASK = "Task whose test images are shown."
TASKS = "Tasks, from top to bottom."


class SimilarityOptions(Settings):
    """Figure 1: what each method's heads find similar to two cells of a translation."""

    task: str = Field("horse2zebra", description=TASK)
    variants: tuple[str, ...] = Field(
        ("enco", "cut", "dclgan"), min_length=1, description="Variants of EnCo, CUT and DCLGAN, from left to right."
    )
    images: tuple[Percent | str, ...] = Field((100, 0), min_length=1, description=IMAGES)
    layer: Literal["coarsest", "finest", "mean"] | dict[str, Index] = Field(
        "coarsest",
        description="Layer that is shown: that of the smallest maps, of the largest, or the mean of all; or which one"
        " of each variant's, from 0 (`{enco: 1, cut: 2}`), the coarsest of one that is not named.",
    )
    scaling: Literal["map", "picture"] = Field(
        "map", description="Range that colours span: minimum to maximum of each map, or of all maps of a picture."
    )
    colour_map: ColourMap = Field("viridis", description=COLOURS)
    upsampling: Literal["bilinear", "bicubic", "nearest"] = Field(
        "bilinear", description="Filter that brings maps to the image's size."
    )
    foreground: Point = Field((0.5, 0.5), description="The red query of an image: shares of its width and height.")
    background: Point = Field((0.1, 0.1), description="The blue query, likewise.")
    points: dict[str, tuple[Point, Point]] = Field(
        default_factory=dict, description="The red and the blue query of single images, by the translation's name."
    )


class FrequencyOptions(Settings):
    """Figure 2: how often DAG and uniform sampling looked at each cell of a probe image."""

    task: str = Field("horse2zebra", description=TASK)
    dag: str = Field("enco", description="Variant whose positions DAG samples.")
    uniform: str = Field("enco+k=1", description="Variant whose positions are uniform.")
    pair: int = Field(
        -1, ge=-1, le=99, description="Which of EnCo's pairs, from 0; -1 is the last, whose maps are the smallest."
    )
    positions: Literal["all", "least_real"] = Field(
        "all", description="Positions of DAG that count: all K, or the share that looks least real."
    )
    blur: Share = Field(0.0, description="Standard deviation of a Gaussian blur, as a share of the side; 0 is none.")
    colour_map: ColourMap = Field("viridis", description=COLOURS)
    box: Literal["busiest"] | Box = Field(
        "busiest",
        description="Box on the translations: the quarter of the side that DAG looks at most, or left, top, width and"
        " height as shares of the side.",
    )


class ComponentOptions(Settings):
    """Figure 6: the first three principal components of feature maps, as colours."""

    task: str = Field("horse2zebra", description=TASK)
    variants: tuple[str, ...] = Field(
        ("enco", "cut", "dclgan"), min_length=1, description="Variants, from top to bottom."
    )
    images: tuple[Percent | str, ...] = Field((50,), min_length=1, description=IMAGES)
    modules: tuple[Module, ...] = Field(
        (), description="Modules of the generator, from left to right; empty: those that the first EnCo pairs."
    )
    basis: Literal["map", "shape"] = Field(
        "map", description="Maps that share their components: none, or all of one shape, such as those of a pair."
    )
    batch: int = Field(1, ge=1, description="Test images whose cells the components are fitted to.")
    sign: Literal["largest", "solver"] = Field(
        "largest", description="Sign of a component: its largest loading is positive, or what the solver returns."
    )


class ComparisonOptions(Settings):
    """Figures 5, 8, 9 and 10: the same test images, translated by several methods."""

    tasks: tuple[str, ...] = Field(min_length=1, description=TASKS)
    variants: tuple[str, ...] = Field(
        ("enco", "cyclegan", "cut", "dclgan", "negcut", "qs_attn"),
        min_length=1,
        description="Variants, from left to right.",
    )
    images: tuple[Percent | str, ...] = Field((100, 75, 50, 25, 0), min_length=1, description=IMAGES)


class Figure5(ComparisonOptions):
    """Figure 5: three tasks."""

    tasks: tuple[str, ...] = Field(("horse2zebra", "cat2dog", "cityscapes"), min_length=1, description=TASKS)
    images: tuple[Percent | str, ...] = Field((100, 50, 0), min_length=1, description=IMAGES)


class Figure8(ComparisonOptions):
    """Figure 8: Horse→Zebra."""

    tasks: tuple[str, ...] = Field(("horse2zebra",), min_length=1, description=TASKS)


class Figure9(ComparisonOptions):
    """Figure 9: Cat→Dog."""

    tasks: tuple[str, ...] = Field(("cat2dog",), min_length=1, description=TASKS)


class Figure10(ComparisonOptions):
    """Figure 10: Cityscapes."""

    tasks: tuple[str, ...] = Field(("cityscapes",), min_length=1, description=TASKS)


FigureOptions = SimilarityOptions | FrequencyOptions | ComponentOptions | ComparisonOptions


class PaperFigures(Settings):
    """Every choice behind the paper's figures."""

    judge: str = Field("enco", description="Variant whose translations are scored, to choose test images by.")
    score: ContentScore = Field(
        "content_cosine",
        description="Score of a translation against its own source: of features (content_cosine, content_l2), or of"
        " pixels (psnr, ssim).",
    )
    figure1: SimilarityOptions = SimilarityOptions()
    figure2: FrequencyOptions = FrequencyOptions()
    figure5: Figure5 = Figure5()
    figure6: ComponentOptions = ComponentOptions()
    figure8: Figure8 = Figure8()
    figure9: Figure9 = Figure9()
    figure10: Figure10 = Figure10()

    def of(self, name: str) -> FigureOptions:
        """Return the options of a figure."""
        options: FigureOptions = getattr(self, name)
        return options

    def choices(self, name: str) -> str:
        """Return every choice behind a figure, by name."""
        options = self.of(name)
        by_score = {} if isinstance(options, FrequencyOptions) else {"judge": self.judge, "score": self.score}
        chosen = options.model_dump(mode="json") | by_score
        return ", ".join(f"{key} {spelled(value)}" for key, value in chosen.items())


NAMES = tuple(name for name in PaperFigures.model_fields if name.startswith("figure"))
"""The figures, in the paper's order."""


def spelled(value: object) -> str:
    """Write the value of an option as YAML takes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def by_score(options: FigureOptions) -> bool:
    """Return whether a content score decides which images a figure shows."""
    return any(isinstance(one, int) for one in getattr(options, "images", ()))


def tasks_of(options: FigureOptions) -> tuple[str, ...]:
    """Return the tasks that a figure shows."""
    return options.tasks if isinstance(options, ComparisonOptions) else (options.task,)


def variants_of(options: FigureOptions) -> tuple[str, ...]:
    """Return the variants that a figure shows."""
    return (options.dag, options.uniform) if isinstance(options, FrequencyOptions) else options.variants
