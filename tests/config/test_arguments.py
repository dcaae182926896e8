from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from enco.config.run import RunConfig
from enco.errors import UserError
from enco.runtime.devices import choose_device
from enco.training.arguments import load_settings, parse_arguments

SETTINGS = {"method": "enco", "task": "cat2dog", "data": {"root": "somewhere"}, "seed": 3, "options": {"k": 2}}
PERSON = ["--method", "enco", "--data", "photos", "--out", "here"]


def test_what_a_person_says() -> None:
    numbers = ["--epochs", "3", "4", "--seed", "5", "--threads", "1", "--checkpoint-every", "7"]
    options = ["--set", "k=2", "--set", "lr_g=1e-4", "--set", "pairs=[[3, 28]]"]
    given = parse_arguments([*PERSON, "--direction", "BtoA", "--tracking", "off", *numbers, *options])
    assert given.config.task == "photos"
    assert given.config.data.direction == "BtoA"
    assert (given.config.train.n_const, given.config.train.n_decay) == (3, 4)
    assert given.config.train.checkpoint_every == 7
    assert given.config.train.log_every == RunConfig.model_validate(SETTINGS).train.log_every
    assert given.config.options == {"k": 2, "lr_g": "1e-4", "pairs": [[3, 28]]}
    assert (given.config.seed, given.out, given.threads) == (5, Path("here"), 1)


def test_all_settings_in_one_text_or_file(tmp_path: Path) -> None:
    expected = RunConfig.model_validate(SETTINGS)
    (tmp_path / "run.yaml").write_text("method: enco\ntask: cat2dog\ndata: {root: somewhere}\nseed: 3\noptions: {k: 2}")
    for settings in (json.dumps(SETTINGS), expected.model_dump_json(), str(tmp_path / "run.yaml")):
        assert load_settings(settings) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "enco", "--out", "here"], "--method needs --data"),
        ([*PERSON, "--set", "k"], "--set NAME=VALUE"),
        ([*PERSON, "--checkpoint-every", "0"], "'train.checkpoint_every' in the command line"),
        (["--settings", "none.yaml", "--out", "here"], r"none\.yaml does not exist"),
        (["--settings", "{", "--out", "here"], "--settings is not readable YAML"),
        ([*PERSON, "--set", "k=["], "--set k=\\[ is not readable YAML"),
        (["--settings", '{"metod": "enco"}', "--out", "here"], "'m"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        parse_arguments(arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("out", ["photos", "photos/../photos", "photos/trainA", "photos/testB/run"])
def test_a_run_is_not_written_among_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match=f"--out {out} is a folder of the images themselves: name another one"):
        parse_arguments([*PERSON, "--out", out])
    assert parse_arguments([*PERSON, "--out", "photos/runs"]).out == Path("photos/runs")


def test_a_settings_file_without_keys_is_told_what_keys_there_are(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("[1, 2]")
    with pytest.raises(UserError, match=r"run\.yaml holds no mapping of keys to values: see the fields of RunConfig"):
        load_settings(str(tmp_path / "run.yaml"))


@pytest.mark.parametrize(
    "words",
    [
        *(["--seed", "0"], ["--direction", "AtoB"], ["--compute", "plain"], ["--tracking", "sync"]),
        *(["--cache-mb", "64"], ["--levels", "16bit"], ["--recursive"], ["--set", "k=2"], ["--epochs", "1", "1"]),
    ],
)
def test_a_flag_beside_settings_is_refused_also_where_it_says_the_default(words: list[str]) -> None:
    with pytest.raises(UserError, match=f"Beside --settings {words[0]} would be ignored"):
        parse_arguments(["--settings", json.dumps(SETTINGS), "--out", "here", *words])
    assert parse_arguments(["--settings", json.dumps(SETTINGS), "--out", "here"]).config.seed == 3


def test_settings_and_method_exclude_each_other() -> None:
    with pytest.raises(SystemExit):
        parse_arguments([*PERSON, "--settings", "{}"])


def test_the_device_is_chosen_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("mps")
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match="has no cuda device: choose one of mps, cpu"):
        choose_device("cuda")


GIVEN = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", GIVEN)
def test_a_gpu_that_was_given_and_is_not_seen_is_no_reason_for_the_cpu(name: str, no_gpu: pytest.MonkeyPatch) -> None:
    no_gpu.setenv(name, "1")
    no_gpu.setattr(torch.version, "cuda", "13.2")
    with pytest.raises(UserError, match=rf"A GPU was given \({name}=1\) .* built for CUDA 13\.2, .*--device cpu"):
        choose_device("auto")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("hidden", ["", "-1", "NoDevFiles", None])
def test_without_a_gpu_that_was_given_auto_is_the_cpu(hidden: str | None, no_gpu: pytest.MonkeyPatch) -> None:
    if hidden is not None:
        no_gpu.setenv("CUDA_VISIBLE_DEVICES", hidden)
        no_gpu.setenv("SLURM_JOB_GPUS", "0")
    assert choose_device("auto") == torch.device("cpu")


def test_choosing_a_device_takes_torch_without_an_image_library() -> None:
    code = "import sys; sys.modules['PIL'] = None; from enco.runtime.devices import choose_device; choose_device('cpu')"
    subprocess.run([sys.executable, "-c", code], check=True)
