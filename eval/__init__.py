"""Metrics of image sets, from Python too (docs/python.md), and the tables made of them."""

from typing import TYPE_CHECKING

from enco.lazy import lazy_names

if TYPE_CHECKING:
    from enco.translation import translate_folder as translate_folder
    from eval.calculate import Metrics as Metrics
    from eval.calculate import calculate_features as calculate_features
    from eval.calculate import calculate_metrics as calculate_metrics
    from eval.calculate import fid as fid
    from eval.calculate import precision_recall as precision_recall
    from eval.config import Preparation as Preparation
    from eval.metrics.create import create_extractor as create_extractor
else:
    __getattr__ = lazy_names(
        __name__,
        {
            **dict.fromkeys(
                ("Metrics", "calculate_features", "calculate_metrics", "fid", "precision_recall"), "eval.calculate"
            ),
            "Preparation": "eval.config",
            "create_extractor": "eval.metrics.create",
            "translate_folder": "enco.translation",
        },
    )

__all__ = [
    "Metrics",
    "Preparation",
    "calculate_features",
    "calculate_metrics",
    "create_extractor",
    "fid",
    "precision_recall",
    "translate_folder",
]


def __dir__() -> list[str]:
    """Name what the package offers, for completion."""
    return sorted({*globals(), *__all__})
