"""Where results lie: no scale and no set of seeds writes over another's."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from enco.errors import UserError
from workflow import paths
from workflow.inputs.data import ImageSets
from workflow.inputs.tables import PrintedTables
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale

ROOT = Path(__file__).parents[2]
TEMPLATES = [value for value in vars(paths).values() if isinstance(value, str) and "{scale}" in value]


def plan(name: str = "demo", **settings: Any) -> Plan:
    return Plan.load(load_scale(ROOT / "config" / f"{name}.yaml").model_dump() | settings, ROOT)


def files(made: Plan) -> set[str]:
    """Every file that the plan of a configuration names, but the copies of the current tables."""
    runs = {str(run.folder) for run in made.grid.runs}
    tables = {made.template(template).format(table="table1") for template in paths.TABLE.values()}
    shown = (paths.FIGURE, *paths.CURVE.values())
    more = {made.template(paths.CELLS), *(made.template(path).format(test_task="cat2dog") for path in shown)}
    return {*runs, *tables, *more, str(made.timing_file), *map(str, ImageSets(made).manifests())}


def test_scales_share_no_file() -> None:
    demo, paper = files(plan("demo")), files(plan("paper"))
    assert not demo & paper
    assert all(file.startswith("results/demo/") for file in demo)


def test_seed_sets_share_trainings_and_no_table() -> None:
    one, three = plan(seeds=[0]), plan(seeds=[0, 1, 2])
    assert set(one.grid.runs) < set(three.grid.runs)
    assert (one.part, three.part) == ("seed0", "seeds0-1-2")
    shared = files(one) & files(three)
    assert not [file for file in shared if re.search("table1|cells|figures|curves", file)]
    assert plan(seeds=[2, 0, 1]).part == three.part


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": [0, 1, 0]}, r"\[0, 1, 0\] names one twice"),
        ({"seeds": [-1]}, r"'seeds\.0'"),
        ({"scale": "weights"}, "folder results/weights is for something else"),
    ],
)
def test_what_would_mix_folders_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(**settings)


def test_a_call_ends_with_the_places_of_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables = PrintedTables(plan())
    assert tables.whereabouts() == []
    Path("results/demo/runs/cat2dog").mkdir(parents=True)
    assert tables.whereabouts() == ["Trainings are in results/demo/runs/."]
    Path("results/demo/seed0").mkdir()
    Path("results/demo/seed0/table3.csv").touch()
    assert tables.whereabouts()[1].startswith("Tables are in results/demo/seed0/; results/ itself ")


def test_every_template_of_a_scale_lies_below_it() -> None:
    assert len(TEMPLATES) > 15
    assert all(template.startswith("results/{scale}") for template in TEMPLATES)


def test_rules_and_code_write_no_path_of_their_own() -> None:
    """A path below results/ is written in paths.py and nowhere else."""
    found = re.compile(r"""["']results/|Path\(\s*["']results["']""")
    code = [path for path in (ROOT / "workflow").rglob("*.py") if "executor" not in path.parts]
    sources = [*code, *(ROOT / "workflow" / "rules").glob("*.smk"), ROOT / "Snakefile"]
    wrong = [path.name for path in sources if path.name != "paths.py" and found.search(path.read_text())]
    assert not wrong


def test_a_template_is_filled_as_snakemake_would() -> None:
    names = {name for _, name, _, _ in Formatter().parse(paths.SCORES) if name}
    assert names == {"scale", "task", "variant", "seed", "test_task", "selection"}
    filled = paths.fill(paths.SCORES, **dict.fromkeys(names, "x"))
    assert filled == Path("results/x/runs/x/x/seedx/eval/x.x.json")
