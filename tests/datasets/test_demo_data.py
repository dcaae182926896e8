"""The procedural demo archives: layout, seeds, labels, and that they are whole or absent."""

import errno
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from enco.data.folders import SETS
from enco.data.manifest import read_manifest_hash
from enco.datasets import __main__ as cli
from enco.datasets.demo import ARCHIVES, archive, horse2zebra, make_archive, palettes
from enco.datasets.demo.canvas import Canvas
from enco.datasets.demo.paint import paint
from enco.datasets.link import link_folder
from enco.datasets.sheet import contact_sheet, data_folders
from enco.errors import UserError

PALETTES = {"cityscapes": palettes.CITYSCAPES, "facades": palettes.FACADES}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All six archives, small, with a quarter of the images."""
    out = tmp_path_factory.mktemp("demo")
    for name in ARCHIVES:
        make_archive(name, out, seed=3, size=32, scale_counts=0.25)
    return out


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", ARCHIVES)
def test_layout_and_counts(demo: Path, name: str) -> None:
    kinds = ARCHIVES[name]
    for split, counts in (("train", kinds.train), ("test", kinds.test)):
        for domain, count in zip("AB", counts, strict=True):
            files = sorted((demo / name / f"{split}{domain}").iterdir())
            assert len(files) == -(-count // 4)
            images = [Image.open(file) for file in files]
            assert {(image.mode, image.size, image.format) for image in images} == {("RGB", (32, 32), "PNG")}
            assert len({image.tobytes() for image in images}) == len(files)
    assert len(read_manifest_hash(demo / name)) == 64


def test_namesakes_keep_their_inequality() -> None:
    horse, season, painter = (ARCHIVES[n] for n in ("horse2zebra", "summer2winter_yosemite", "vangogh2photo"))
    assert horse.train[0] < horse.train[1] and horse.test == (20, 24)
    assert season.train[0] > season.train[1] and season.test == (28, 22)
    assert painter.train[0] < painter.train[1] and painter.test == (16, 28)
    assert ARCHIVES["afhq"].test == (24, 24)


@pytest.mark.parametrize("name", ARCHIVES)
def test_seed_decides_every_byte(tmp_path: Path, name: str) -> None:
    first = contents(make_archive(name, tmp_path / "one", seed=1, size=16, scale_counts=0.04))
    assert contents(make_archive(name, tmp_path / "two", seed=1, size=16, scale_counts=0.04)) == first
    assert contents(make_archive(name, tmp_path / "two", seed=2, size=16, scale_counts=0.04)) != first


def test_domains_and_splits_show_different_scenes(demo: Path) -> None:
    root = demo / "afhq"
    seen = [pixels(file).tobytes() for name in ("trainA", "testA") for file in (root / name).iterdir()]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_label_map_agrees_with_its_colours(demo: Path, name: str, split: str) -> None:
    colours = np.array(list(PALETTES[name].values()), dtype=np.uint8)
    stems = sorted(file.name for file in (demo / name / f"{split}A").iterdir())
    for suffix in ("B", "A_labels"):
        assert sorted(file.name for file in (demo / name / f"{split}{suffix}").iterdir()) == stems
    for stem in stems:
        labels = pixels(demo / name / f"{split}A_labels" / stem)
        assert labels.dtype == np.uint8 and labels.max() < len(colours)
        np.testing.assert_array_equal(colours[labels], pixels(demo / name / f"{split}B" / stem))


def test_palette_is_that_of_cityscapes() -> None:
    assert list(palettes.CITYSCAPES)[:3] == ["road", "sidewalk", "building"] and len(palettes.CITYSCAPES) == 19
    assert palettes.CITYSCAPES["car"] == (0, 0, 142) and palettes.CITYSCAPES["bicycle"] == (119, 11, 32)
    assert palettes.colour_map(np.array([[0, 255]], dtype=np.uint8), palettes.CITYSCAPES).tolist() == [
        [[128, 64, 128], [0, 0, 0]]
    ]


@pytest.mark.parametrize(("name", "size"), [("cityscapes", 64), ("cityscapes", 32), ("facades", 64)])
def test_every_class_occurs_in_a_test_set(name: str, size: int) -> None:
    kinds = ARCHIVES[name]
    seen: set[int] = set()
    for index in range(kinds.test[0]):
        _, _, labels = kinds.draw(Canvas(size), np.random.default_rng([5, index]), "A", index)
        seen |= set(np.unique(labels).tolist())
    assert seen == set(range(len(PALETTES[name])))


def test_photo_follows_its_label_map(demo: Path) -> None:
    """Pixels of one class look more alike than pixels of different classes: sky is brighter than road everywhere."""
    for file in sorted((demo / "cityscapes" / "trainA").iterdir()):
        photo = pixels(file).mean(axis=2)
        labels = pixels(demo / "cityscapes" / "trainA_labels" / file.name)
        assert photo[labels == 10].mean() > photo[labels == 0].mean() + 15


def test_photo_does_not_look_like_its_label_map(demo: Path) -> None:
    file = next((demo / "cityscapes" / "testA").iterdir())
    assert len(np.unique(pixels(file).reshape(-1, 3), axis=0)) > 600


@pytest.mark.parametrize(("name", "rows"), [("horse2zebra", slice(-6, None)), ("afhq", slice(None))])
def test_domains_differ_in_colour(demo: Path, name: str, rows: slice) -> None:
    """Brown horses stand on green grass, zebras on yellow; grey cats lie on blue, brown dogs on green."""

    def warmth(domain: str) -> float:
        images = np.stack([pixels(file)[rows] for file in (demo / name / f"train{domain}").iterdir()]).astype(float)
        red, green, blue = images.mean(axis=(0, 1, 2))
        return float(red - green if name == "horse2zebra" else (red + green) / 2 - blue)

    assert warmth("B") > warmth("A") + 30


def test_with_one_seed_horse_and_zebra_share_the_lie_of_the_land() -> None:
    horizons = {horse2zebra.land(Canvas(48), np.random.default_rng(11), look) for look in horse2zebra.LOOKS.values()}
    assert len(horizons) == 1


def test_photos_are_soft() -> None:
    """The step from black to white is spread over pixels: narrow networks can draw it."""
    canvas = Canvas(64)
    canvas.fill(np.array([[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]), (255, 255, 255))
    row = np.asarray(canvas.photo(np.random.default_rng(0), light=0))[32, :, 0].astype(int)
    assert row[0] == 0 and row[-1] == 255
    assert 60 < row[32] - row[31] < 130


def test_zebras_have_bolder_stripes_than_horses(demo: Path) -> None:
    def contrast(domain: str) -> float:
        middle = [pixels(f)[14:24, 8:24].mean(axis=2) for f in (demo / "horse2zebra" / f"train{domain}").iterdir()]
        return float(np.mean([np.abs(np.diff(m, axis=1)).mean() for m in middle]))

    assert contrast("B") > 1.5 * contrast("A")


def test_winter_is_paler_than_summer_and_paintings_more_vivid_than_photos(demo: Path) -> None:
    def saturation(name: str, domain: str) -> float:
        files = (demo / name / f"train{domain}").iterdir()
        return float(np.mean([np.asarray(Image.open(f).convert("HSV"))[..., 1].mean() for f in files]))

    assert saturation("summer2winter_yosemite", "A") > 1.5 * saturation("summer2winter_yosemite", "B")
    assert saturation("vangogh2photo", "A") > 1.5 * saturation("vangogh2photo", "B")


def test_any_size_works(tmp_path: Path) -> None:
    for size in (24, 96):
        folder = make_archive("facades", tmp_path / str(size), size=size, scale_counts=0.04)
        assert pixels(next((folder / "testA").iterdir())).shape == (size, size, 3)


def test_all_archives_take_seconds(tmp_path: Path) -> None:
    """All of it in under 20 s on a quiet core: a tenth of the images, with a wide margin for a slow machine."""
    start = time.process_time()
    for name in ARCHIVES:
        make_archive(name, tmp_path, scale_counts=0.1)
    assert time.process_time() - start < 8.0


def test_disk_full_leaves_no_half_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(root: Path, source: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "write_manifest", full)
    with pytest.raises(UserError, match="Disk full while writing"):
        make_archive("afhq", tmp_path, size=16, scale_counts=0.04)
    assert [p.name for p in tmp_path.iterdir()] == [".afhq.lock"]


def test_killed_run_leaves_no_archive_and_the_next_clears_it_up(tmp_path: Path) -> None:
    with maker(tmp_path / "afhq") as process:
        process.kill()
    assert [p.name for p in tmp_path.glob("*afhq*") if p.is_dir()] == [f".afhq.{process.pid}.partial"]
    folder = make_archive("afhq", tmp_path, size=16, scale_counts=0.04)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".afhq.lock", "afhq"]
    assert (folder / "manifest.json").is_file()


def test_two_processes_that_make_one_folder_take_turns(tmp_path: Path) -> None:
    """The first one's folder is not cleared away as a leftover: its archive comes whole, then the second one's."""
    with maker(tmp_path / "afhq") as process, ThreadPoolExecutor() as pool:
        second = pool.submit(make_archive, "afhq", tmp_path, size=16, scale_counts=0.04)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.5)
        assert (tmp_path / f".afhq.{process.pid}.partial").is_dir()
        process.communicate("go on", timeout=120)
        assert process.returncode == 0
        assert not (second.result(timeout=120) / "first").exists()
    assert len(contents(tmp_path / "afhq")) > 8
    assert [p.name for p in data_folders(tmp_path)] == ["afhq"]


def maker(folder: Path) -> subprocess.Popen[str]:
    """A process that is in the middle of making a folder, until it is told to go on."""
    code = (
        "import pathlib, sys\n"
        "from enco.data.manifest import save_manifest\n"
        "from enco.datasets.new_folder import new_folder\n"
        "with new_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'first').mkdir()\n"
        "    save_manifest(folder, {}, {'drawn': 'a test'})\n"
        "    print('begun', flush=True)\n"
        "    input()\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    return process


def test_failure_keeps_the_earlier_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(make_archive("afhq", tmp_path, size=16, scale_counts=0.04))

    def fail(root: Path, source: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(archive, "write_manifest", fail)
    with pytest.raises(RuntimeError):
        make_archive("afhq", tmp_path, seed=1, size=16, scale_counts=0.04)
    assert contents(tmp_path / "afhq") == before


def test_own_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "afhq").mkdir()
    (tmp_path / "afhq" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not replaced"):
        make_archive("afhq", tmp_path, size=16, scale_counts=0.04)
    assert (tmp_path / "afhq" / "thesis.txt").read_text() == "mine"


def test_linked_folder_shows_the_same_images(demo: Path, tmp_path: Path) -> None:
    folder = link_folder(demo / "cityscapes", tmp_path / "linked")
    assert read_manifest_hash(folder) == read_manifest_hash(demo / "cityscapes")
    assert (folder / "testA_labels" / "0000.png").read_bytes() == (
        demo / "cityscapes/testA_labels/0000.png"
    ).read_bytes()
    link_folder(demo / "facades", folder)
    assert read_manifest_hash(folder) == read_manifest_hash(demo / "facades")
    assert (demo / "cityscapes" / "testA" / "0000.png").is_file()


def test_linking_what_is_no_data_folder_leaves_nothing(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        link_folder(demo, tmp_path / "linked")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_replaced_by_links_to_itself(tmp_path: Path) -> None:
    source = make_archive("afhq", tmp_path, size=16, scale_counts=0.04)
    before = contents(source)
    for target in (source, tmp_path / "gone" / ".." / "afhq", tmp_path):
        with pytest.raises(UserError, match="holds the images to be linked"):
            link_folder(source, target)
    assert contents(source) == before


def test_unknown_dataset_and_absurd_size_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'horses'.*choose one of .*horse2zebra"):
        make_archive("horses", tmp_path)
    with pytest.raises(UserError, match="too small"):
        make_archive("afhq", tmp_path, size=4)


def test_contact_sheet_shows_every_set(demo: Path) -> None:
    folders = data_folders(demo)
    assert [folder.name for folder in folders] == sorted(ARCHIVES)
    sheet = np.asarray(contact_sheet(folders, per_set=2, tile=32))
    blocks = sheet.reshape(12, sheet.shape[0] // 12, 2, sheet.shape[1] // 2, 3)
    assert (blocks.std(axis=(1, 3)) > 10).all()
    with pytest.raises(UserError, match="no trainA"):
        data_folders(demo / "afhq" / "trainA")


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["enco.datasets", *words])
        cli.main()
        return capsys.readouterr().out

    run("demo", "--out", str(tmp_path), "--dataset", "afhq", "--size", "16", "--scale-counts", "0.04")
    assert "trainA" in run("check", str(tmp_path / "afhq"))
    assert run("manifest", str(tmp_path / "afhq")).strip() == read_manifest_hash(tmp_path / "afhq")
    run("link", str(tmp_path / "afhq"), "--out", str(tmp_path / "linked"))
    assert read_manifest_hash(tmp_path / "linked") == read_manifest_hash(tmp_path / "afhq")
    run("sheet", str(tmp_path), "--out", str(tmp_path / "sheet.png"))
    assert Image.open(tmp_path / "sheet.png").format == "PNG"


def test_link_command_counts_images_and_takes_names_with_spaces(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = shutil.copytree(demo / "cityscapes", tmp_path / "my photos" / "city scapes"), tmp_path / "my links"
    for path in source.glob("*/0000.png"):
        path.rename(path.with_name("first of all.png"))
    count = len(list((source / "trainA").iterdir()))

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["enco.datasets", *words])
        cli.main()
        return capsys.readouterr().out

    link = ("link", str(source), "--out", str(out), "--catalogue", str(tmp_path / "sets.yaml"), "--like")
    counts = dict.fromkeys(SETS, count) | {name: len(list((source / name).iterdir())) for name in ("testA", "testB")}
    archives = [{"name": "city.zip"}]
    entries = {
        "right": {"archives": archives, "counts": counts | {"trainA_labels": count, "testA_labels": counts["testA"]}},
        "wrong": {"archives": archives, "counts": counts | {"trainA": count + 1}, "other_releases": {"v2": counts}},
    }
    described = {name: {"site": "here", "licence": "none", **entry} for name, entry in entries.items()}
    (tmp_path / "sets.yaml").write_text(yaml.safe_dump({"datasets": described}))
    with pytest.raises(UserError, match=rf"has v2, .*{count} in trainA \(expected {count + 1}\)"):
        run(*link, "wrong")
    with pytest.raises(UserError, match=r"Unknown data set 'other'.*: choose one of right, wrong"):
        run(*link, "other")
    assert not out.exists()
    assert run(*link, "right").strip() == str(out)
    assert contents(source)["testA/first of all.png"] == (out / "testA" / "first of all.png").read_bytes()
    assert read_manifest_hash(out) == run("manifest", str(source)).strip()
    assert "testA_labels" in run("check", str(out))


def test_painting_keeps_the_picture_but_not_its_detail() -> None:
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(40, 215, (4, 4, 3)), np.ones((16, 16, 1)))
    fine = np.clip(coarse + rng.normal(0, 20, coarse.shape), 0, 255).astype(np.uint8)
    painted = np.asarray(paint(Image.fromarray(fine), np.random.default_rng(1)), dtype=float)
    assert painted.shape == coarse.shape
    assert np.corrcoef(painted.ravel(), coarse.ravel())[0, 1] > 0.85
    assert abs(np.corrcoef((painted - coarse).ravel(), (fine - coarse).ravel())[0, 1]) < 0.3
    again = np.asarray(paint(Image.fromarray(fine), np.random.default_rng(1)))
    np.testing.assert_array_equal(again, painted)


def test_painting_a_flat_picture_works() -> None:
    flat = Image.new("RGB", (32, 32), (120, 60, 30))
    painted = np.asarray(paint(flat, np.random.default_rng(0), colour_jitter=0.0), dtype=float)
    assert np.abs(painted - (120, 60, 30)).max() <= 14
