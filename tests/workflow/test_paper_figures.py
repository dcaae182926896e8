"""The plan of the paper's figures: which runs, test images and files each is made of, and what a scale lacks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from enco.config.base import Settings
from enco.errors import UserError
from eval.figures.paper.options import NAMES, PaperFigures, spelled
from eval.figures.paper.planned import PlannedPaperFigure
from workflow import paths
from workflow.inputs.paper_figures import FiguresOfPaper
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "support" / "tiny.yaml").read_text())
RUNS = "results/tiny/runs/horse2zebra"


def figures(**settings: Any) -> FiguresOfPaper:
    return FiguresOfPaper(Plan.load(TINY | settings, ROOT))


def wildcards(name: str) -> Any:
    return SimpleNamespace(figure=name)


def files(name: str, **settings: Any) -> list[str]:
    return [str(file) for file in figures(**settings).inputs(wildcards(name))]


def test_figures_are_made_of_the_runs_and_of_the_scores_that_choose_images() -> None:
    content = ["results/tiny/untranslated/horse2zebra/features.npz", f"{RUNS}/enco/seed0/eval/horse2zebra.final.npz"]
    networks = [f"{RUNS}/{method}/seed0/generator.safetensors" for method in ("enco", "cut")]
    assert files("figure1") == files("figure6") == [*networks, *content]
    translated = [f"{RUNS}/{method}/seed0/translated/horse2zebra.final" for method in ("enco", "cyclegan", "cut")]
    assert files("figure8") == [*translated, *content]
    both = [f"{RUNS}/{variant}/seed0" for variant in ("enco", "enco+k=1")]
    parts = ("generator.safetensors", "translated/horse2zebra.final")
    assert files("figure2") == [f"{run}/{part}" for run in both for part in parts]


def test_images_that_are_named_or_chosen_by_pixels_need_no_features() -> None:
    networks = files("figure1")[:2]
    assert files("figure1", paper_figures={"figure1": {"images": ["horse_0001"]}}) == networks
    by_pixels = files("figure1", paper_figures={"score": "psnr", "judge": "cut"})
    assert by_pixels == [*networks, f"{RUNS}/cut/seed0/translated/horse2zebra.final"]


def test_a_figure_says_what_the_scale_lacks() -> None:
    lacks = figures().figure("figure5").lacks
    assert lacks == (
        "No table of scale tiny has dclgan, negcut, qs_attn on horse2zebra.",
        "No table of scale tiny has the task cat2dog: name another below paper_figures.figure5.",
        "No table of scale tiny has dclgan, negcut, qs_attn on cityscapes.",
    )
    assert [task.task for task in figures().figure("figure5").tasks] == ["horse2zebra", "cityscapes"]
    small = FiguresOfPaper(Plan.load(load_scale(ROOT / "config" / "small.yaml").model_dump(), ROOT))
    assert small.left_out() == ["figure10 is not made: cityscapes is left out of scale small (wants a registration)."]


def test_figures_without_a_task_are_left_out_and_refused_in_one_sentence() -> None:
    made = {path.stem for path in figures().current()}
    assert made == set(NAMES) - {"figure9"} and len(figures().current()) == 3 * len(made)
    sentence = "figure9 is not made: No table of scale tiny has the task cat2dog: name another below"
    assert figures().left_out() == [f"{sentence} paper_figures.figure9."]
    with pytest.raises(UserError, match=sentence):
        figures().inputs(wildcards("figure9"))


def test_a_run_for_both_directions_is_shown_backward() -> None:
    options = {"figure8": {"tasks": ["zebra2horse"]}}
    (task,) = figures(paper_figures=options).figure("figure8").tasks
    cyclegan = task.run("cyclegan")
    assert cyclegan and cyclegan.backward and str(cyclegan.folder) == f"{RUNS}/cyclegan/seed0"
    assert task.sources.name == "testB"


def test_labels_tell_variants_apart() -> None:
    (task,) = figures().figure("figure2").tasks
    assert [run.label for run in task.runs] == ["EnCo", "EnCo (k=1)"]
    options = {"figure6": {"variants": ["enco", "uniform", "default"]}}
    (task,) = figures(paper_figures=options).figure("figure6").tasks
    assert [run.label for run in task.runs] == ["EnCo", "EnCo (uniform)", "EnCo (default)"]


def test_another_choice_is_another_caption() -> None:
    before = figures().choices(wildcards("figure1"))
    after = figures(paper_figures={"figure1": {"colour_map": "jet"}}).choices(wildcards("figure1"))
    assert "colour_map viridis" in before and before.replace("viridis", "jet") == after


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"figure3": {}}, "Unknown key 'paper_figures.figure3'.*figure10"),
        ({"figure1": {"colour_map": "pink"}}, r"'paper_figures\.figure1\.colour_map'"),
        ({"figure8": {"images": [101]}}, r"'paper_figures\.figure8\.images"),
        ({"figure2": {"box": [0, 0, 2, 1]}}, r"'paper_figures\.figure2\.box"),
    ],
)
def test_a_wrong_choice_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        figures(paper_figures=options)


def test_what_is_not_there_yet_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = figures()
    (planned,) = made.figure("figure1").tasks
    trained = {run.folder: "not trained yet" if run.label == "CUT" else "" for run in planned.runs}
    monkeypatch.chdir(tmp_path)

    def so_far(untrained: dict[Path, str] = trained, score_gap: str = "") -> PlannedPaperFigure:
        return made.so_far("figure1", untrained, {planned.judge.features: score_gap})

    assert so_far(score_gap="scored with other features, to be scored again").tasks == ()
    assert so_far(score_gap="trained, not scored yet").lacks[-1] == (
        "horse2zebra is left out: EnCo, by which images are chosen, is not there yet (trained, not scored yet)."
    )
    for file in [f"{RUNS}/enco/seed0/run.json", *files("figure1")]:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    (task,) = so_far().tasks
    assert [run.label for run in task.runs] == ["EnCo"]
    assert "Not there yet on horse2zebra: CUT (not trained yet)." in so_far().lacks
    assert so_far(dict.fromkeys(trained, "trained by other code, to be trained again")).tasks == ()


def test_translations_from_before_a_training_are_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = figures(paper_figures={"figure8": {"images": ["horse_0000"]}})
    (planned,) = made.figure("figure8").tasks
    monkeypatch.chdir(tmp_path)
    for run in planned.runs:
        run.translated.mkdir(parents=True)
        (run.folder / "run.json").touch()
        os.utime(run.folder / "run.json", (10, 10) if run.label != "CUT" else None)
    os.utime(planned.runs[-1].translated, (5, 5))
    found = made.so_far("figure8", {run.folder: "" for run in planned.runs}, {})
    assert [run.label for run in found.tasks[0].runs] == ["EnCo", "CycleGAN"]
    assert "Not there yet on horse2zebra: CUT (horse2zebra.final is older than the training)." in found.lacks


def test_another_judge_is_said_and_an_unknown_one_refused() -> None:
    judged = figures(paper_figures={"judge": "negcut"})
    sentence = "Images of horse2zebra are judged by EnCo, as no table of scale tiny has negcut on horse2zebra."
    assert sentence in judged.figure("figure1").lacks and sentence not in judged.figure("figure2").lacks
    with pytest.raises(UserError, match=r"Unknown variant 'encoo' in paper_figures\.judge: .*enco\+k=1"):
        figures(paper_figures={"judge": "encoo"}).current()


def test_targets_of_figures_are_known() -> None:
    rules = [("paper_figures", False), ("paper_figure", True)]
    plan = figures().plan
    check_targets(plan, rules, ["paper_figures", "results/paper_figures/figure1.pdf"])
    with pytest.raises(UserError, match=r"Unknown figure 'figure3'.*choose one of figure1"):
        check_targets(plan, rules, ["results/paper_figures/figure3.pdf"])
    with pytest.raises(UserError, match="figure9 is not made: No table of scale tiny has the task cat2dog"):
        check_targets(plan, rules, ["results/paper_figures/figure9.pdf"])
    with pytest.raises(UserError, match="paper_figures_so_far"):
        check_targets(plan, rules, ["paper_figuers"])


def test_the_page_has_every_choice_with_its_default_and_meaning() -> None:
    page = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    options = PaperFigures()
    places: list[tuple[str, Settings]] = [("", options), *((f"{name}.", options.of(name)) for name in NAMES)]
    rows = [
        f"| `{place}{key}` | `{spelled(getattr(of, key))}` | {field.description} |"
        for place, of in places
        for key, field in type(of).model_fields.items()
        if key not in NAMES
    ]
    assert re.findall(r"^\| `.*$", page, re.MULTILINE) == rows


def test_the_templates_hold_every_kind_of_file() -> None:
    assert set(paths.PAPER_FIGURE) == set(paths.CURRENT_PAPER_FIGURE) == {"pdf", "png", "txt"}
