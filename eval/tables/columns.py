"""The metrics of tables: names in print, digits, which way is better, and where files hold the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eval.extractors import FID


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    `path` is the number's place in a scores file, or in a timing file, with `{variant}` filled in.
    `significant` digits are shown however small the value; `per_seed` is False where training seeds cannot change it.
    """

    header: str
    decimals: int
    better: Literal["lower", "higher"]
    path: tuple[str, ...]
    source: Literal["scores", "timing"] = "scores"
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

METRICS = {
    "FID": Metric(FID, 1, "lower", ("metrics", HEADLINE_SET, "frechet_distance")),
    "precision": Metric("P", 1, "higher", ("metrics", HEADLINE_SET, "precision")),
    "recall": Metric("R", 1, "higher", ("metrics", HEADLINE_SET, "recall")),
    "recall_exact": Metric("R exact", 1, "higher", ("metrics", HEADLINE_SET, "recall_exact")),
    "mAP": Metric("mAP", 1, "higher", ("metrics", "segmentation", "mAP")),
    "pixAcc": Metric("pixAcc", 1, "higher", ("metrics", "segmentation", "pixAcc")),
    "classAcc": Metric("classAcc", 1, "higher", ("metrics", "segmentation", "classAcc")),
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
OF_FEATURES = ("FID", "precision", "recall", "recall_exact")
"""Metrics that only compare with the paper's where features are Inception's."""
JOINT = {"P&R": ("precision", "recall")}
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
