"""Name a run's scores as MLflow shows them: alike in every experiment, so that one column compares methods.

`FID` is of the final generator on the run's own task, against the paired real set. What differs from that is said:
`FID_full` is against the full set, `best/FID` of the generator chosen on the test set, `zebra2horse/FID` on another
task, `FID_sd` the sampling standard deviation. A distance of other features has their name: `FD_efficientnet_lite0`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enco.io.files import read_json

PLACES = {"paired": "", "full": "_full", "images": "", "segmentation": "", "segmentation_real": "_real"}
"""How names end, by the part of a scores file that they are from."""
SD = "_sd"
"""How a name ends that is another one's sampling standard deviation."""
SELECTIONS = ("final", "best")
UNCERTAINTY = ".uncertainty"
DISTANCE, KID, SNAPSHOTS = "frechet_distance", "KID", "snapshots"
CURVES = {"loss", "lr", "run", "system", "sec_per_iter", "data_wait", SNAPSHOTS}
"""First or second parts of names that are no score of a final or selected generator."""


def read_scores(folder: Path, task: str, since: float = 0.0) -> dict[str, float]:
    """Return the numbers in the scores and uncertainties of a run folder by their names.

    `task` is the run's own. Files written before `since` (seconds after 1970) are left out, as an earlier training's.
    """
    found: dict[str, float] = {}
    for path in sorted(folder.glob("eval/**/*.json")):
        if not (is_since(path, since) and is_since(_scores_of(path), since)):
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("metrics"), dict):
            found |= dict(_named(path, content, task))
    return found


def read_snapshots(folder: Path, task: str, since: float = 0.0) -> dict[str, dict[int, float]]:
    """Return the metrics in the reports of checkpoint selection, as `snapshots/FID`, each by iteration.

    `task` and `since` are as `read_scores` takes them. Of two generators of one iteration the last counts, which is the
    final one.
    """
    found: dict[str, dict[int, float]] = {}
    for path in sorted(path for path in folder.glob("selected/*.json") if is_since(path, since)):
        report = read_json(path)
        names = _names_of(report.get("distance"))
        for candidate in report["candidates"]:
            for name, value in numbers({key: value for key, value in candidate.items() if key != "iteration"}):
                key = f"{_of_task(path.stem, task)}{SNAPSHOTS}/{names.get(name, name)}"
                found.setdefault(key, {})[candidate["iteration"]] = value
    return found


def read_extractor(folder: Path, task: str, since: float = 0.0) -> str | None:
    """Return the feature extractor behind the final scores on a run's own task; None before there are scores."""
    path = folder / "eval" / f"{task}.final.json"
    return _protocol(path).get("extractor") if is_since(path, since) else None


def is_since(path: Path, since: float) -> bool:
    """Say whether a file or folder is there and was written at or after a moment, in seconds after 1970."""
    return path.exists() and path.stat().st_mtime >= since


def numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the finite numbers of nested mappings, each name joined by '/' and spelled as MLflow allows."""
    for name, value in values.items():
        key = re.sub(r"[^\w\-. :/]", "_", f"{prefix}{name}")
        if isinstance(value, Mapping):
            yield from numbers(value, f"{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield key, float(value)


def is_score(metric: str) -> bool:
    """Say whether a run's metric in MLflow is a score of its final or selected generator, and no curve's or run.json's.

    Curves are losses, rates, times of iterations, the machine's load and the metrics of saved generators.
    """
    return not CURVES & set(metric.split("/")[:2])


def spelled(distance: str) -> str:
    """Spell a distance in print for MLflow: 'FD (EfficientNet-Lite0)' as FD_efficientnet_lite0, 'FID' as it is."""
    name, _, features = distance.partition(" (")
    return "_".join(filter(None, [name, re.sub(r"\W+", "_", features.rstrip(")")).lower()]))


def _named(path: Path, content: Mapping[str, Any], task: str) -> Iterator[tuple[str, float]]:
    """Yield the numbers of one file by their names."""
    scores = _scores_of(path)
    test_task, _, selection = scores.stem.rpartition(".")
    if selection not in SELECTIONS:  # a file of somebody's own
        yield from numbers(content["metrics"], f"{path.stem}/")
        return
    names = _names_of(_protocol(scores).get("distance"))
    prefix = _of_task(test_task, task) + ("best/" if selection == "best" else "")
    for place, values in content["metrics"].items():
        end = PLACES.get(place, f"_{place}")
        for name, value in values.items() if isinstance(values, Mapping) else ():
            key = prefix + (names.get(name) or spelled(name))
            yield from numbers(dict(_flat(key, end, value)))


def _scores_of(path: Path) -> Path:
    """Return the scores that a file estimates the uncertainty of, and any other file itself."""
    scores = path.with_name(f"{path.stem.removesuffix(UNCERTAINTY)}.json")
    return scores if scores.stem.rpartition(".")[2] in SELECTIONS else path


def _flat(key: str, end: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a number, an estimate (`value`, `sampling_sd`), or a class each of `perClassIoU`, with their names."""
    if not isinstance(value, Mapping):
        yield key + end, value
    elif "sampling_sd" in value:
        yield key + end, value["value"]
        yield key + end + SD, value["sampling_sd"]
    else:
        group = key.replace("perClassIoU", "IoU")
        yield from ((f"{group}{end}/{name}", inner) for name, inner in value.items())


def _names_of(distance: str | None) -> dict[str, str]:
    """Name the two distances of a file by what its features' Fréchet distance is called in print."""
    fid = spelled(distance or DISTANCE)
    kid = KID + fid.removeprefix("FD") if fid.startswith("FD_") else KID
    return {DISTANCE: fid, KID: kid, KID.lower(): kid}


def _of_task(test_task: str, task: str) -> str:
    return "" if test_task == task else f"{test_task}/"


def _protocol(scores: Path) -> dict[str, Any]:
    content = read_json(scores) if scores.exists() else {}
    return content.get("protocol") or {}
