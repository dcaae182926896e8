"""Every path below results/, once: rules take these templates as they are, Python fills them by `fill`.

Everything of a scale lies under results/<scale>/, and what is made of several runs under its <part>: the seeds, and
the part of the grid where `only` asks for one. Directly under results/ lies what all scales share (archives, weights,
the MLflow store), and a copy of the tables of the configuration that was asked for last.
"""

from __future__ import annotations

from pathlib import Path

RESULTS = "results"

STORE_READY = f"{RESULTS}/mlflow.ready"
ARCHIVES = f"{RESULTS}/archives/{{dataset}}.json"
WEIGHTS = f"{RESULTS}/weights/{{weights}}.json"
SHARED = frozenset({"archives", "benchmarks", "figures", "logs", "mlartifacts", "weights"})
"""Folders directly under results/ that are no scale's."""

SCALE = f"{RESULTS}/{{scale}}"
DATA = f"{SCALE}/data/{{dataset}}"
MANIFEST = f"{DATA}/manifest.json"
REAL = f"{SCALE}/real/{{target}}"
REAL_FULL = f"{REAL}/full.npz"
REAL_PAIRED = f"{REAL}/paired.npz"
REAL_SEGMENTATION = f"{REAL}/segmentation.json"
DRN = f"{SCALE}/drn/{{dataset}}.safetensors"
TIMING = f"{SCALE}/timing.json"

RUNS = f"{SCALE}/runs"
RUN = f"{RUNS}/{{task}}/{{variant}}/seed{{seed}}"
GENERATOR = f"{RUN}/generator.safetensors"
RECORD = f"{RUN}/run.json"
SELECTED = f"{RUN}/selected/{{target}}.safetensors"
SELECTION_REPORT = f"{RUN}/selected/{{target}}.json"
TRANSLATED = f"{RUN}/translated/{{target}}.{{selection}}"
SCORES = f"{RUN}/eval/{{target}}.{{selection}}.json"
FEATURES = f"{RUN}/eval/{{target}}.{{selection}}.npz"

PART = f"{SCALE}/{{part}}"
ENDINGS = {"csv": "csv", "md": "md", "tex": "tex", "html": "html", "cells": "cells.csv"}
"""How a table's files end; `cells` has its numbers, one line each."""
TABLE = {kind: f"{PART}/{{table}}.{ending}" for kind, ending in ENDINGS.items()}
PART_TIMING = f"{PART}/timing.json"
CELLS = f"{PART}/cells.csv"
FIGURE = f"{PART}/figures/{{table}}.png"

SO_FAR = {kind: f"{PART}/so_far/{{table}}.{ending}" for kind, ending in ENDINGS.items()}
"""A table as far as it can be made."""

CURRENT_TABLE = {kind: f"{RESULTS}/{{table}}.{ending}" for kind, ending in ENDINGS.items()}
CURRENT_CELLS = f"{RESULTS}/cells.csv"
CURRENT_FIGURE = f"{RESULTS}/figures/{{table}}.png"


def log(name: str, folder: str = SCALE) -> str:
    """The template of a job's log; `folder` is RESULTS where the job belongs to no scale."""
    return f"{folder}/logs/{name}.log"


def benchmark(name: str, folder: str = SCALE) -> str:
    """The template of what Snakemake measures of a job."""
    return f"{folder}/benchmarks/{name}.tsv"


def fill(template: str, **values: object) -> Path:
    """A template with all of its wildcards filled."""
    return Path(template.format(**values))
