"""What the drawn figures of the paper show, column by column, in runs of flat colours and in small trainings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from enco.data.reading import DEFAULT_READING
from enco.errors import UserError
from enco.io.safetensors_file import save_safetensors
from enco.training.checkpoint import CheckpointFolder
from enco.training.run_files import GENERATOR_FILE
from eval.figures.paper.comparison import draw_comparison
from eval.figures.paper.components import draw_components, feature_maps, pictures
from eval.figures.paper.draw import BY_RULE, about, write_paper_figure
from eval.figures.paper.frequency import draw_frequency
from eval.figures.paper.networks import load_method, load_resnet, network_input
from eval.figures.paper.options import ComparisonOptions, ComponentOptions, FrequencyOptions, SimilarityOptions
from eval.figures.paper.panels import DPI, GAP, HEADER, MARGIN, SIDE, Panel, coloured, grid
from eval.figures.paper.planned import PlannedPaperFigure, PlannedRun, PlannedTask
from eval.figures.paper.similarity import draw_similarity, layers_of, min_max, upsampled
from tests.support.tiny_runs import run, tiny_config, write_images

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
FLAT: dict[str, Colour] = {"source": (10, 20, 30), "enco": (200, 0, 0), "cut": (0, 200, 0), "enco+k=1": (0, 0, 200)}
SIZE = 16
MADE = "Scale tiny: not comparable; drawn at commit 0123abc"


def panels(figure: Figure, folder: Path) -> list[list[Pixels]]:
    """The panels of a figure as it is written, row by row, SIDE x SIDE x 3 each."""
    figure.savefig(folder / "drawn.png", dpi=DPI)
    pixels = np.asarray(Image.open(folder / "drawn.png").convert("RGB"))
    step = SIDE + GAP
    rows, columns = (pixels.shape[0] - HEADER) // step, (pixels.shape[1] - MARGIN) // step
    return [
        [pixels[HEADER + r * step :, MARGIN + c * step :][:SIDE, :SIDE] for c in range(columns)] for r in range(rows)
    ]


def enlarged(pixels: Pixels) -> Pixels:
    """An image at the size of a panel."""
    return pixels.repeat(SIDE // pixels.shape[0], axis=0).repeat(SIDE // pixels.shape[1], axis=1)


def middle(panel: Pixels) -> tuple[int, ...]:
    return tuple(int(value) for value in panel[SIDE // 2, SIDE // 2])


def a_run(folder: Path, variant: str) -> PlannedRun:
    out = folder / variant
    return PlannedRun(
        variant=variant,
        label=variant,
        folder=out,
        generator=out / GENERATOR_FILE,
        translated=out / "translated",
        features=out / "t.npz",
        backward=False,
    )


def planned(name: str, options: Any, sources: Path, runs: Sequence[PlannedRun], size: int = SIZE) -> PlannedPaperFigure:
    task = PlannedTask(
        task="horse2zebra",
        sources=sources,
        source_features=Path("nowhere"),
        size=size,
        reading=DEFAULT_READING,
        judge=runs[0],
        runs=tuple(runs),
    )
    return PlannedPaperFigure(
        name=name,
        options=options,
        score="psnr",
        tasks=(task,),
        lacks=(),
        choices="choices",
        seed=3,
    )


def flat(folder: Path, colour: Colour) -> None:
    """Image a of a colour, and image b of the opposite one."""
    folder.mkdir(parents=True)
    Image.new("RGB", (SIZE, SIZE), colour).save(folder / "a.png")
    Image.new("RGB", (SIZE, SIZE), opposite(colour)).save(folder / "b.png")


def opposite(colour: Colour) -> Colour:
    red, green, blue = colour
    return (255 - red, 255 - green, 255 - blue)


@pytest.fixture
def flat_runs(tmp_path: Path) -> tuple[Path, list[PlannedRun]]:
    """Test images, and runs, each image of one colour."""
    runs = [a_run(tmp_path, variant) for variant in FLAT if variant != "source"]
    for one in runs:
        flat(one.translated, FLAT[one.variant])
    flat(tmp_path / "source", FLAT["source"])
    return tmp_path / "source", runs


def test_a_comparison_has_the_input_and_then_each_variant(
    flat_runs: tuple[Path, list[PlannedRun]], tmp_path: Path
) -> None:
    sources, runs = flat_runs
    variants = ("enco+k=1", "cut", "enco")
    options = ComparisonOptions(tasks=("horse2zebra",), variants=variants, images=("b", "a"))
    figure, said = draw_comparison(planned("figure8", options, sources, runs), options)
    expected = [FLAT[name] for name in ("source", *variants)]
    assert [[middle(panel) for panel in row] for row in panels(figure, tmp_path)] == [
        [opposite(colour) for colour in expected],
        expected,
    ]
    assert said == ["Images of horse2zebra: b, a."]


def probe(one: PlannedRun, cells: list[int], settings: str = "1") -> None:
    """A draw of a run, as `Probe.draw` writes it."""
    about = {"epoch": 1, "image": "a.jpg", "least_real": {"3-28": 1}, "sizes": {"3-28": [4, 4]}, "settings": settings}
    positions = {"3-28": torch.tensor(cells, dtype=torch.uint16)}
    save_safetensors(
        one.folder / "probe" / "epoch0001.safetensors", positions, {k: json.dumps(v) for k, v in about.items()}
    )


def test_frequencies_stand_before_translations_and_dag_before_uniform(
    flat_runs: tuple[Path, list[PlannedRun]], tmp_path: Path
) -> None:
    sources, (enco, _, uniform) = flat_runs
    probe(enco, [0])
    probe(uniform, [15])
    options = FrequencyOptions(box=(0, 0, 0.25, 0.25))
    figure, said = draw_frequency(planned("figure2", options, sources, [enco, uniform]), options)
    (row,) = panels(figure, tmp_path)
    full, none = (tuple(coloured(np.array([[share]]), "viridis")[0, 0].tolist()) for share in (1.0, 0.0))
    edge = SIDE // 8
    corners = [(middle(row[0]),), *((tuple(p[edge, edge].tolist()), tuple(p[-edge, -edge].tolist())) for p in row[1:3])]
    assert corners == [(FLAT["source"],), (full, none), (none, full)]
    assert [middle(panel) for panel in row[3:5]] == [FLAT["enco"], FLAT["enco+k=1"]]
    assert said == ["Probe image: a.png; enco: epochs 1 to 1, 1 draws; enco+k=1: epochs 1 to 1, 1 draws."]


def test_a_probed_image_that_is_gone_is_said(flat_runs: tuple[Path, list[PlannedRun]]) -> None:
    sources, (enco, _, uniform) = flat_runs
    probe(enco, [0])
    (sources / "a.png").unlink()
    options = FrequencyOptions()
    with pytest.raises(UserError, match=r"source has no image of a\.png, which the runs of Figure 2 probed"):
        draw_frequency(planned("figure2", options, sources, [enco, uniform]), options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, and an EnCo and a CUT of one epoch."""
    root = tmp_path_factory.mktemp("trained")
    data = write_images(root / "data")
    for method in ("enco", "cut"):
        run(tiny_config(data, method, n_decay=0), root / method)
    return root


def of_trained(name: str, options: Any, trained: Path, *variants: str) -> PlannedPaperFigure:
    return planned(name, options, trained / "data" / "testA", [a_run(trained, one) for one in variants], 32)


def test_similarity_maps_are_those_of_the_columns_method_and_point(trained: Path, tmp_path: Path) -> None:
    options = SimilarityOptions(
        variants=("cut", "enco"), images=("1",), layer={"enco": 1, "cut": 0}, upsampling="nearest",
        foreground=(0.9, 0.9), background=(0.1, 0.1), points={"2": ((0, 0), (1, 1))},
    )  # fmt: skip
    figure = of_trained("figure1", options, trained, "cut", "enco")
    drawn, said = draw_similarity(figure, options)
    (row,) = panels(drawn, tmp_path)
    (task,), expected = figure.tasks, []
    for one, which in zip(task.runs, (0, 1), strict=True):
        method = load_method(one)
        layer = layers_of(method, network_input(task, task.sources / "1.png", method.options))[which]
        for point in ((0.9, 0.9), (0.1, 0.1)):
            values = min_max(upsampled(layer.similarity(point), 32, "nearest"))
            expected.append(enlarged(coloured(values.double().numpy(), "viridis")))
    for number, pixels in enumerate(expected, start=1):
        assert np.array_equal(row[number], pixels), number
    enco = load_method(task.runs[1])
    pairs = [f"{key}-{query}" for key, query in enco.options.pairs]  # type: ignore[attr-defined]
    assert "Points of images that are not shown: 2." in said
    assert said[-1].startswith("Layers, or pairs of layers: cut ") and said[-1].endswith(f"; enco {pairs[1]}.")


def test_points_of_an_image_that_is_not_there_are_refused(trained: Path) -> None:
    options = SimilarityOptions(images=("1",), points={"nobody": ((0, 0), (1, 1))})
    with pytest.raises(UserError, match=r"Unknown test image 'nobody' in figure1\.points: choose one of 0, 1"):
        draw_similarity(of_trained("figure1", options, trained, "enco"), options)


def test_components_have_a_row_for_each_variant_also_of_one_label(trained: Path, tmp_path: Path) -> None:
    options = ComponentOptions(variants=("enco", "cut"), images=("0",), modules=(1, 2))
    figure = of_trained("figure6", options, trained, "enco", "cut")
    (task,) = figure.tasks
    one_label = replace(task, runs=tuple(replace(one, label="EnCo") for one in task.runs))
    drawn, _ = draw_components(replace(figure, tasks=(one_label,)), options)
    rows = panels(drawn, tmp_path)
    for row, one in zip(rows, task.runs, strict=True):
        method, generator = load_resnet(one)
        maps = feature_maps(generator, network_input(task, task.sources / "0.png", method.options), (1, 2))
        for panel, picture in zip(row[1:], pictures(maps, options), strict=True):
            assert np.array_equal(panel, enlarged(picture))


def test_a_figure_of_no_generator_is_refused(tmp_path: Path, trained: Path) -> None:
    options = ComponentOptions(images=("0",))
    figure = planned("figure6", options, trained / "data" / "testA", [a_run(tmp_path, "enco")], 32)
    with pytest.raises(UserError, match=r"figure6 shows no generator: No features of enco: .*does not exist"):
        draw_components(figure, options)


def test_a_checkpoint_of_other_networks_is_said(trained: Path, tmp_path: Path) -> None:
    one = a_run(tmp_path, "enco")
    found = CheckpointFolder(trained / "enco").newest()
    assert found is not None
    weights = found.method["networks"] | {"heads": {}}
    CheckpointFolder(one.folder).save(replace(found, method=found.method | {"networks": weights}))
    with pytest.raises(UserError, match=r"does not fit a EnCo heads.*remove .*enco and call again"):
        load_method(one)


def test_images_are_read_as_a_methods_options_say(trained: Path) -> None:
    (task,) = of_trained("figure6", None, trained, "enco").tasks
    options = load_method(task.runs[0]).options
    shapes = [options.model_copy(update=changes) for changes in ({"test_size": 24}, {"interpolation": "bilinear"})]
    smaller, bilinear = (network_input(task, task.sources / "0.png", one) for one in shapes)
    assert smaller.shape == (1, 3, 24, 24)
    assert not torch.equal(bilinear, network_input(task, task.sources / "0.png", options))


def test_a_caption_names_scale_seed_and_commit_and_the_rule_where_there_is_one() -> None:
    for images, said in {(100, 0): True, (100,): False, ("a", "b"): False}.items():
        options = ComparisonOptions(tasks=("horse2zebra",), images=images)
        lines = about(planned("figure8", options, Path("s"), [a_run(Path("r"), "enco")]), MADE)
        assert lines[0] == "Figure 8. Test images and their translations."
        assert lines[1] == f"{MADE}; seed 3."
        assert (BY_RULE in lines) == said


def test_names_of_any_characters_are_drawn_and_said(flat_runs: tuple[Path, list[PlannedRun]], tmp_path: Path) -> None:
    sources, runs = flat_runs
    name = "a$x_{1$\udce9"
    for folder in (sources, *(one.translated for one in runs)):
        (folder / "a.png").rename(folder / f"{name}.png")
    options = ComparisonOptions.model_construct(tasks=("horse2zebra",), variants=("enco",), images=(name,))
    files = {kind: tmp_path / f"f.{kind}" for kind in ("pdf", "png", "txt")}
    write_paper_figure(planned("figure8", options, sources, runs), files, MADE)
    assert r"Images of horse2zebra: a$x_{1$\udce9." in files["txt"].read_text(encoding="utf-8")


def test_long_headers_and_captions_are_no_longer_than_a_panel() -> None:
    figure = grid(["a" * 80, "b"], [("c" * 80, [Panel(None), Panel(None)])])
    sizes = {text.get_text()[0]: text.get_window_extent() for text in figure.texts}
    assert sizes["a"].width <= SIDE + 2 and sizes["c"].height <= SIDE + 2
    assert {text.get_fontsize() for text in figure.texts if text.get_text() == "b"} == {7}
