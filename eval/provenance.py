"""Digest the code that makes features, scores and tables: where it changes, they are made again, as trainings are."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from enco.io.files import sha256
from enco.training.identity import digest_of
from enco.training.sources import PACKAGE, module_sources

FEATURES = ("eval.metrics.create", "eval.metrics.extraction", "eval.metrics.real_sets")
"""The modules that show images to an extractor."""
SEGMENTATION = ("eval.segmentation.scores",)
SCORES = ("enco.translation", "eval.metrics.scores", *FEATURES, *SEGMENTATION)
"""The modules that translate test images and score them."""
SELECTION = ("eval.select", *SCORES)
RESAMPLING = ("eval.uncertainty.content", "eval.uncertainty.measure")
"""The modules that say how sure scores are."""

PACKAGES = {PACKAGE.name: PACKAGE, "eval": Path(__file__).parent}
TRAININGS = ("enco.records", "enco.training.identity", "enco.training.provenance", "enco.training.sources")
ASIDE = frozenset({*TRAININGS, "eval.config", "eval.provenance", "eval.records"})
"""Modules that say what files look like, which values they hold, and where those come from, but compute none."""


@cache
def code_of(*modules: str) -> str:
    """Return a digest of the code that modules make use of, but for comments, docstrings and messages.

    The templates that lie beside this code count, too.
    """
    sources = module_sources(*modules, packages=PACKAGES, aside=ASIDE)
    folders = {(PACKAGE.parent / name).parent / "templates" for name in sources}
    templates = sorted(file for folder in folders for file in folder.glob("*"))
    return digest_of([sources, [(file.name, sha256(file)) for file in templates]])
