"""Extractors: what the Fréchet distance of their features is called, and which one a command line names."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import get_args

import pytest
import torch

from enco.config.commands import command_parser
from eval.__main__ import COMMANDS
from eval.arguments import extractor_of
from eval.config import FeatureConfig
from eval.extractors import INPUT_SIZE, ExtractorName, distance_name
from eval.records import ExtractorRecord
from eval.sensitivity.__main__ import COMMANDS as CHOICES


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("inception", "FID"),
        ("efficientnet-lite0", "FD (EfficientNet-Lite0)"),
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
