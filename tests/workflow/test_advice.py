"""What a user is told to do: to delete nothing that was not made here, and what was found instead of what was meant."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch
import yaml

from enco.data.folders import list_images
from enco.errors import UserError
from enco.methods.parts.generator_file import load_generator
from eval.metrics.features import load_features
from tests.support.tiny_runs import write_images
from workflow.plan.plan import Plan
from workflow.targets import check_targets

ROOT = Path(__file__).parents[2]
OWN = (
    *("eval/records.py", "eval/tables/cells.py", "enco/datasets/obtain.py", "enco/training/probe.py"),
    *("eval/figures/paper/choose.py", "eval/figures/paper/frequency.py", "eval/tables/scored_images.py"),
)
"""Files whose sentences name measurements, records, translations and runs that only this project writes."""


def sentences(path: Path) -> list[str]:
    """The texts in a file's code, of which its errors are made; no docstrings."""
    tree = ast.parse(path.read_text())
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in notes]
    return [node.value for node in strings if isinstance(node.value, str)]


def test_nothing_is_to_be_deleted_that_was_not_made_here() -> None:
    files = [path for folder in ("enco", "eval", "workflow") for path in (ROOT / folder).rglob("*.py")]
    files = [path for path in files if str(path.relative_to(ROOT)) not in OWN and "tests" not in path.parts]
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in files
        for text in sentences(path)
        if re.search(r"(: |, |or )(delete|remove|replace)\b", text)
    ]
    assert not found


@pytest.mark.parametrize("name", ["net_G.pth", "iter0000100.pt"])
def test_a_checkpoint_given_as_generator_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match=rf"{path} is no generator file .*: name a run's generator.safetensors") as said:
        load_generator(path)
    assert "delete" not in str(said.value)


def test_a_folder_given_as_generator_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{tmp_path} is a folder: name a run's generator.safetensors"):
        load_generator(tmp_path)


def test_what_is_given_for_features_is_not_to_be_made_again(tmp_path: Path) -> None:
    image = write_images(tmp_path / "data") / "testA" / "0.png"
    with pytest.raises(UserError, match=rf"{image} is no features file: name a folder of images, or a file that"):
        load_features(image)


def test_a_single_image_given_as_a_folder_is_called_so(tmp_path: Path) -> None:
    image = write_images(tmp_path / "data") / "testA" / "0.png"
    with pytest.raises(UserError, match=rf"{image} is a file: name the folder of images that it lies in"):
        list_images(image)


@pytest.mark.parametrize("aim", ["nothing", "linked"])
def test_a_link_to_no_folder_is_called_so(tmp_path: Path, aim: str) -> None:
    (tmp_path / "linked").symlink_to(tmp_path / aim)
    with pytest.raises(UserError, match=rf"linked is a link to {tmp_path}/{aim}, where no folder is: mend the link"):
        list_images(tmp_path / "linked")


def test_another_layout_is_named(tmp_path: Path) -> None:
    for name in ("train/A", "train/B", "test/A", "test/B"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UserError, match=r"trainA does not exist \(there are test/A, test/B, train/A, train/B: copy or"):
        list_images(tmp_path / "trainA")


def test_one_gpu_of_several_is_chosen_by_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    from enco.training.arguments import parse_arguments

    with pytest.raises(SystemExit):
        parse_arguments(["--method", "cut", "--out", "a", "--data", "b", "--device", "cuda:1"])
    said = capsys.readouterr().err.splitlines()[-1]
    assert "put CUDA_VISIBLE_DEVICES=1 before the command, and give --device cuda" in said


def test_a_rule_that_makes_many_files_is_no_target() -> None:
    plan = Plan.load(yaml.safe_load((ROOT / "config" / "demo.yaml").read_text()), base=ROOT)
    rules = [("all_tables", False), ("train", True)]
    check_targets(plan, rules, ["all_tables"])
    with pytest.raises(UserError, match=r"'train' makes one file of many: name a file, such as results/.*json") as said:
        check_targets(plan, rules, ["train"])
    (example,) = re.findall(r"results/\S+json", str(said.value))
    check_targets(plan, rules, [example])
