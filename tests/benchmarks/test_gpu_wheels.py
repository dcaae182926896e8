"""Wheels for the GPU script: which of them fit this machine, and that they are there for one call alone."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks.gpu.wheels import fits

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.sh"


def wheel(folder: Path, name: str, module: str, tag: str = "py3-none-any") -> None:
    """A wheel of one empty module."""
    with zipfile.ZipFile(folder / f"{name}-1-{tag}.whl", "w") as file:
        file.writestr(f"{module}.py", "")
        file.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        file.writestr(f"{name}-1.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{name}-1.dist-info/RECORD", "")


MINOR = sys.version_info.minor


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="manylinux is for glibc")
@pytest.mark.parametrize(
    ("tags", "fit"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py2-none-any", False),
        (f"cp3{MINOR}-cp3{MINOR}-manylinux_2_12_MACHINE.manylinux2010_MACHINE", True),
        (f"1-cp3{MINOR}-cp3{MINOR}-manylinux2014_MACHINE", True),
        (f"cp3{MINOR}-cp3{MINOR}-manylinux_2_99_MACHINE", False),
        (f"cp3{MINOR}-cp3{MINOR}-manylinux2014_vax", False),
        (f"cp3{MINOR}-cp3{MINOR}-musllinux_1_2_MACHINE", False),
        (f"cp3{MINOR + 1}-cp3{MINOR + 1}-linux_MACHINE", False),
        ("cp38-abi3-linux_MACHINE", True),
        (f"cp3{MINOR + 1}-abi3-linux_MACHINE", False),
        ("py3-none-win_amd64", False),
    ],
)
def test_a_wheel_fits_by_the_tags_in_its_name(tags: str, fit: bool) -> None:
    assert fits(Path(f"a_package-1.0-{tags.replace('MACHINE', platform.machine())}.whl")) == fit


def test_each_wheel_that_the_machine_lacks_and_can_use_is_unpacked_for_the_jobs_and_removed_again(
    tmp_path: Path,
) -> None:
    wheel(tmp_path, "elsewhere", "elsewhere", tag="cp27-cp27m-win32")
    wheel(tmp_path, "extra", "extra")
    (tmp_path / "torn-1-py3-none-any.whl").write_text("half a file")
    wheel(tmp_path, "pydantic_core", "shadow")
    python = tmp_path / "python"
    show = "import extra, benchmarks.gpu, importlib.util as i; print(extra.__file__, i.find_spec('shadow'))"
    python.write_text(f'#!/bin/sh\n[ "$2" = benchmarks.gpu ] && set -- -c "{show}"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "WHEELS": str(tmp_path)}
    done = subprocess.run(["bash", SCRIPT, "out"], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    extra, shadow = done.stdout.split()
    assert Path(extra).name == "extra.py" and not Path(extra).exists() and shadow == "None"
    for name in ("elsewhere-1-cp27-cp27m-win32.whl", "torn-1-py3-none-any.whl"):
        assert f"{name} cannot be installed here" in done.stderr
