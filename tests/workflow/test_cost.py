"""What tables cost: known hours by hand, each run once, and bytes that are those of real run folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from benchmarks.speed.rows import COLUMNS
from enco.errors import UserError
from enco.io.files import write_json
from enco.methods import available, on_paper
from eval.records import Timing
from tests.support.table_runs import timing
from tests.support.tiny_methods import batch_for, tiny_method, tiny_options
from tests.support.tiny_runs import run, tiny_config, write_images
from workflow.__main__ import costs, known_speeds, main, shared
from workflow.cost.disk import evaluation_bytes, sizes_of, training_bytes
from workflow.cost.estimate import Cost, Training, estimate, notes, train_cost
from workflow.cost.images import iterations
from workflow.cost.seconds import SecondsPerIteration, benchmark_speeds, read_speeds, timed_speeds
from workflow.inputs.data import ImageSets
from workflow.plan.grid import Run
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "config" / "paper.yaml"
MEASURED = timing({"enco": 0.11, "enco+k=8": 0.2}, device="GPU X") | {"precision": "bfloat16"}


@pytest.fixture(scope="module")
def paper() -> Plan:
    plan = Plan.load(load_scale(PAPER).model_dump(), base=ROOT)
    return plan.only(plan.headline)


@pytest.fixture(scope="module")
def speeds(paper: Plan) -> SecondsPerIteration:
    return known_speeds(paper, None)


def run_of(plan: Plan, task: str, variant: str) -> Run:
    return next(run for run in plan.grid.runs if (run.task, run.variant) == (task, variant))


def cost_of(plan: Plan, speeds: SecondsPerIteration, *tables: str) -> Cost:
    """The cost of some tables together."""
    part = plan.only(tables or plan.tables)
    return estimate("some", part.grid, part.tasks, ImageSets(part).counts(), speeds, part.selections)


@pytest.mark.parametrize(
    ("task", "variant", "steps", "seconds_a_step"),
    [
        ("horse2zebra", "cyclegan", 400 * 1334, 0.40),
        ("photo2vangogh", "enco", 200 * 6287, 0.14),
        ("cat2dog", "enco+pairs=7-24", 200 * 5153, 0.129),
        ("cat2dog", "distancegan", 200 * (5153 // 2), 2 * 0.15),
        ("cityscapes", "drit", 500_000, 0.70),
        ("horse2zebra", "drit", 1200 * (1334 // 6), 0.70),
        ("cityscapes", "munit", 1_000_000, 0.39),
    ],
)
def test_hours_of_single_trainings_by_hand(
    paper: Plan, speeds: SecondsPerIteration, task: str, variant: str, steps: int, seconds_a_step: float
) -> None:
    training = train_cost(run_of(paper, task, variant), ImageSets(paper).counts(), speeds)
    assert training.iterations == steps
    assert training.hours == pytest.approx(steps * seconds_a_step / 3600)


def test_the_four_tables_at_the_papers_speeds(paper: Plan, speeds: SecondsPerIteration) -> None:
    cost = cost_of(paper, speeds)
    assert (len(cost.trainings), cost.iterations) == (66, 50_550_800)
    assert cost.hours == pytest.approx(3989.2, abs=0.1)
    assert cost.longest is not None
    assert (cost.longest.run.task, cost.longest.run.variant) == ("cityscapes", "negcut")
    assert cost.longest.hours == pytest.approx(400 * 2975 * 0.57 / 3600)


def test_shared_runs_count_once_in_all_and_in_each_table(paper: Plan, speeds: SecondsPerIteration) -> None:
    tables = [cost_of(paper, speeds, name) for name in paper.tables]
    together = cost_of(paper, speeds)
    shared = run_of(paper, "horse2zebra", "enco")
    assert [sum(t.run == shared for t in cost.trainings) for cost in tables] == [1, 0, 1, 1]
    assert sum(training.run == shared for training in together.trainings) == 1
    assert sum(len(cost.trainings) for cost in tables) == 76
    assert sum(cost.disk.total() for cost in tables) > together.disk.total()
    assert cost_of(paper, speeds, "table3", "table4").disk.total() < 2 * tables[2].disk.total()


def test_every_variant_is_charged_what_the_paper_prints_first_for_it(paper: Plan, speeds: SecondsPerIteration) -> None:
    assert {run.variant for run in paper.grid.runs} == set(speeds.seconds)
    assert speeds.seconds["enco"] == 0.14, "Table 1's, not the 0.136 and 0.134 of later tables"
    assert "published.csv" in speeds.source


def test_a_variant_without_seconds_is_charged_its_methods_and_that_is_said(paper: Plan) -> None:
    speeds = timed_speeds(Timing.model_validate(MEASURED), "x.json")
    charged = {run.variant: speeds.charged_to(run.config) for run in paper.grid.runs}
    assert (charged["enco"], charged["enco+k=8"], charged["enco+k=2"]) == ("enco", "enco+k=8", "enco")
    assert charged["cut"] is None
    cost = cost_of(paper, speeds)
    said = "\n".join(notes(cost, speeds))
    assert "enco+k=2 is charged enco's" in said and "enco+k=8 is" not in said
    assert "not in the hours: cyclegan, " in said and "GPU X, bfloat16 (x.json)" in said
    assert cost.hours == pytest.approx(sum(t.hours for t in cost.trainings if t.hours is not None))
    assert cost_of(paper, speeds, "table4").hours == pytest.approx((5 * 0.11 + 0.2) * (1_030_600 + 533_600) / 3600)


def test_what_is_not_known_is_no_number(paper: Plan, speeds: SecondsPerIteration) -> None:
    training = train_cost(run_of(paper, "cat2dog", "cut"), {}, speeds)
    assert (training.iterations, training.hours) == (None, None)
    cost = Cost("none", (training,), training_bytes(training.run.config, 0))
    assert (cost.hours, cost.longest) == (None, None)
    assert "not counted: cat2dog cut" in "\n".join(notes(cost, speeds))


@pytest.mark.parametrize("content", [{}, [], {"measured": {"enco": 0.1}, "device": "x"}, {"measured": {}}])
def test_another_file_is_no_timing_file(content: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", content)
    with pytest.raises(UserError, match=r"x\.json is no timing file.*delete the file.*eval\.timing --out"):
        read_speeds(tmp_path / "x.json", 256, "plain")


def test_the_plan_ends_with_the_cost_by_a_timing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "timing.json", MEASURED)
    main(["--config", str(PAPER), "--timing", str(tmp_path / "timing.json"), "table4"])
    shown = capsys.readouterr().out
    hours = (5 * 0.11 + 0.2) * (1_030_600 + 533_600) / 3600
    assert f"{hours:,.1f}" in shown and "GPU X" in shown and "published.csv" not in shown
    assert "12 trainings, 9,385,200 iterations" in shown


def test_trainings_that_share_a_gpu_cost_less_and_take_longer(paper: Plan) -> None:
    alone = known_speeds(paper, None)
    together = shared(alone, 4, 2.5)
    cost, shared_cost = cost_of(paper, alone, "table4"), cost_of(paper, together, "table4")
    assert cost.hours and shared_cost.hours == pytest.approx(cost.hours / 2.5)
    shown = costs(paper.only(["table4"]), ImageSets(paper).counts(), together)
    hours = 200 * 5153 * 0.14 / 3600 / 2.5 * 4
    assert f"{hours:,.1f} h: cat2dog enco" in shown and "4 trainings share a GPU" in shown
    assert "2.5 times the iterations of one" in shown


@pytest.mark.parametrize(("count", "gain"), [(0, 1), (1.5, 1), (2, 3), (2, 0)])
def test_a_gain_that_cannot_be_is_refused(speeds: SecondsPerIteration, count: float, gain: float) -> None:
    with pytest.raises(UserError, match=r"--together .* cannot be"):
        shared(speeds, count, gain)


def line(method: str, seconds: str, **other: str) -> dict[str, str]:
    """A line of benchmarks.speed."""
    usual = {"mode": "fast", "change": "", "size": "256", "batch": "1", "half": "1", "together": "1"}
    return {"method": method, "sec_per_iter": seconds, "device": "GPU X", "pieces": "bfloat16", **usual, **other}


def test_a_file_of_the_speed_benchmark_gives_the_mean_of_the_halves() -> None:
    others = [
        *[line("enco", "9", mode="plain"), line("enco", "9", size="512"), line("enco", "9", batch="8")],
        *[line("enco", "9", together="4"), line("enco", "9", change="without compile"), line("drit", "")],
    ]
    lines = [
        line("enco", "0.03"),
        line("enco", "0.01", half="2"),
        line("cut", "0.05"),
        line("distancegan", "0.07", batch="2"),
        *others,
    ]
    speeds = benchmark_speeds(lines, 256, "fast", "x.csv")
    assert speeds.seconds == {"enco": pytest.approx(0.02), "cut": 0.05, "distancegan": 0.07}
    assert speeds.source == "sec/iter measured on GPU X, bfloat16 (x.csv)"
    with pytest.raises(UserError, match="no sec/iter of mode plain at 64 pixels"):
        benchmark_speeds(lines, 64, "plain", "x.csv")


def test_the_columns_are_those_of_the_speed_benchmark() -> None:
    assert line("enco", "1").keys() <= set(COLUMNS)


def test_the_papers_speeds_hold_at_its_scale_alone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--config", str(ROOT / "config" / "demo.yaml"), "table3"])
    shown = capsys.readouterr().out
    assert "No GPU-hours: " in shown and "--timing" in shown and "published.csv" not in shown


def test_the_page_holds_what_is_printed(paper: Plan, speeds: SecondsPerIteration) -> None:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    assert costs(paper, ImageSets(paper).counts(), speeds) in text, f"copy it from the output of --config {PAPER.name}"


def sizes_on_disk(folder: Path, pattern: str) -> list[int]:
    """Bytes of each file once, however many names it has."""
    found = {entry.st_ino: entry.st_size for path in folder.glob(pattern) if (entry := path.stat())}
    return list(found.values())


def test_a_real_run_folder_is_as_large_as_estimated(tmp_path: Path) -> None:
    wide = {"ngf": 16, "ndf": 16, "n_blocks": 2}
    config = tiny_config(write_images(tmp_path / "noise"), options=wide, sample_every=5, snapshot_epochs=1)
    steps = iterations(config, {"noise": {"trainA": 6, "trainB": 5}})
    assert steps == 12
    sizes, expected = sizes_of(config), training_bytes(config, steps)
    folder = run(config, tmp_path / "run")
    for checkpoint in (real := sizes_on_disk(folder, "checkpoints/*.pt")):
        assert sizes.checkpoint < checkpoint < 1.05 * sizes.checkpoint
    assert expected["checkpoints"] == len(real) * sizes.checkpoint
    generators = sizes_on_disk(folder, "**/*.safetensors")
    assert expected["generators"] < sum(generators) < 1.03 * expected["generators"]
    pictures = sizes_on_disk(folder, "samples/*.png")
    assert expected["samples"] == len(pictures) * sizes.sample >= 0.95 * sum(pictures)


@pytest.mark.parametrize("name", sorted(available()))
def test_the_state_of_every_method_is_as_large_as_estimated(name: str) -> None:
    method = tiny_method(name)
    for seed in range(3):  # pools of two are full
        method.step(batch_for(method, seed))
    real = sum(tensor.nbytes for tensor in tensors(method.state_dict()))
    config = tiny_config(Path("noise"), name).model_copy(update={"options": method.options.model_dump(mode="json")})
    counters = 4 * sum(len(state) for state in optimizer_states(method.state_dict()))
    assert sizes_of(config).checkpoint == real - counters


def tensors(state: Any) -> Iterator[Tensor]:
    """Every tensor within nested containers."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict | list):
        for value in state.values() if isinstance(state, dict) else state:
            yield from tensors(value)


def optimizer_states(state: dict[str, Any]) -> Iterator[dict[int, Any]]:
    """What each Adam keeps, parameter by parameter: two moments, and a step counter of four bytes."""
    return (optimizer["state"] for optimizer in state["optimizers"].values())


def test_an_evaluation_leaves_pictures_and_features(paper: Plan) -> None:
    config = run_of(paper, "cat2dog", "drit").config
    assert evaluation_bytes(config, 500, "final") == {
        "translated": 500 * 3 * 256 * 256,
        "features": 500 * 2048 * 4,
        "generators": 0,
    }
    assert evaluation_bytes(config, 500, "best")["generators"] == sizes_of(config).generator


def test_a_method_on_paper_has_no_content() -> None:
    method = on_paper("enco", tiny_options("enco"))
    assert all(parameter.is_meta for network in method.networks.values() for parameter in network.parameters())


def test_tracking_that_is_off_copies_nothing(paper: Plan) -> None:
    config = run_of(paper, "cat2dog", "enco").config
    train = config.train.model_copy(update={"tracking": "off"})
    off = training_bytes(config.model_copy(update={"train": train}), 10_000)
    assert off["MLflow"] == 0 and off["samples"] == 2 * 2 * 4 * 3 * 256 * 256
    assert training_bytes(config, 10_000)["MLflow"] > off["samples"]


def test_hours_that_are_not_known_are_left_out_of_the_sum() -> None:
    config, hours = tiny_config(Path("noise")), {"a": 2.0, "b": None, "c": 1.0}
    known = tuple(Training(Run("s", "t", name, 0, config), 1, number) for name, number in hours.items())
    cost = Cost("t", known, training_bytes(config, 1))
    assert (cost.hours, cost.longest) == (3.0, known[0])
