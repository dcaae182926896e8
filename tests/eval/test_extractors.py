"""Extractors: what the Fréchet distance of their features is called, and which one a command line names."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import get_args

import pytest
import torch

from enco.config.base import parse
from enco.config.commands import command_parser
from enco.errors import UserError
from eval.__main__ import COMMANDS
from eval.arguments import extractor_of
from eval.config import FeatureConfig
from eval.extractors import BESIDE, FID, INPUT_SIZE, ExtractorName, distance_name
from eval.records import ExtractorRecord
from eval.sensitivity.__main__ import COMMANDS as CHOICES


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("inception", "FID"),
        ("efficientnet-lite0", "FD (EfficientNet-Lite0)"),
        ("dinov2", "FD (DINOv2 ViT-B/14)"),
        ("random-inception", "FD (random Inception)"),
        ("other", "FD (other)"),
    ],
)
def test_only_the_published_inception_gives_fid(kind: str, name: str) -> None:
    assert distance_name(kind) == ExtractorRecord(kind=kind).distance == name


def test_every_extractor_has_a_side_and_a_name() -> None:
    names = get_args(ExtractorName)
    assert INPUT_SIZE.keys() == set(names)
    assert len({FeatureConfig(extractor=name).distance for name in names}) == len(names)


@pytest.mark.parametrize(
    ("extractor", "beside"), [("dinov2", ["dinov2"]), ("inception", ["dinov2", "efficientnet-lite0", "dinov2"])]
)
def test_no_extractor_measures_twice(extractor: str, beside: list[str]) -> None:
    with pytest.raises(UserError, match="the extractor dinov2 measures once: take it out of 'beside'"):
        parse(FeatureConfig, {"extractor": extractor, "beside": beside}, "features")


@pytest.mark.parametrize("name", ["inception", "random-inception", "resnet"])
def test_only_extractors_with_a_column_of_their_own_measure_beside(name: str) -> None:
    with pytest.raises(UserError, match="'efficientnet-lite0' or 'dinov2'"):
        parse(FeatureConfig, {"extractor": "dinov2", "beside": [name]}, "features")
    assert not {name for names in BESIDE for name in names} & {FID, "KID", distance_name(name)}


@pytest.mark.parametrize(
    ("parser", "words"),
    [
        (command_parser("eval", "", COMMANDS), ("features", "--images", "photos", "--out", "features.npz")),
        (command_parser("eval", "", CHOICES), ("real", "--images", "photos", "--out", "made", "--alternatives", "{}")),
    ],
)
def test_a_command_line_names_one_extractor_and_its_threads(parser: ArgumentParser, words: tuple[str, ...]) -> None:
    about = "--extractor random-inception --input-size 75 --seed 7 --device cpu --threads 3"
    threads = torch.get_num_threads()
    try:
        found = extractor_of(parser.parse_args([*words, *about.split()]))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert found.record == ExtractorRecord(kind="random-inception", seed=7, input_size=75)
    assert found.device == torch.device("cpu")
