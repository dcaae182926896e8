"""Trainings that start from a generator file: which weights they take, what they refuse, and what they record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from enco.config.run import DataConfig, InitConfig, RunConfig
from enco.errors import UserError
from enco.interchange.importing import import_generator
from enco.io.files import read_json, sha256
from enco.io.safetensors_file import load_safetensors, save_safetensors
from enco.methods import infos
from enco.methods.parts.generator_file import load_generator, save_generator
from enco.records import FINISHED_FILE
from enco.runtime.signals import Stopped
from enco.training.arguments import parse_arguments
from enco.training.identity import OnChange, config_hash, settings_of
from enco.training.init_file import digested, start_from, with_digest
from eval.metrics.scores import changed_settings, read_run
from tests.interchange import originals
from tests.interchange.original_files import N_BLOCKS, NGF, resnet, save, seeded, weights
from tests.support.tiny_methods import images, tiny_method
from tests.support.tiny_runs import StopAt, assert_same, assert_same_run, run, tiny_config, write_images

NO_RATE = {"lr_g": 1e-30, "lr_d": 1e-30, "lr_f": 1e-30}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "noise")


def generator(path: Path, method: str = "cut", seed: int = 7, **about: Any) -> Path:
    options = about.pop("options", {})
    save_generator(tiny_method(method, seed, **options), path, **about)
    return path


def asking(path: Path, method: str = "cut") -> RunConfig:
    init = InitConfig(path=path)
    return with_digest(RunConfig(method=method, task="t", data=DataConfig(root=Path("d")), init=init), Path("no run"))


def started(path: Path, method: str) -> tuple[Any, str]:
    made = tiny_method(method)
    return made, start_from(made, asking(path, method))


@pytest.mark.parametrize("name", sorted(infos()))
def test_translates_as_the_file_before_the_first_step(name: str, tmp_path: Path) -> None:
    path = generator(tmp_path / "g.safetensors", name)
    method, said = started(path, name)
    known = load_generator(path)
    for direction in ("forward", "backward") if method.two_sided else ("forward",):
        source = images(3)["source"]
        torch.manual_seed(0)
        expected = known(source, direction)
        torch.manual_seed(0)
        assert torch.equal(method.translate(source, direction), expected)
    assert all(translator in said.partition(";")[0] for translator in method.translators)


def test_without_it_other_networks_keep_their_first_weights(tmp_path: Path) -> None:
    method, said = started(generator(tmp_path / "g.safetensors"), "cut")
    fresh = tiny_method("cut")
    assert_same(method.networks["heads"].state_dict(), fresh.networks["heads"].state_dict())
    assert "Started from: generator; fresh: discriminator, heads (" in said


def test_heads_are_taken_where_the_file_has_them_and_what_fits_nowhere_is_named(tmp_path: Path) -> None:
    tensors, about = load_safetensors(generator(tmp_path / "g.safetensors"))
    heads = tiny_method("cut", seed=7).networks["heads"].state_dict()
    tensors |= {f"heads.{key}": value for key, value in heads.items()} | {"other.weight": torch.zeros(1)}
    save_safetensors(tmp_path / "with heads", tensors, about)
    method, said = started(tmp_path / "with heads", "cut")
    assert_same(method.networks["heads"].state_dict(), heads)
    assert "Started from: generator, heads; fresh: discriminator; not used: other (" in said


def test_imported_generator_and_heads_of_the_authors_are_both_taken(tmp_path: Path) -> None:
    heads = seeded(originals.Heads((3, 2 * NGF, 4 * NGF, 4 * NGF, 4 * NGF), 16))
    files = [save(weights(resnet("antialiased")), tmp_path / "G.pth"), save(weights(heads), tmp_path / "F.pth")]
    import_generator(files, tmp_path / "g", "cut", {"layers": [0, 4, 8, 12, 15]})
    options: dict[str, Any] = {
        "ngf": NGF,
        "n_blocks": N_BLOCKS,
        "head_width": 16,
        "layers": [0, 4, 8, 12, 15],
        "crop_size": 32,
    }
    method = tiny_method("cut", **options)
    assert "Started from: generator, heads; fresh: discriminator (" in start_from(method, asking(tmp_path / "g"))
    taken = method.networks["heads"].state_dict().values()
    assert_same(list(taken), list(heads.state_dict().values()))


def test_the_one_direction_of_a_file_is_taken_and_the_other_is_fresh(tmp_path: Path) -> None:
    import_generator([save(weights(resnet("antialiased")), tmp_path / "latest_net_G_A.pth")], tmp_path / "g", "dclgan")
    method = tiny_method("dclgan", ngf=NGF, n_blocks=N_BLOCKS, layers=[0, 4, 8, 12, 15])
    assert "Started from: generator_ab; fresh: generator_ba, " in start_from(method, asking(tmp_path / "g", "dclgan"))
    source = images(3)["source"]
    torch.testing.assert_close(method.translate(source), load_generator(tmp_path / "g")(source), rtol=0, atol=0)


def test_a_training_from_a_file_ends_where_it_began_at_no_rate(data: Path, tmp_path: Path) -> None:
    path = generator(tmp_path / "g.safetensors")
    config = tiny_config(data, "cut", options=NO_RATE).model_copy(update={"init": asking(path).init})
    out = run(config, tmp_path / "run")
    ended, began = load_safetensors(out / "generator.safetensors")[0], load_safetensors(path)[0]
    torch.testing.assert_close(ended, began, rtol=0, atol=1e-20)


def test_a_stopped_training_goes_on_bit_for_bit(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = generator(tmp_path / "g.safetensors")
    config = tiny_config(data, "cut").model_copy(update={"init": asking(path).init})
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(config, tmp_path / "halves", StopAt(4))
    assert capsys.readouterr().out.count("Started from: generator") == 2
    run(config, tmp_path / "halves")
    assert "Started from" not in capsys.readouterr().out
    assert_same_run(whole, tmp_path / "halves")


def test_the_digest_decides_and_another_file_is_another_training(data: Path, tmp_path: Path) -> None:
    first, second = generator(tmp_path / "1"), generator(tmp_path / "2", seed=8)
    shutil.copy(first, tmp_path / "copy")
    config, out = tiny_config(data, "cut"), tmp_path / "run"

    def started_from(path: Path | None) -> RunConfig:
        return config.model_copy(update={"init": asking(path).init if path else None})

    run(started_from(first), out)
    made = sha256(out / "generator.safetensors")
    run(started_from(tmp_path / "copy"), out)
    assert sha256(out / "generator.safetensors") == made
    for other in (second, None):
        with pytest.raises(UserError, match=r"init: .* before, .* asked for.*--anew moves it aside"):
            run(started_from(other), out)
    run(started_from(second), out, policy=OnChange(anew=True))
    assert (out / "earlier-1").is_dir() and sha256(out / "generator.safetensors") != made


@pytest.mark.parametrize("given", ["path", "settings"])
def test_a_training_that_has_begun_does_not_need_the_file(
    data: Path, tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = generator(tmp_path / "g"), tmp_path / "run"
    config = tiny_config(data, "cut").model_copy(update={"init": InitConfig(path=path)})
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(config, out, StopAt(4))
    if given == "settings":
        config = config.model_copy(update={"init": asking(path).init})
    path.rename(tmp_path / "elsewhere")
    run(config, out)
    assert_same_run(whole, out)
    run(config, out)
    assert f"The training in {out} is finished" in capsys.readouterr().out


def test_a_training_that_has_not_begun_needs_the_file(data: Path, tmp_path: Path) -> None:
    path, out = generator(tmp_path / "g"), tmp_path / "run"
    known = tiny_config(data, "cut").model_copy(update={"init": asking(path).init})
    unknown = known.model_copy(update={"init": InitConfig(path=path)})
    run(tiny_config(data, "cut"), out)
    path.unlink()
    for config, folder in ((known, tmp_path / "other"), (unknown, tmp_path / "other"), (unknown, out)):
        with pytest.raises(UserError, match=r"The generator to start from, .*/g, is no file"):
            run(config, folder)
    with pytest.raises(UserError, match=r"The generator to start from, .*/g, is no file: put it there"):
        run(known, out, policy=OnChange(anew=True))
    assert (out / FINISHED_FILE).is_file()


def test_the_record_of_another_path_or_digest_tells_nothing(tmp_path: Path) -> None:
    recorded = InitConfig(path=tmp_path / "g", sha256="ab" * 32)
    assert digested(InitConfig(path=tmp_path / "g", sha256="ab" * 4), recorded) == recorded
    for other in (InitConfig(path=tmp_path / "h"), InitConfig(path=tmp_path / "g", sha256="cd" * 4)):
        with pytest.raises(UserError, match="is no file"):
            digested(other, recorded)
    in_full = InitConfig(path=tmp_path / "g", sha256="cd" * 32)
    assert digested(in_full, recorded) == in_full


def test_the_record_and_the_scores_name_the_file(data: Path, tmp_path: Path) -> None:
    path = generator(tmp_path / "mine.safetensors")
    out = run(tiny_config(data, "cut").model_copy(update={"init": asking(path).init}), tmp_path / "run")
    record, digest = read_json(out / FINISHED_FILE), sha256(path)
    assert record["settings"]["init"] == digest
    assert record["config"]["init"] == {"path": str(path), "sha256": digest}
    assert changed_settings(read_run(out / FINISHED_FILE))["init"] == f"mine.safetensors (sha256 {digest[:12]})"


def test_trainings_without_it_keep_their_identity() -> None:
    """The digests are those of trainings from before there was an init."""
    known = {"cut": "628be17caaf48d46", "enco": "baf2fd6ba8e1a142", "munit": "9e8c5371af922e52"}
    for method, digest in known.items():
        config = RunConfig(method=method, task="t", data=DataConfig(root=Path("d")), options={"ngf": 8})
        assert config_hash(config) == digest
        assert "init" not in settings_of(config)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"method": "enco"}, r"generator of method enco, and this training is of cut: .*--method enco"),
        ({"options": {"ngf": 3}}, r"made with ngf=3, and this training has ngf=4: give it --set ngf=3"),
        ({"options": {"n_blocks": 2}}, r"made with n_blocks=2, and this training has n_blocks=9"),
        ({"direction": "BtoA"}, r"translates BtoA, and this training AtoB: give it --direction BtoA"),
    ],
)
def test_a_file_that_does_not_fit_is_one_sentence(tmp_path: Path, about: dict[str, Any], message: str) -> None:
    path = generator(tmp_path / "g.safetensors", **about)
    with pytest.raises(UserError, match=message) as caught:
        started(path, "cut")
    assert "\n" not in str(caught.value)


def test_heads_of_another_width_are_named(tmp_path: Path) -> None:
    tensors, about = load_safetensors(generator(tmp_path / "g.safetensors"))
    other = tiny_method("cut", head_width=5).networks["heads"].state_dict()
    save_safetensors(tmp_path / "other", tensors | {f"heads.{key}": value for key, value in other.items()}, about)
    with pytest.raises(UserError, match=r"CUT heads: .* has shape \(5,.* in the file and shape .* here"):
        started(tmp_path / "other", "cut")


def test_a_file_without_a_generator_is_refused(tmp_path: Path) -> None:
    tensors, about = load_safetensors(generator(tmp_path / "g.safetensors"))
    save_safetensors(tmp_path / "other", {"heads.a": tensors.popitem()[1]}, about)
    with pytest.raises(UserError, match="no network of a CUT that translates"):
        started(tmp_path / "other", "cut")


def test_another_file_in_its_place_and_none_at_all_are_named(tmp_path: Path) -> None:
    init = asking(generator(tmp_path / "g.safetensors")).init
    assert init and digested(init) == init
    generator(init.path, seed=9)
    with pytest.raises(UserError, match=r"is not the file to start from: its SHA-256 begins with"):
        digested(init)
    init.path.unlink()
    with pytest.raises(UserError, match=r"to start from, .*g\.safetensors, is no file"):
        digested(InitConfig(path=init.path))


def test_a_person_names_a_file() -> None:
    words = ["--method", "cut", "--data", "photos", "--out", "here"]
    given = parse_arguments([*words, "--init", "g.safetensors"]).config.init
    assert given and (given.path, given.sha256) == (Path("g.safetensors"), "")
    assert parse_arguments(words).config.init is None
