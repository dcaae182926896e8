"""`snakemake claims`: the claims held against what is there, in a real run and for tables that do not go together."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from enco.errors import UserError
from enco.io.files import write_json
from tests.support.pipeline import pipeline
from tests.support.table_runs import scores
from tests.workflow.test_so_far import TINY, Results
from workflow import paths
from workflow.claims import write_claims
from workflow.plan.plan import Plan
from workflow.project import Project
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
TABLE = {
    "number": 1,
    "rows": [{"key": "cut", "label": "CUT"}, {"key": "enco", "label": "EnCo"}],
    "columns": [{"task": "horse2zebra", "header": "Horse→Zebra", "metrics": ["FID"]}],
}
CONFIG = TINY | {"tables": {"table1": TABLE}, "seeds": [0, 1], "reference": False}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project of which nothing is made, in the folder that this process is in."""
    monkeypatch.chdir(tmp_path)
    yield Project.load(CONFIG, ROOT)


def score(project: Project, enco: float, cut: float, selection: str = "final") -> None:
    """Write down trainings of both seeds and their distances, the second seed's higher by 1."""
    for variant, distance in (("enco", enco), ("cut", cut)):
        for seed in (0, 1):
            results = Results(Project.load(CONFIG | {"seeds": [seed]}, ROOT))
            run = results.scored(variant)
            final, file = (run.at(paths.SCORES, test_task="horse2zebra", selection=one) for one in ("final", selection))
            content = scores("horse2zebra", scale="tiny") | yaml.safe_load(final.read_text())
            content["metrics"]["paired"]["frechet_distance"] = distance + seed
            write_json(file, content | {"selection": selection})


def verdicts() -> dict[str, dict[str, str]]:
    lines = (line for line in Path("results/claims.csv").read_text(encoding="utf-8").splitlines() if line[0] != "#")
    return {line["key"]: line for line in csv.DictReader(lines)}


@pytest.mark.slow
def test_a_real_run_judges_what_is_there_and_makes_nothing(project: Project, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    pipeline(tmp_path, "--cores", "1", "claims", config=config)
    assert {line["verdict"] for line in verdicts().values()} == {"not measured"}
    score(project, enco=50.0, cut=60.0)
    before = {path for path in (tmp_path / "results").rglob("*") if path.is_file()}
    said = pipeline(tmp_path, "--cores", "1", "claims", config=config)
    found = verdicts()["cut-fid-horse2zebra"]
    assert (found["verdict"], found["paper_verdict"], found["scale"]) == ("holds", "holds", "tiny")
    assert float(found["margin"]) == pytest.approx(10.0)
    assert verdicts()["speed-cut"]["reason"] == "not in these tables"
    assert "results/claims.md" in said and "holds at scale tiny" in Path("results/claims.md").read_text(
        encoding="utf-8"
    )
    made = {path for path in (tmp_path / "results").rglob("*") if path.is_file()} - before
    assert [path for path in made if "logs" not in path.parts] == []


def test_the_copy_is_that_of_the_scale_and_its_seeds(project: Project) -> None:
    score(project, enco=60.0, cut=50.0)
    written = write_claims(project, "0123abc")
    assert [str(path) for path in written] == [
        *(f"results/tiny/seeds0-1/claims.{kind}" for kind in ("csv", "md", "html")),
        *(f"results/claims.{kind}" for kind in ("csv", "md", "html")),
    ]
    for own, copy in zip(written[:3], written[3:], strict=True):
        assert own.read_bytes() == copy.read_bytes()
    assert verdicts()["cut-fid-horse2zebra"]["verdict"] == "fails"
    assert "0123abc" in written[0].read_text(encoding="utf-8")


def test_claims_are_held_against_final_generators_where_those_chosen_on_the_test_set_are_scored_too(
    project: Project,
) -> None:
    score(project, enco=10.0, cut=90.0, selection="best")
    score(project, enco=60.0, cut=50.0)
    for file in Path("results").rglob("*.best.json"):
        file.touch()  # scored after its training, which the second call wrote down anew
    both = CONFIG | {"selection": "both", "train": {**CONFIG["train"], "snapshot_epochs": 1}}
    write_claims(Project.load(both, ROOT), "0123abc")
    found = verdicts()["cut-fid-horse2zebra"]
    assert (found["verdict"], float(found["margin"])) == ("fails", pytest.approx(-10.0))


def test_a_table_whose_numbers_do_not_go_together_counts_for_nothing_and_says_why(project: Project) -> None:
    score(project, enco=50.0, cut=60.0)
    Results(project).scored("cut", extractor_hash="dead")
    write_claims(project, "0123abc")
    found = verdicts()["cut-fid-horse2zebra"]
    assert found["verdict"] == "not measured"
    assert "do not go together" in found["reason"] and "cannot mix feature extractors" in found["reason"]


def test_claims_are_read_from_the_file_that_the_configuration_names(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.yaml does not exist"):
        write_claims(Project.load(CONFIG | {"claims": str(tmp_path / "mine.yaml")}, ROOT), "0123abc")
    assert not Path("results").exists()


def test_the_file_of_claims_is_no_target_of_its_own_and_the_answer_names_the_one_that_is() -> None:
    plan = Plan.load(CONFIG, ROOT)
    with pytest.raises(UserError, match="ask for `snakemake claims`"):
        check_targets(plan, [("claims", False)], ["results/claims.csv"])
    check_targets(plan, [("claims", False)], ["claims"])
