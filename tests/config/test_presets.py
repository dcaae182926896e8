"""The presets of training images: what they set, what they refuse, and the pictures that come out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enco.config.base import parse
from enco.config.run import RunConfig
from enco.data.images import to_tensor
from enco.data.unpaired import UnpairedImages
from enco.errors import UserError
from enco.methods import available, get, infos
from enco.options.base import MethodOptions, Preset, preset_options
from enco.training.arguments import parse_arguments
from enco.training.identity import config_hash
from eval.metrics.scores import changed_settings, read_run
from eval.tables.spec import load_tables
from tests.support.tiny_runs import run, tiny_config, write_images
from workflow.plan.grid import expand
from workflow.plan.scale import load_scale, tasks_of_scale

ROOT = Path(__file__).parents[2]
PRESETS: tuple[Preset, ...] = ("paper", "cut")
CROP_SIZES = st.integers(6, 512).map(lambda quarter: 4 * quarter)
N_CONST, N_DECAY, COUNT = 2, 2, 4


def test_sizes_at_the_papers_crop() -> None:
    loads = {name: MethodOptions(preprocess=name).load_size for name in PRESETS}
    assert loads == {"paper": 256, "cut": 286}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", sorted(available()))
def test_a_preset_is_the_same_for_every_method(method: str, preset: Preset) -> None:
    """It takes the place of the authors' own sizes, filters and jitter, which differ."""
    options = get(method).info.Options(preprocess=preset).model_dump()
    crop_size = get(method).info.Options().crop_size
    wanted: dict[str, Any] = {
        "load_size": crop_size if preset == "paper" else round(crop_size / 256 * 286),
        "flip": True,
    }
    wanted |= {"crop_size": crop_size, "resize": "square", "interpolation": "bicubic", "jitter_in_decay": False}
    assert {key: options[key] for key in wanted} == wanted


@pytest.mark.parametrize("method", sorted(available()))
def test_without_a_preset_a_method_keeps_its_authors_options(method: str) -> None:
    """Load and crop size, shape, filter, and whether the jitter goes on to the end: from the cards of the methods."""
    options = get(method).info.Options()
    found = (options.load_size, options.crop_size, options.resize, options.interpolation, options.jitter_in_decay)
    cut_family = (286, 256, "square", "bicubic", False)
    authors = {
        "cyclegan": (286, 256, "square", "bicubic", True),
        "fsesim": (286, 256, "square", "bicubic", True),
        "gcgan": (288, 256, "square", "bicubic", True),
        "drit": (256, 216, "square", "bicubic", True),
        "munit": (256, 256, "shorter", "bilinear", True),
        "distancegan": (286, 256, "shorter", "bilinear", True),
        "selfdistance": (286, 256, "shorter", "bilinear", True),
        "enco": (256, 256, "square", "bicubic", False),
    }
    assert found == authors.get(method, cut_family)
    assert options.flip and options.preprocess is None


@given(crop_size=CROP_SIZES, preset=st.sampled_from(PRESETS))
def test_sizes_scale_with_the_crop(crop_size: int, preset: Preset) -> None:
    options = MethodOptions(preprocess=preset, crop_size=crop_size)
    exact = crop_size * {"paper": 1, "cut": 286 / 256}[preset]
    assert options.load_size >= crop_size and abs(options.load_size - exact) <= 0.5
    assert MethodOptions(**options.model_dump()) == options


@given(preset=st.sampled_from(PRESETS), crop_size=CROP_SIZES, data=st.data())
def test_what_contradicts_a_preset_is_refused_and_what_repeats_it_is_not(
    preset: Preset, crop_size: int, data: st.DataObject
) -> None:
    wanted = preset_options(preset, crop_size)
    key, value = data.draw(
        st.one_of(
            st.tuples(st.just("load_size"), st.integers(8, 2000)),
            st.tuples(st.sampled_from(["flip", "jitter_in_decay"]), st.booleans()),
            st.tuples(st.just("resize"), st.sampled_from(["square", "shorter"])),
            st.tuples(st.just("interpolation"), st.sampled_from(["bicubic", "bilinear"])),
        )
    )
    values = {"preprocess": preset, "crop_size": crop_size, key: value}
    if value == wanted[key]:
        assert parse(MethodOptions, values, "a test").model_dump()[key] == value
    else:
        with pytest.raises(UserError, match=f"{key} {value} contradicts preprocess '{preset}', .* to {wanted[key]}: "):
            parse(MethodOptions, values, "a test")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preprocess": "none"}, "'preprocess' in a test: Input should be 'paper' or 'cut'"),
        ({"preprocess": ["cut"]}, "'preprocess' in a test: Input should be 'paper' or 'cut'"),
        ({"preprocess": "cut", "crop_size": "large"}, "'crop_size' in a test: Input should be a valid integer"),
    ],
)
def test_unusable_values_are_said_in_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(MethodOptions, values, "a test")


def test_a_crop_size_written_as_text_counts_too() -> None:
    assert MethodOptions.model_validate({"preprocess": "paper", "crop_size": "64"}).load_size == 64


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of 40 x 48 pixels, which no preset's size fits."""
    folder = tmp_path_factory.mktemp("presets")
    rng = np.random.default_rng(0)
    for name in ("trainA", "trainB"):
        (folder / name).mkdir()
        for number in range(COUNT):
            Image.fromarray(rng.integers(0, 256, (48, 40, 3), dtype=np.uint8)).save(folder / name / f"{number}.png")
    return folder


def windows(root: Path, load_size: int, crop_size: int) -> set[bytes]:
    """Every crop out of trainA's images, resized by Pillow's bicubic filter, and its mirror image."""
    found = set()
    for file in (root / "trainA").iterdir():
        image = Image.open(file).resize((load_size, load_size), Image.Resampling.BICUBIC)
        for left in range(load_size - crop_size + 1):
            for top in range(load_size - crop_size + 1):
                crop = image.crop((left, top, left + crop_size, top + crop_size))
                found |= {content(to_tensor(one)) for one in (crop, crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT))}
    return found


def content(image: torch.Tensor) -> bytes:
    return image.numpy().tobytes()


@pytest.mark.parametrize(("preset", "halves"), [("paper", (24, 24)), ("cut", (27, 24))])
def test_each_half_of_training_shows_crops_out_of_its_size(root: Path, preset: Preset, halves: tuple[int, int]) -> None:
    options = MethodOptions(preprocess=preset, crop_size=24)
    images = UnpairedImages(root, "AtoB", options, N_CONST, seed=0)
    for half, load_size in enumerate(halves):
        possible = windows(root, load_size, 24)
        items = range(half * N_CONST * COUNT, (half * N_CONST + N_DECAY) * COUNT)
        shown = {content(images.get(item)["source"]) for item in items}
        assert shown <= possible
        assert (len(shown) > 2 * COUNT * 0.75) if load_size > 24 else (COUNT < len(shown) <= 2 * COUNT)


def config(**options: Any) -> RunConfig:
    full = MethodOptions(**options).model_dump(mode="json")
    return RunConfig.model_validate({"method": "cut", "task": "x", "data": {"root": "d"}, "options": full})


def test_a_preset_is_in_the_hash_and_no_preset_is_not() -> None:
    old = config().options
    old.pop("preprocess")
    assert config_hash(config()) == config_hash(config().model_copy(update={"options": old}))
    assert len({config_hash(config(preprocess=name)) for name in (None, *PRESETS)}) == 2  # CUT's default is `cut`


def test_the_cache_is_not_in_the_hash() -> None:
    train = config().train.model_copy(update={"cache_mb": 9})
    assert config_hash(config().model_copy(update={"train": train})) == config_hash(config())


def test_levels_are_in_the_hash_where_they_are_not_as_usual_and_sub_folders_by_their_images_alone() -> None:
    read = [config().data.model_copy(update=update) for update in ({}, {"recursive": True}, {"levels": "12bit"})]
    hashes = [config_hash(config().model_copy(update={"data": data})) for data in read]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_preset_of_the_command_line_is_in_the_record_of_a_run(tmp_path: Path) -> None:
    line = ["--method", "enco", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--set", "preprocess=cut"]
    assert parse_arguments(line).config.options == {"preprocess": "cut"}
    given = tiny_config(write_images(tmp_path / "data"), "cut", options={"preprocess": "cut", "max_iterations": 1})
    record = read_run(run(given, tmp_path / "run") / "run.json")
    assert record.config.options["preprocess"] == "cut"
    assert record.config.options["load_size"] == 36
    assert changed_settings(record)["preprocess"] == "cut"


def test_a_preset_of_a_scale_holds_for_every_method_and_renames_none() -> None:
    scale = load_scale(ROOT / "config" / "paper.yaml").model_copy(update={"options": {"all": {"preprocess": "cut"}}})
    grid = expand(load_tables(ROOT / "config" / "tables.yaml"), tasks_of_scale(scale, ROOT), scale, infos())
    assert all("preprocess" not in run.variant and "load_size" not in run.variant for run in grid.runs)
    sizes = {run.config.method: run.config.options["load_size"] for run in grid.runs}
    assert {sizes.pop("drit"), *sizes.values()} == {241, 286}
