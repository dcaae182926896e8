"""An image that does not fit the memory is a sentence, before the kernel ends the process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from enco.errors import UserError
from enco.methods import create
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.methods.parts.memory_need import MemoryNeed
from enco.runtime.memory import free_memory
from tests.support.tiny_methods import tiny_method

ROOT = Path(__file__).parents[2]
SAID = (
    r"Translating an image of {0} x {0} pixels needs about ([\d,.]+) GB of memory, and ([\d.]+) GB are free: translate"
)
MEASURE = """
from pathlib import Path
import torch
from enco.methods import create

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

method = create("{name}", **{options})
images = torch.rand(1, 3, {side}, {side})
Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
before = status("VmRSS")
with torch.inference_mode():
    method.translate(images)
print(status("VmHWM") - before)
"""


def test_an_image_larger_than_any_memory_is_refused(tmp_path: Path) -> None:
    save_generator(tiny_method("munit"), tmp_path / "g.safetensors")
    translator, side = load_generator(tmp_path / "g.safetensors"), 2**20
    huge = torch.zeros(1, 3, 1, 1).expand(1, 3, side, side)
    with pytest.raises(UserError, match=SAID.format(side)) as caught:
        translator(huge)
    needed = float(re.findall(r"about ([\d,.]+) GB", str(caught.value))[0].replace(",", ""))
    assert needed == pytest.approx(MemoryNeed(translator.method).bytes_per_pixel * side**2 / 1e9, abs=0.1)
    with pytest.raises(UserError, match=r"Translating 2 images .*\(--size\), or fewer at a time \(--batch-size 1\)\."):
        translator(huge.expand(2, 3, side, side))


@pytest.mark.slow
def test_the_command_heeds_a_limit_of_the_shell(tmp_path: Path) -> None:
    """The image itself fits: what is refused is the work on it."""
    save_generator(create("cyclegan", n_blocks=1), tmp_path / "g.safetensors")
    Image.new("RGB", (60, 60)).save(tmp_path / "photo.png")
    words = f"{tmp_path}/photo.png --generator {tmp_path}/g.safetensors --out {tmp_path}/out.png --size 4000"
    command = f"ulimit -v {8 * 2**20} && {sys.executable} -m enco.translate {words} --device cpu --threads 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and re.search(SAID.format(4000), done.stderr), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.safetensors", "photo.png"]


def test_a_refusal_of_memory_is_explained_and_other_errors_pass() -> None:
    need = MemoryNeed(tiny_method("cut"))
    said = r"an image of 64 x 32 pixels needs about 0\.0 GB of memory, and the cpu has less"
    with pytest.raises(UserError, match=said), need.explained((1, 32, 64)):
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="size of tensor"), need.explained((1, 32, 64)):
        torch.zeros(2) + torch.zeros(3)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("name", ["cut", "cyclegan", "munit", "drit"])
def test_what_is_needed_is_about_what_is_taken(name: str) -> None:
    options, side = {"ngf": 32, "n_blocks": 6}, 768
    code = MEASURE.format(name=name, options=options, side=side)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    needed = MemoryNeed(create(name, **options)).bytes_per_pixel * side**2
    assert 0.6 < int(done.stdout) / needed < 1.6, int(done.stdout) / needed


def test_some_memory_is_free() -> None:
    assert 2**20 < free_memory() < 2**50
