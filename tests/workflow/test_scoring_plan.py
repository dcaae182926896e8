"""What a plan needs beyond runs: whose segmentation network, which published weights, and whose drawings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from enco.data.reading import Reading
from enco.errors import UserError
from eval.__main__ import parser
from eval.config import NetworkName
from eval.segmentation.releases import PUBLISHED
from eval.weights import URLS
from workflow.paths import weights_record
from workflow.plan.plan import Plan
from workflow.plan.scale import load_scale
from workflow.project import Project

ROOT = Path(__file__).parents[2]
OWN = Path("results", "paper", "drn", "cityscapes.safetensors")
CITYSCAPES: Any = SimpleNamespace(test_task="cityscapes")
ZEBRA: Any = SimpleNamespace(test_task="horse2zebra")
HORSES: Any = SimpleNamespace(dataset="horse2zebra")


def project(scale: str = "paper", base: Path = ROOT, **changes: dict[str, Any]) -> Project:
    """A scale's project with some settings changed, looking for the user's files under `base`."""
    config = load_scale(ROOT / "config" / f"{scale}.yaml").model_dump()
    for section, values in changes.items():
        config[section] |= values
    return Project.of(replace(Plan.load(config, ROOT), base=base))


def test_scales_take_the_network_they_say(tmp_path: Path) -> None:
    assert project().plan.config.drn.network == "negcut" and project().plan.config.drn.trunk == "imagenet"
    assert project("demo").plan.config.drn.network == "own" and project("demo").plan.config.drn.trunk == "none"
    assert set(get_args(NetworkName)) == {*PUBLISHED, "own"}


def test_untranslated_inputs_are_one_file_of_a_task_and_can_be_left_out() -> None:
    made = project("demo")
    files = {cell.reference for name in made.plan.tables for cell in made.tables.reference_cells(name)}
    tasks = {evaluation.task for evaluation in made.plan.grid.evaluations}
    assert files - {None} == {Path("results", "demo", "untranslated", task, "scores.json") for task in tasks}
    demo = load_scale(ROOT / "config" / "demo.yaml").model_dump()
    without = Project.of(Plan.load(demo | {"reference": False}, ROOT))
    assert not [cell for name in without.plan.tables for cell in without.tables.reference_cells(name)]
    fewer = Project.of(Plan.load(demo | {"absent": {"cat2dog": "no photographs"}}, ROOT))
    cells = {(cell.task, cell.metric): cell for cell in fewer.tables.reference_cells("table4")}
    absent, there = cells["cat2dog", "FID"], cells["horse2zebra", "FID"]
    assert (absent.file, absent.reason) == (None, "no photographs") and there.file and not there.reason


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        ({"network": "negcut"}, "weights/drn_d_22.pth.tar"),
        ({"network": "fyu"}, "weights/drn_d_22_cityscapes.pth"),
        ({"network": "fyu", "weights": "elsewhere/net.pth"}, "elsewhere/net.pth"),
        ({"network": "own", "weights": "mine.safetensors"}, "mine.safetensors"),
        ({"network": "own"}, None),
    ],
)
def test_the_network_of_a_task(settings: dict[str, Any], file: str | None, tmp_path: Path) -> None:
    scores = project(base=tmp_path, drn=settings).segmentation
    expected = tmp_path / file if file else OWN
    assert scores.network(CITYSCAPES) == expected
    words = scores.arguments(CITYSCAPES).split()
    assert words[:4] == ["--drn", str(expected), "--drn-network", settings["network"]]
    assert scores.network_input(CITYSCAPES) == ([] if file else [OWN]), "a plan needs no file of the user's"
    if file:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.touch()
        assert scores.network_input(CITYSCAPES) == [expected]
    assert scores.inputs(ZEBRA) == {} and scores.arguments(ZEBRA) == ""


def test_the_papers_own_network_is_trained_by_the_published_recipe() -> None:
    scores = project().segmentation
    assert scores.trained_networks() == [OWN]
    assert scores.trunk() == [weights_record("drn-imagenet")]
    folders = ["--images", "i", "--labels", "l", "--out", "o"]
    given = parser().parse_args(["drn-train", *folders, *scores.recipe().split()])
    assert (given.lr, given.step, given.epochs, given.batch_size, given.width) == (0.01, 100, 250, 32, 1)
    assert (given.size, given.trunk) == ([256, 128], Path("imagenet"))
    assert "--trunk" not in project("demo").segmentation.recipe()


def test_a_trunk_of_another_width_is_refused() -> None:
    with pytest.raises(UserError, match=r"trunk .imagenet. has width 1, not 0\.5"):
        project(drn={"width": 0.5})


def test_a_plan_names_the_weights_that_it_needs() -> None:
    assert project().weights.all() == [weights_record("inception"), weights_record("vgg16"), weights_record("negcut")]
    assert project("demo").weights.all() == []
    own = project(drn={"network": "own"}, features={"beside": ["efficientnet-lite0", "dinov2"]})
    assert own.weights.all() == [weights_record(name) for name in ("inception", "dinov2", "vgg16", "drn-imagenet")]
    assert {path.stem for path in own.weights.all()} == set(URLS), "all of them can be fetched"
    random = project(features={"extractor": "random-inception"}, options={"fsesim": {"vgg": "random"}})
    assert random.weights.all() == [weights_record("negcut")]


def test_further_extractors_wait_for_their_weights_alone() -> None:
    made = project(features={"beside": ["efficientnet-lite0", "dinov2"]})
    small, dino = (SimpleNamespace(extractor=name) for name in ("efficientnet-lite0", "dinov2"))
    assert made.weights.features_beside(small) == []
    assert made.weights.features_beside(dino) == [weights_record("dinov2")]
    assert made.evaluate.extractor_beside(dino).startswith("--extractor dinov2")
    files = made.evaluate.beside("{test_task}.{extractor}.npz")
    assert [Path(file).name for file in files[:3]] == [
        *("{test_task}.efficientnet-lite0.npz", "efficientnet-lite0.paired.npz", "efficientnet-lite0.full.npz")
    ]
    assert len(files) == 6 and project().evaluate.beside("{extractor}") == []


def test_only_trainings_with_a_published_vgg_wait_for_it() -> None:
    made = project()

    def weights(variant: str) -> list[Path]:
        wildcards: Any = SimpleNamespace(task="cat2dog", variant=variant, seed="0")
        return made.weights.training(wildcards)

    assert weights("fsesim") == [weights_record("vgg16")] == made.weights.timing(CITYSCAPES)
    assert weights("cut") == weights("enco") == []
    assert project("demo").weights.timing(CITYSCAPES) == []


def test_one_command_finds_or_fetches_all_weights_of_a_plan(tmp_path: Path) -> None:
    file = tmp_path / "weights" / "drn_d_22.pth.tar"
    command = project(base=tmp_path).weights.command()
    assert command == f"python -m eval weights inception vgg16 negcut --file {file}"
    assert project(drn={"network": "own"}).weights.command().endswith("weights inception vgg16 drn-imagenet")
    assert project("demo").weights.command() == "true"


def test_how_folders_are_read_goes_to_every_job_that_reads_them() -> None:
    made = project("demo", data={"recursive": True, "levels": "12bit"})
    words = "--recursive --levels 12bit"
    assert {" ".join(Reading.of_config(run.config.data).arguments) for run in made.plan.grid.runs} == {words}
    network = made.segmentation.network_arguments(CITYSCAPES)
    for arguments in (made.evaluate.extractor(), made.segmentation.recipe(), network, made.data.expected(HORSES)):
        assert arguments.endswith(words)
    assert made.data.data_paths.reading.recursive
    for arguments in (project("demo").evaluate.extractor(), project("demo").segmentation.recipe()):
        assert "--levels" not in arguments and "--recursive" not in arguments


def test_the_hash_of_a_network_goes_to_the_job_that_reads_it() -> None:
    assert "--drn-sha256" not in project().segmentation.network_arguments(CITYSCAPES)
    known = project(drn={"sha256": "0123abcd"}).segmentation.network_arguments(CITYSCAPES)
    given = parser().parse_args(["segmentation", "--images", "i", "--labels", "l", *known.split()])
    assert given.drn_sha256 == "0123abcd"


def test_a_dataset_has_a_digest_of_its_own_drawing_and_none_where_the_demo_draws_no_such() -> None:
    data = project("demo").data

    def wildcards(dataset: str) -> Any:
        return SimpleNamespace(dataset=dataset)

    horses, cats, unknown = (data.drawing(wildcards(name)) for name in ("horse2zebra", "afhq", "mine"))
    assert len({horses, cats, unknown}) == 3
    assert unknown == ""
