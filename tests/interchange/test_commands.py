"""`python -m enco.methods import` and `export`, and the page that shows them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from enco import load_generator
from enco.methods.__main__ import main
from tests.interchange import originals
from tests.interchange.original_files import NGF, resnet, save, seeded, weights
from tests.support.conda import ROOT
from tests.system.test_imports import modules_after

PAGE = (ROOT / "docs" / "generators.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", section(title), re.DOTALL | re.MULTILINE)


@pytest.fixture
def authors_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a folder with small files of the names that the page has."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("G", "G_A", "G_B")):
        save(weights(resnet("antialiased", seed)), tmp_path / f"latest_net_{name}.pth")
    return tmp_path


def test_the_pages_commands_work(authors_files: Path) -> None:
    original = (authors_files / "latest_net_G.pth").read_bytes()
    commands = [
        line for title in ("Import", "Export") for block in blocks(title, "bash") for line in block.splitlines()
    ]
    ours = [shlex.split(line) for line in commands if line.startswith("python -m enco.methods") and "onnx" not in line]
    assert {words[3] for words in ours} == {"import", "export"}
    for words in ours:
        main(words[3:])
    generator = load_generator("generator.safetensors")
    assert (generator.method_name, generator.is_one_way) == ("dclgan", False)
    assert {path.name for path in authors_files.glob("latest_net_G*.pth")} == {
        *("latest_net_G.pth", "latest_net_G_A.pth", "latest_net_G_B.pth")
    }
    assert (authors_files / "latest_net_G.pth").read_bytes() == original


def test_the_pages_python_works(authors_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("Import", "python")
    exec(code)
    assert capsys.readouterr().out.startswith("antialiased ")
    assert load_generator("generator.safetensors").metadata["task"] == "horse2zebra"


def test_an_import_says_what_it_made_and_left_out(authors_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(weights(seeded(originals.Heads((3, 2 * NGF, 4 * NGF), 4))), authors_files / "F.pth")
    words = "import latest_net_G.pth F.pth --method cut --out g.safetensors --set layers=[0,4,8]"
    main([*words.split(), "--set", "identity_nce=false"])
    first, second = capsys.readouterr().out.splitlines()
    assert first == "g.safetensors: cut, layout antialiased, 8 channels, 4 blocks, one direction, with heads"
    assert second.startswith("Left out, as it is fixed in this project or no translation uses it: model.11.filt")
    assert load_generator("g.safetensors").options["identity_nce"] is False


def test_an_export_names_its_files(authors_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", "latest_net_G_A.pth", "latest_net_G_B.pth", "--method", "dclgan", "--out", "g.safetensors"])
    capsys.readouterr()
    main(["export", "g.safetensors", "--format", "original", "--out", "e.pth"])
    assert capsys.readouterr().out.splitlines() == ["e_A.pth", "e_B.pth"]
    exported, original = (torch.load(file, weights_only=True) for file in ("e_A.pth", "latest_net_G_A.pth"))
    assert all(torch.equal(exported[key], original[key]) for key in original)


def test_a_mistake_is_one_line_on_stderr(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "enco.methods", "import", "none.pth", "--out", "g.safetensors"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: none.pth does not exist")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["import", "export"])
def test_help_has_an_example_that_the_command_understands(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"example: python -m enco.methods {command} " in said


def test_the_help_tells_the_direction_that_an_import_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "(default: AtoB for both directions, else what a file's name says)" in said


def test_the_help_of_the_commands_imports_no_torch() -> None:
    assert "torch" not in modules_after("import enco.methods.__main__, enco.interchange.commands")
