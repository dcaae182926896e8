"""The metrics of tables: names in print, digits, which way is better, and where files hold the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eval.extractors import BESIDE, FID
from eval.records import ALONE


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    `path` is the number's place in a file of its `source`; in a timing file with `{variant}` filled in.
    `significant` digits are shown however small the value; `per_seed` is False where training seeds cannot change it.
    """

    header: str
    decimals: int
    better: Literal["lower", "higher"]
    path: tuple[str, ...]
    source: Literal["scores", "timing", "uncertainty"] = "scores"
    significant: int = 0
    per_seed: bool = True

    @property
    def of_images(self) -> bool:
        """Whether the metric is of images, and not of a training."""
        return self.path[0] == "metrics"

    @property
    def real_set(self) -> str:
        """The headline's set of real images for metrics that compare with one, else empty."""
        return HEADLINE_SET if HEADLINE_SET in self.path else ""


HEADLINE_SET = "paired"


def _beyond(name: str, header: str, decimals: int, better: Literal["lower", "higher"], real_set: str = "") -> Metric:
    """Return a metric that `python -m eval.uncertainty` calculates beyond the paper's."""
    return Metric(header, decimals, better, ("metrics", real_set or ALONE, name, "value"), "uncertainty")


METRICS = {
    "FID": Metric(FID, 1, "lower", ("metrics", HEADLINE_SET, "frechet_distance")),
    "precision": Metric("P", 1, "higher", ("metrics", HEADLINE_SET, "precision")),
    "recall": Metric("R", 1, "higher", ("metrics", HEADLINE_SET, "recall")),
    "recall_exact": Metric("R exact", 1, "higher", ("metrics", HEADLINE_SET, "recall_exact")),
    "mAP": Metric("mAP", 1, "higher", ("metrics", "segmentation", "mAP")),
    "pixAcc": Metric("pixAcc", 1, "higher", ("metrics", "segmentation", "pixAcc")),
    "classAcc": Metric("classAcc", 1, "higher", ("metrics", "segmentation", "classAcc")),
    "KID": _beyond("KID", "KID", 3, "lower", HEADLINE_SET),
    **{fd: _beyond(fd, fd, 1, "lower", HEADLINE_SET) for fd, _ in BESIDE},
    **{kid: _beyond(kid, kid, 3, "lower", HEADLINE_SET) for _, kid in BESIDE},
    "density": _beyond("density", "density", 1, "higher", HEADLINE_SET),
    "coverage": _beyond("coverage", "coverage", 1, "higher", HEADLINE_SET),
    "content_cosine": _beyond("content_cosine", "content (cosine)", 3, "higher"),
    "content_l2": _beyond("content_l2", "content (L2)", 2, "lower"),
    "psnr_source": _beyond("psnr_source", "PSNR to source", 1, "higher"),
    "ssim_source": _beyond("ssim_source", "SSIM to source", 3, "higher"),
    "psnr_truth": _beyond("psnr_truth", "PSNR to truth", 1, "higher"),
    "ssim_truth": _beyond("ssim_truth", "SSIM to truth", 3, "higher"),
    "sec/iter": Metric(
        "sec/iter", 3, "lower", ("measured", "{variant}", "sec_per_iter"), "timing", significant=2, per_seed=False
    ),
    "training_time_hours": Metric("training time (h)", 1, "lower", ("training_time_hours",), significant=2),
    "model_size_millions": Metric(
        "model size (M)", 3, "lower", ("model_size_millions",), significant=2, per_seed=False
    ),
}

BY_FIELD = {metric.path[-1]: name for name, metric in METRICS.items() if metric.source == "scores"}
"""Metrics by their names in scores files."""
OF_BESIDE = tuple(name for names in BESIDE for name in names)
"""Distances of the extractors that may measure beside the first."""
OF_FEATURES = ("FID", "precision", "recall", "recall_exact")
"""Metrics that only compare with the paper's where features are Inception's."""
JOINT = {"P&R": ("precision", "recall"), "D&C": ("density", "coverage")}
"""Columns that print several metrics, as 'P & R'."""


def parts(column_metric: str) -> tuple[str, ...]:
    """Return the metrics behind one printed column: one, or the parts of a joint one."""
    return JOINT.get(column_metric, (column_metric,))


def header(metrics: tuple[str, ...], distance: str = FID) -> str:
    """Return the printed header of a column of one or several metrics, given the Fréchet distance's name."""
    return " & ".join(printed_name(METRICS[name].header, distance) for name in metrics)


def printed_name(name: str, distance: str) -> str:
    """Return a metric's name, where the paper's FID is the Fréchet distance of other features."""
    return distance if name == FID else name
