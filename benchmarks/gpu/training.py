"""Train EnCo on photographs for some seconds, translate the test images, and measure the distance of their features.

    python -m benchmarks.gpu.training --photos FOLDER --seconds N --out FOLDER

The result is a training's: metrics.jsonl, samples/, generator.safetensors; with translated/ and result.json.
"""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from enco.config.bounds import Real
from enco.config.compute import ComputeConfig
from enco.config.run import DataConfig, RunConfig, TrainConfig
from enco.errors import UserError, run_cli
from enco.io.files import write_json
from enco.methods.parts.generator_file import save_generator
from enco.runtime.devices import DEVICES, choose_device, named_device
from enco.runtime.memory import keep_memory
from enco.runtime.signals import Stopped, StopRequest
from enco.selftest.tiny import tiny_options
from enco.train import train
from enco.training.checkpoint import CheckpointFolder
from enco.training.iterations import build
from enco.training.metrics_file import read_metrics
from enco.translation import translate_folder

METHOD = "enco"
AFTERWARDS = 0.3
"""Share of the seconds that is left for translating and measuring."""


class StopAfter(StopRequest):
    """A request to stop that is made by the clock."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    @property
    def by(self) -> str | None:  # type: ignore[override]
        """Name the clock once the time is over."""
        return "the clock" if time.monotonic() >= self.end else None


def train_for(config: RunConfig, out: Path, device: torch.device, seconds: float) -> int:
    """Train for some seconds, leave the generator in the folder, and return the iterations done."""
    workers = 0 if device.type == "cpu" else 4
    with suppress(Stopped):
        train(config, out, device, workers, StopAfter(seconds))
    checkpoint = CheckpointFolder(out).newest()
    if checkpoint is None:
        raise UserError(f"The training in {out} has no checkpoint: give it more than {seconds:.0f} seconds.")
    method = build(config, device)
    method.load_state_dict(checkpoint.method)
    save_generator(method, out / "generator.safetensors", iteration=checkpoint.iteration)
    shutil.rmtree(out / "checkpoints")
    return checkpoint.iteration


def distances(photos: Path, translated: Path, device: torch.device) -> dict[str, Any]:
    """Return distances to the target's test images, of translations and of untranslated sources.

    Features are EfficientNet-Lite0's, and are kept beside the translations. Raises ImportError for a missing package.
    """
    from eval.calculate import calculate_features, fid
    from eval.metrics.create import create_extractor

    extractor = create_extractor("efficientnet-lite0", device)
    real, found = (calculate_features(folder, extractor=extractor) for folder in (photos / "testB", translated))
    real.save(translated.parent / "testB.npz")
    found.save(translated.parent / "translated.npz")
    untranslated = fid(photos / "testA", real, extractor=extractor)
    return {"distances": extractor.record.distance, "translated": fid(found, real), "untranslated": untranslated}


def main() -> None:
    """Train, translate, measure, and write result.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.training", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder with trainA, trainB, testA and testB")
    parser.add_argument("--seconds", type=Real(1, 10**6), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", type=named_device, choices=DEVICES, default="auto")
    parser.add_argument("--tiny", action="store_true", help="networks as small as can be, to try the command")
    args = parser.parse_args()
    begin, device = time.monotonic(), choose_device(args.device)
    keep_memory()
    config = RunConfig(
        method=METHOD,
        task=args.photos.name,
        data=DataConfig(root=args.photos.resolve()),
        options=tiny_options(METHOD) if args.tiny else {},
        train=TrainConfig(log_every=20, sample_every=100, tracking="off", cache_mb=2048),
        compute=ComputeConfig(mode="fast", compile=False),
    )
    done = train_for(config, args.out, device, args.seconds * (1 - AFTERWARDS) - (time.monotonic() - begin))
    last = read_metrics(args.out / "metrics.jsonl")[-1:]
    result = {"iterations": done, **{key: line[key] for line in last for key in ("sec_per_iter", "data_wait")}}
    write_json(args.out / "result.json", result)
    generator, translated = args.out / "generator.safetensors", args.out / "translated"
    translate_folder(generator, args.photos / "testA", translated, device)
    try:
        result |= distances(args.photos, translated, device)
    except ImportError as error:
        result["distances"] = f"left out: {error}"
    write_json(args.out / "result.json", result)


if __name__ == "__main__":
    run_cli(main)
