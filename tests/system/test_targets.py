"""The commands that users type, as dry runs: literal ones plan, mistyped ones are answered with the choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from enco.errors import UserError
from tests.support.forks import run_all
from workflow.plan.part import EXAMPLE
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
MISTYPED = [
    (("results/table9.csv",), ["table9", "table3"]),
    (("all_tabels",), ["all_tabels", "all_tables"]),
    (("result/table3.csv",), ["result/table3.csv", "results/table3.csv"]),
    (("results/figures/cat2dgo.png",), ["cat2dgo", "cat2dog"]),
    (
        ("results/figures/cityscapes.png", "--configfile", "config/small.yaml"),
        ["cityscapes is left out (wants a registration)"],
    ),
    (("results/paper_figures/figure3.pdf",), ["figure3", "figure5"]),
    (
        ("results/paper_figures/figure10.pdf", "--configfile", "config/small.yaml"),
        ["figure10 is not made: cityscapes is left out of scale small (wants a registration)"],
    ),
    (("results/demo/runs/cat2dgo/enco/seed0/run.json",), ["cat2dgo", "cat2dog"]),
    (("results/demo/runs/cat2dog/enko/seed0/run.json",), ["enko", "enco+k=2"]),
    (("all_tables", "--config", "epochz=3"), ["epochz", "epochs"]),
]
LITERAL = [
    ("results/table3.csv",),
    ("results/facades.csv",),
    ("results/protocol.csv", "--configfile", "config/paper.yaml"),
    ("paper_figures", "--configfile", "config/paper.yaml"),
    ("results/paper_figures/figure1.pdf", "paper_figures_so_far"),
    ("released", "--configfile", "config/paper.yaml"),
    ("results/released.csv", "--config", "only={tasks: [horse2zebra], rows: [cut]}"),
    ("all_tables", "--configfile", "config/paper.yaml"),
    ("all_tables", "--config", EXAMPLE),
    ("all_tables", "--configfile", "config/paper.yaml", "--config", "selection=both", "train={snapshot_epochs: 20}"),
    ("--profile", "slurm", "all_tables"),
    ("results/photos.csv", "results/figures/photos.png", "--configfile", "config/photos.yaml"),
    ("all_tables", "figures", "curves", "results/facades.csv", "--configfile", "config/small.yaml"),
]
PAPER = ("all_tables", "--configfile", "config/paper.yaml")
FORCED = ("--forceall",)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[int, str]]:
    """Status and output of a dry run of each command, by its words."""
    commands = [*(words for words, _ in MISTYPED), *((*FORCED, *words) for words in LITERAL), PAPER]
    return run_all({" ".join(words): ["snakemake", "-n", *words] for words in commands})


@pytest.mark.parametrize(("arguments", "words"), MISTYPED)
def test_a_mistyped_target_is_answered_with_the_choices(
    answers: dict[str, tuple[int, str]], arguments: tuple[str, ...], words: list[str]
) -> None:
    status, said = answers[" ".join(arguments)]
    assert status != 0 and all(word in said for word in words)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("results/figures/cityscapes.png", r"cityscapes is left out \(wants a registration\)"),
        ("results/photos.csv", "Unknown table 'photos'"),
        ("results/demo/seed0/table1.csv", "Unknown scale 'demo'"),
    ],
)
def test_a_file_that_another_scale_has_made_is_answered_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    plan = Plan.load(load_scale(ROOT / "config" / "small.yaml"), ROOT)
    monkeypatch.chdir(tmp_path)
    Path(target).parent.mkdir(parents=True)
    Path(target).touch()
    with pytest.raises(UserError, match=message):
        check_targets(plan, [], [target])


@pytest.mark.parametrize("arguments", LITERAL)
def test_the_literal_commands_plan(answers: dict[str, tuple[int, str]], arguments: tuple[str, ...]) -> None:
    status, said = answers[" ".join((*FORCED, *arguments))]
    assert status == 0 and "This was a dry-run" in said


def test_the_paper_plan_is_that_of_the_grid(answers: dict[str, tuple[int, str]]) -> None:
    status, said = answers[" ".join(PAPER)]
    plan = Plan.load(load_scale(ROOT / "config" / "paper.yaml").model_dump(), ROOT)
    assert status == 0 and f"train {len(plan.only(plan.headline).grid.runs)}" in " ".join(said.split())
    assert "results/demo" not in said
