"""`python -m enco.translate`: files, folders, globs, streams; and the name `enco.translate`, which stays a function."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import enco
from enco import notices
from enco.errors import UserError
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.translate import main
from enco.translation import translate_folder
from tests.support.tiny_methods import tiny_method
from tests.support.tiny_runs import write_images
from tests.system.test_imports import modules_after

ROOT = Path(__file__).parents[2]
Run = Callable[..., None]


def noise(path: Path, width: int, height: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def array(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in a folder with a generator and photos of three sizes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(notices, "_said", {})
    save_generator(tiny_method("cyclegan"), "g.safetensors", direction="AtoB")
    for index, size in enumerate(((40, 40), (30, 21), (50, 9))):
        noise(tmp_path / "photos" / f"{index}.png", *size, index)
    noise(tmp_path / "photos" / "deep" / "9.png", 33, 33, 9)

    def command(*words: str) -> None:
        main([*words, "--generator", "g.safetensors", "--device", "cpu", "--threads", "1"])

    return command


def test_one_file_becomes_one_file_as_from_python(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    generator = load_generator("g.safetensors")
    run("photos/1.png", "--out", "made/one.png", "--keep-size")
    assert capsys.readouterr().out == "1 image, of 30 x 21 pixels, translated into made/one.png\n"
    wanted = generator(Image.open("photos/1.png"), keep_size=True)
    assert np.array_equal(array(Path("made/one.png")), np.asarray(wanted))
    run("photos/1.png", "--out", "small.png")
    assert np.array_equal(array(Path("small.png")), np.asarray(generator(Image.open("photos/1.png"))))
    run("photos/1.png", "--out", "back.png", "--size", "48", "--backward")
    wanted = generator(Image.open("photos/1.png"), "backward", size=48)
    assert np.array_equal(array(Path("back.png")), np.asarray(wanted))
    run("photos/1.png", "--out", "one.jpg", "--keep-size", "--dtype", "bfloat16")
    assert Image.open("one.jpg").format == "JPEG" and Image.open("one.jpg").size == (30, 21)


def test_a_folder_becomes_a_folder_as_the_pipeline_makes_it(run: Run) -> None:
    run("photos", "--out", "made")
    wanted = translate_folder("g.safetensors", "photos", "wanted")
    assert sorted(path.name for path in Path("made").iterdir()) == [path.name for path in wanted]
    assert all((Path("made") / path.name).read_bytes() == path.read_bytes() for path in wanted)
    run("photos", "--out", "all", "--recursive", "--keep-size", "--batch-size", "3")
    assert {path.relative_to("all").as_posix() for path in Path("all").rglob("*.png")} == {
        *("0.png", "1.png", "2.png", "deep/9.png")
    }
    assert Image.open("all/2.png").size == (50, 9)


def test_globs_and_several_files_become_a_folder(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/notes.txt").touch()
    run("photos/*", "--out", "made", "--keep-size")
    told = capsys.readouterr()
    assert "Left out of photos/*: 1 files that are no images by their ending." in told.err
    assert sorted(path.name for path in Path("made").iterdir()) == ["0.png", "1.png", "2.png", "9.png"]
    run("photos/[01].png", "photos/deep", "photos/0.png", "--out", "some")
    assert sorted(path.name for path in Path("some").iterdir()) == ["0.png", "1.png", "9.png"]
    run("photos/**/9.png", "--out", "one")
    assert [path.name for path in Path("one").iterdir()] == ["9.png"]
    run("photos/0.png", "--out", "single")
    assert [path.name for path in Path("single").iterdir()] == ["0.png"]


@pytest.mark.parametrize(("word", "out"), [("photos", "made"), ("photos/tiny.png", "made.png")])
def test_an_image_too_small_to_keep_its_size_is_named(run: Run, word: str, out: str) -> None:
    noise(Path("photos/tiny.png"), 7, 40)
    with pytest.raises(UserError, match=r"photos/tiny\.png of 7 x 40 pixels .* sides of at least 8: give a size"):
        run(word, "--out", out, "--keep-size")
    assert not Path(out).exists()


def test_a_stream_becomes_a_stream_of_a_png_alone(run: Run, tmp_path: Path) -> None:
    """The photo is squashed, so that a message is printed, which must not end in the picture."""
    command = [sys.executable, "-m", "enco.translate", "-", "--generator", tmp_path / "g.safetensors", "--out", "-"]
    given = Path("photos/1.png").read_bytes()
    done = subprocess.run([*command, "--keep-size"], cwd=ROOT, input=given, capture_output=True, check=True)
    wanted = load_generator("g.safetensors")(Image.open("photos/1.png"), keep_size=True)
    made = Image.open(io.BytesIO(done.stdout))
    assert made.format == "PNG" and np.array_equal(np.asarray(made), np.asarray(wanted))
    torn = subprocess.run(command, cwd=ROOT, input=given[:99], capture_output=True)
    assert torn.returncode == 2 and torn.stdout == b""
    assert torn.stderr.startswith(b"error: The image on stdin is truncated or not an image")
    command[3] = tmp_path / "photos" / "1.png"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert Image.open(io.BytesIO(done.stdout)).size == (32, 32)
    assert b"is squashed to 32 x 32" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.png", "--out", "x.png"), r"No image matches nothing\.png: correct the name or pattern"),
        (("nothing*", "--out", "x"), r"No image matches nothing\*: correct the name or pattern"),
        (("photos", "--out", "-"), "--out - is for one image: name a folder"),
        (("-", "photos", "--out", "x"), "- is one image on stdin: give it alone"),
        (
            ("photos/0.png", "photos/copy/0.png", "--out", "x"),
            r"photos/0\.png and photos/copy/0\.png would both become 0",
        ),
        (("photos/0.png", "photos/1.png", "--out", "photos"), "--out photos is the folder of the images themselves"),
        (("photos/deep", "--out", "photos"), r"The folder photos holds other files, such as 0\.png"),
        (("photos", "--out", "photos/new", "--recursive"), "lies in the folder of the images, whose sub-folders"),
        (("photos/0.png", "--out", "g.safetensors"), "--out g.safetensors tells no format of images"),
        (("photos/0.png", "--out", "made.gif"), r"--out made.gif tells no format of images: give it an ending such"),
        (("photos/0.png", "--out", "photos/0.png", "--keep-size"), "--out photos/0.png is the image itself"),
        (("photos/0.png", "--out", "photos/deep/../0.png"), "is the image itself"),
        (("photos/0.png", "--out", "link.png"), "--out link.png is the image itself: name another file"),
        (("photos/deep", "--out", "one.png"), "--out one.png has the ending of an image, .* name a folder"),
        (("photos/1*.png", "photos/0.png", "--out", "one.gif"), "--out one.gif has the ending of an image"),
        (("photos/[0]*", "--out", "one.JPG"), "--out one.JPG has the ending of an image"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_all_as_it_was(run: Run, words: tuple[str, ...], said: str) -> None:
    shutil.copytree("photos/deep", "photos/copy")
    Path("link.png").symlink_to("photos/0.png")
    noise(Path("photos/copy/0.png"), 8, 8)
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=said):
        run(*words)
    after = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert {path for path in after if not path.name.endswith(".lock")} == before.keys()
    assert all(after[path] == before[path] for path in before)


def test_an_image_on_stdin_needs_a_name_that_tells_a_format(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(Path("photos/0.png").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(UserError, match=r"--out made tells no format of images: give it an ending such as \.png"):
        run("-", "--out", "made")


def test_a_bar_is_shown_on_a_terminal_and_nowhere_else(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("photos", "--out", "made", "--size", "32")
    assert "image/s" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run("photos", "--out", "made", "--size", "32")
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("direction", "name", "words", "said"),
    [
        ("AtoB", "testB", (), "testB is domain B's by its name, and this translates A to B: translate with --backward"),
        ("AtoB", "trainB", (), "trainB is domain B's"),
        ("AtoB", "testA", ("--backward",), "this translates B to A: translate without --backward, if"),
        ("BtoA", "testA", (), "testA is domain A's by its name, and this translates B to A"),
        ("AtoB", "testA", (), None),
        ("AtoB", "testB", ("--backward",), None),
        ("BtoA", "testB", (), None),
        ("", "testB", (), None),
    ],
)
def test_a_folder_of_the_other_side_is_warned_of(
    run: Run, direction: str, name: str, words: tuple[str, ...], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {"direction": direction} if direction else {}
    save_generator(tiny_method("cyclegan"), "g.safetensors", **about)
    noise(Path(name) / "0.png", 32, 32)
    for images, out in ((name, "made"), (f"{name}/0.png", "made.png")):
        notices._said.clear()
        run(images, "--out", out, *words)
        told = capsys.readouterr().err
        assert (said in told and told.count("\n") == 1) if said else told == ""


def test_a_one_sided_generator_is_told_what_to_give(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    save_generator(tiny_method("cut"), "g.safetensors", direction="AtoB")
    noise(Path("testB/0.png"), 32, 32)
    run("testB", "--out", "made")
    assert "this translates A to B: give it images of domain A, if that is not meant." in capsys.readouterr().err
    with pytest.raises(UserError, match="one-sided and cannot translate backward"):
        run("testB", "--out", "back", "--backward")
    assert not Path("back").exists()


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_training_writes_its_direction_into_the_file(tmp_path: Path, direction: str) -> None:
    from tests.eval.test_left_out import train_one_step

    train_one_step(write_images(tmp_path / "data"), tmp_path / "run", "--direction", direction)
    assert load_generator(tmp_path / "run" / "generator.safetensors").metadata["direction"] == direction


def test_the_name_stays_a_function_when_the_module_is_imported() -> None:
    code = "import enco.translate; import enco; assert enco.translate.__module__ == 'enco.translation', enco.translate"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True)
    assert enco.translate is enco.translation.translate  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "words",
    [
        ("nothing*.png", "--out", "made"),
        ("0.png", "--out", "0.png"),
        ("0.png", "--out", "made.xyz"),
        ("*.png", "--out", "made.png"),
        ("*.png", "--out", "-"),
    ],
)
def test_a_mistake_imports_no_torch(tmp_path: Path, words: tuple[str, ...]) -> None:
    noise(tmp_path / "0.png", 8, 8)
    code = f"""
import os
from enco.errors import UserError
from enco.translate import main
os.chdir({str(tmp_path)!r})
try:
    main([*{words!r}, "--generator", "g.safetensors"])
except UserError:
    pass
else:
    raise AssertionError
"""
    assert not {"torch", "scipy", "pandas"} & modules_after(code)


def test_the_pages_commands_work(run: Run) -> None:
    noise(Path("photo.jpg"), 50, 30)
    noise(Path("more/other.jpg"), 21, 40)
    shutil.move("g.safetensors", "generator.safetensors")
    page = (ROOT / "docs" / "generators.md").read_text(encoding="utf-8")
    commands = page.partition("\n## Translate\n")[2].partition("```bash\n")[2].partition("```")[0]
    script = commands.replace("python -m", f"{sys.executable} -m")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-ec", script], env=environment, check=True)
    assert commands.count("python -m enco.translate") == 3 and Image.open("painting.png").size == (32, 32)
    sizes = {path.name: Image.open(path).size for path in Path("paintings").iterdir()}
    assert sizes == {"0.png": (40, 40), "1.png": (30, 21), "2.png": (50, 9), "other.png": (21, 40)}
