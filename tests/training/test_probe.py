"""The probe writes which positions EnCo looks at, the same after a stop, and changes nothing of the training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from enco.errors import UserError
from enco.losses.sampling import dag_split, resize_scores
from enco.methods.enco import EnCo
from enco.networks.features import gather_cells
from enco.options.enco import EnCoOptions
from enco.runtime.signals import Stopped
from enco.training.arguments import parse_arguments
from enco.training.iterations import build
from enco.training.probe import FOLDER, Probe, read_draws
from enco.training.samples import evaluating
from tests.support.tiny_runs import CPU, PER_EPOCH, StopAt, assert_same_run, run, tiny_config, write_images


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "noise")


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tiny_config(data, "enco", probe_epochs=1), tmp_path_factory.mktemp("undisturbed"))


def contents(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (out / FOLDER).iterdir()}


def test_a_training_with_a_probe_is_the_training_without(data: Path, finished: Path, tmp_path: Path) -> None:
    without = run(tiny_config(data, "enco"), tmp_path)
    assert not (without / FOLDER).exists()
    assert_same_run(finished, without)


@pytest.mark.parametrize("stop_after", [1, PER_EPOCH, PER_EPOCH + 2, 2 * PER_EPOCH - 1])
def test_a_stopped_training_ends_with_the_same_draws(
    data: Path, finished: Path, tmp_path: Path, stop_after: int
) -> None:
    config = tiny_config(data, "enco", probe_epochs=1)
    with pytest.raises(Stopped):
        run(config, tmp_path, stop=StopAt(stop_after))
    run(config, tmp_path)
    assert contents(tmp_path) == contents(finished)
    assert_same_run(finished, tmp_path)


def test_a_killed_training_writes_the_draws_of_lost_iterations_again(
    data: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        run(tiny_config(data, "enco", probe_epochs=1), out, stop=StopAt(2))
    shutil.copytree(finished / FOLDER, out / FOLDER)
    for epoch in (1, 3):
        (out / FOLDER / f"epoch{epoch:04d}.safetensors").write_bytes(b"of iterations that are lost")
    run(tiny_config(data, "enco", probe_epochs=1), out)
    assert contents(out) == contents(finished)


def test_draws_are_of_every_nth_epoch_and_every_pair_and_small(data: Path, finished: Path, tmp_path: Path) -> None:
    rare = run(tiny_config(data, "enco", n_const=2, n_decay=2, probe_epochs=3), tmp_path)
    assert [draw.epoch for draw in read_draws(rare / FOLDER)] == [3]
    one, two = read_draws(finished / FOLDER)
    assert (one.epoch, two.epoch) == (1, 2)
    options = build(tiny_config(data, "enco"), CPU).options
    assert list(one.sizes) == [f"{key}-{query}" for key, query in options.pairs]  # type: ignore[attr-defined]
    for pair, (height, width) in one.sizes.items():
        drawn = one.positions[pair]
        assert drawn.dtype == np.uint16 and drawn.nbytes == 2 * options.patches < 1000  # type: ignore[attr-defined]
        assert len(set(drawn.tolist())) == len(drawn) and drawn.max() < height * width
        assert not np.array_equal(drawn, two.positions[pair])


def test_a_training_that_begins_anew_or_goes_back_drops_later_draws(data: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / FOLDER, tmp_path / FOLDER)
    with pytest.raises(Stopped):
        run(tiny_config(data, "enco", probe_epochs=1), tmp_path, stop=StopAt(1))
    assert contents(tmp_path) == {}


def test_the_file_of_a_draw_at_the_papers_sizes_is_under_two_kilobytes(data: Path, tmp_path: Path) -> None:
    """Three pairs, of maps of 256, 128 and 64 cells a side at the paper's image size, and 256 positions of each."""
    sizes = {"n_blocks": 9, "pairs": EnCoOptions().pairs, "crop_size": 256, "load_size": 256, "patches": 256}
    config = tiny_config(data, "enco", probe_epochs=1, options=sizes)
    method = build(config, CPU)
    probe = Probe.of(config, method, tmp_path)
    assert probe is not None and next(iter(probe.sizes.values())) == (256, 256)
    probe.draw(method, 400)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 2000


@pytest.mark.parametrize("k", [1, 3])
def test_positions_are_drawn_as_the_loss_draws_them(
    data: Path, tmp_path: Path, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss at the probe's seed gathers the cells that the probe writes, at k = 1 too."""
    options = {"k": k, "dag_rest": "uniform", "patches": 8, "lambda_idt": 0}
    config = tiny_config(data, "enco", probe_epochs=1, options=options)
    method = build(config, CPU)
    probe = Probe.of(config, method, tmp_path)
    assert probe is not None and isinstance(method, EnCo)
    probe.draw(method, 5)
    seen: list[torch.Tensor] = []

    def gather(features: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        seen.append(positions)
        return gather_cells(features, positions)

    monkeypatch.setattr("enco.methods.enco.gather_cells", gather)
    with evaluating(method.networks.values()), torch.no_grad():
        fake, _, features = method.forward(probe.image, probe.image)
        torch.manual_seed(5)
        method.generator_terms(fake, features, None, fake)
    (draw,) = read_draws(tmp_path)
    assert [one.flatten().tolist() for one in seen[::2]] == [draw.positions[pair].tolist() for pair in draw.sizes]


def test_positions_are_those_of_the_discriminator_at_the_time(data: Path, tmp_path: Path) -> None:
    """With a pool of all cells DAG draws nothing at random: the least and the most real cells are known."""
    config = tiny_config(data, "enco", probe_epochs=1, options={"k": 128, "beta": 0.25, "patches": 8})
    torch.manual_seed(3)
    method = build(config, CPU)
    probe = Probe.of(config, method, tmp_path)
    assert probe is not None
    probe.draw(method, 7)
    (draw,) = read_draws(tmp_path)
    with torch.no_grad():
        scores = method.networks["discriminator"](method.translate(probe.image))
    assert draw.image == "0.png" and draw.epoch == 7
    for pair, size in draw.sizes.items():
        flat = resize_scores(scores, size).flatten()
        least, most = dag_split(flat, torch.arange(len(flat)), 8, 0.25)
        drawn = draw.positions[pair].tolist()
        assert draw.least_real[pair] == 2
        assert sorted(flat[drawn[:2]].tolist()) == sorted(flat[least].tolist())
        assert sorted(flat[drawn[2:]].tolist()) == sorted(flat[most].tolist())


def test_other_methods_have_no_probe(data: Path, tmp_path: Path) -> None:
    assert not (run(tiny_config(data, "cut", n_decay=0, probe_epochs=1), tmp_path) / FOLDER).exists()


def test_what_cannot_be_probed_is_said_before_the_training(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"image 'nobody\.png'.*0\.png"):
        run(tiny_config(data, "enco", probe_epochs=1, probe_image="nobody.png"), tmp_path / "a")
    with pytest.raises(UserError, match=r"260 x 260 cells.*probe_epochs to 0"):
        run(tiny_config(data, "enco", probe_epochs=1, options={"test_size": 260}), tmp_path / "b")
    bare = shutil.copytree(data, tmp_path / "bare")
    shutil.rmtree(bare / "testA")
    with pytest.raises(UserError, match="no image to probe"):
        run(tiny_config(bare, "enco", probe_epochs=1), tmp_path / "c")


def test_draws_of_another_cadence_are_refused(data: Path, tmp_path: Path) -> None:
    run(tiny_config(data, "enco", probe_epochs=1), tmp_path / "run")
    longer = run(tiny_config(data, "enco", n_decay=2, probe_epochs=1), tmp_path / "run")
    assert [draw.epoch for draw in read_draws(longer / FOLDER)] == [1, 2, 3]
    other = run(tiny_config(data, "enco", n_decay=4, probe_epochs=5), tmp_path / "run")
    with pytest.raises(UserError, match=r"several trainings, whose settings or probe_epochs differ: remove"):
        read_draws(other / FOLDER)


def test_draws_of_several_images_and_torn_files_are_refused(data: Path, tmp_path: Path) -> None:
    run(tiny_config(data, "enco", probe_epochs=1), tmp_path / "run")
    other = run(tiny_config(data, "enco", n_decay=2, probe_epochs=1, probe_image="1.png"), tmp_path / "run")
    with pytest.raises(UserError, match=r"several images \(0\.png, 1\.png\)"):
        read_draws(other / FOLDER)
    (tmp_path / "epoch0001.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="no file of a probe"):
        read_draws(tmp_path)
    assert read_draws(tmp_path / "nothing") == []


def test_the_command_line_has_the_probe() -> None:
    words = ["--method", "enco", "--data", "d", "--out", "o", "--probe-epochs", "10", "--probe-image", "a.png"]
    settings = parse_arguments(words).config.train
    assert (settings.probe_epochs, settings.probe_image) == (10, "a.png")
