"""Fine-tuning from a generator file, by the commands of docs/generators.md."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from enco.io.files import read_json, sha256
from enco.methods.parts.generator_file import save_generator
from tests.support.pipeline import ENVIRONMENT, ROOT, pipeline
from tests.support.tiny_methods import tiny_method, tiny_options
from tests.support.tiny_runs import write_images

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def commands() -> tuple[str, str]:
    """The commands of the section: of a training, and of the workflow."""
    section = (ROOT / "docs" / "generators.md").read_text().partition("## Fine-tune")[2].partition("\n## ")[0]
    first, second = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return first, second


def test_the_training_of_the_page_starts_from_the_file(commands: tuple[str, str], tmp_path: Path) -> None:
    write_images(tmp_path / "data" / "photos")
    save_generator(tiny_method("cut"), tmp_path / "generator.safetensors")
    options = [word for key, value in tiny_options("cut").items() for word in ("--set", f"{key}={value}")]
    words = [*shlex.split(commands[0]), *options, "--set", "max_iterations=2", "--tracking", "off"]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(words, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert "Started from: generator; fresh: discriminator, heads (generator.safetensors, SHA-256" in said
    record = read_json(tmp_path / "runs" / "photos" / "run.json")
    assert record["settings"]["init"] == sha256(tmp_path / "generator.safetensors")


def test_the_workflow_trains_a_variant_that_the_table_names(commands: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "generator.safetensors"
    save_generator(tiny_method("cut", ngf=4, n_blocks=9), file)
    init = shlex.split(commands[1])[-1].replace("generator.safetensors", str(file))
    only = "only={tables: [methods], tasks: [horse2zebra], rows: [cut]}"
    words = ["results/methods.md", "--cores", "2", "--config", init, only]
    said = pipeline(tmp_path, *words)
    named = f"cut+init={sha256(file)[:8]}"
    assert f"Train {named} on horse2zebra, seed 0" in said
    table = (tmp_path / "results" / "methods.md").read_text()
    assert f"init=generator.safetensors (sha256 {sha256(file)[:12]})" in table
    assert "Nothing to be done" in pipeline(tmp_path, *words)
    assert "Train cut on horse2zebra" in pipeline(tmp_path, "-n", *words[:4], only), "another training without it"
