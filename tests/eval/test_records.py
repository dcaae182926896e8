"""Records of scores and timings: what is written is what is read, and another version's file is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enco.errors import UserError
from enco.io.files import read_json, write_json
from enco.records import FileRecord
from eval.records import ExtractorRecord, read_scores, read_segmentation, read_timing
from tests.support.table_runs import scores, timing

SEGMENTATION = {
    "metrics": scores("cityscapes")["metrics"]["segmentation"],
    "protocol": {"drn": "a", "drn_network": "own", "drn_hash": "0", "drn_size": [32, 16], "n": 3},
}


def without_segmentation() -> dict[str, Any]:
    """A scores file's content of a task without label maps, of images that are the user's own."""
    content = scores("horse2zebra")
    kept = {key: value for key, value in content["protocol"].items() if not key.startswith("drn")}
    own = {"hash": "0", "source": {"folder": "photos"}}
    return content | {"protocol": kept, "data": own}


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_scores, scores("cityscapes")),
        (read_scores, without_segmentation()),
        (read_timing, timing(["cut", "enco"])),
        (read_segmentation, SEGMENTATION),
    ],
)
def test_what_is_read_is_written_again(
    tmp_path: Path, read: Callable[[Path], FileRecord], content: dict[str, Any]
) -> None:
    write_json(tmp_path / "in.json", content)
    read(tmp_path / "in.json").write(tmp_path / "out.json")
    assert read_json(tmp_path / "out.json") == content


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (read_scores, {}, r"x\.json is no scores file of this version \(it has no 'task'\): delete the file"),
        (read_scores, [], r"no scores file of this version \(it is no mapping\)"),
        (read_scores, scores("x") | {"selection": "first"}, "another 'selection'"),
        (
            read_timing,
            timing(["cut"]) | {"asked": {}},
            r"no timing file of this version \(it has no 'asked\.compute'\)",
        ),
        (read_timing, timing({"cut": float("nan")}), r"'measured\.cut\..*' in .*x\.json is nan, not a finite number"),
        (read_segmentation, SEGMENTATION | {"metrics": {}}, r"it has no 'metrics\.mAP'\): make one by"),
    ],
)
def test_a_file_of_another_version_is_named_in_one_sentence(
    tmp_path: Path, read: Callable[[Path], FileRecord], content: Any, message: str
) -> None:
    write_json(tmp_path / "x.json", content)
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path / "x.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("extractor", "name"),
    [
        (ExtractorRecord(kind="inception"), "inception"),
        (ExtractorRecord(kind="random-inception", seed=0), "random-inception(seed=0)"),
        (ExtractorRecord(kind="random-inception", seed=1, input_size=75), "random-inception(seed=1, input=75)"),
        (ExtractorRecord(kind="dinov2", input_size=224, preparation=0), "dinov2(preparation=0)"),
    ],
)
def test_an_extractor_is_named_by_what_is_not_as_usual(extractor: ExtractorRecord, name: str) -> None:
    assert str(extractor) == name
