"""Templates of every path below results/: rules take them as they are, Python fills them by `fill`.

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
IMPORTED = f"{RESULTS}/released/{{released}}"
IMPORTED_RECORD = f"{IMPORTED}/record.json"
IMPORTED_GENERATOR = f"{IMPORTED}/generator.safetensors"
SHARED = frozenset(
    {
        *("archive", "archives", "benchmarks", "curves", "figures", "logs", "mlartifacts", "paper_figures", "released"),
        "weights",
    }
)
"""Folders directly under results/ that are no scale's."""

SCALE = f"{RESULTS}/{{scale}}"
DATASETS = f"{SCALE}/data"
DATA = f"{DATASETS}/{{dataset}}"
MANIFEST = f"{DATA}/manifest.json"
REAL = f"{SCALE}/real/{{test_task}}"
REAL_FULL = f"{REAL}/full.npz"
REAL_PAIRED = f"{REAL}/paired.npz"
REAL_BESIDE = {kind: f"{REAL}/{{extractor}}.{kind}.npz" for kind in ("full", "paired")}
"""Features of real images by an extractor beside the scale's first; so are the other `_BESIDE` of translations."""
REAL_SEGMENTATION = f"{REAL}/segmentation.json"
UNTRANSLATED = f"{SCALE}/untranslated/{{test_task}}"
UNTRANSLATED_IMAGES = f"{UNTRANSLATED}/images"
UNTRANSLATED_SCORES = f"{UNTRANSLATED}/scores.json"
UNTRANSLATED_FEATURES = f"{UNTRANSLATED}/features.npz"
UNTRANSLATED_BESIDE = f"{UNTRANSLATED}/features.{{extractor}}.npz"
UNTRANSLATED_UNCERTAINTY = f"{UNTRANSLATED}/scores.uncertainty.json"
UNTRANSLATED_REPLICATES = f"{UNTRANSLATED}/scores.replicates.npz"
UNTRANSLATED_CONTENT = f"{UNTRANSLATED}/scores.content.npz"
REAL_ALTERNATIVES = f"{REAL}/protocol"
RELEASED = f"{SCALE}/released/{{released}}"
RELEASED_IMAGES = f"{RELEASED}/translated/{{test_task}}"
RELEASED_SCORES = f"{RELEASED}/eval/{{test_task}}.json"
RELEASED_FEATURES = f"{RELEASED}/eval/{{test_task}}.npz"
RELEASED_BESIDE = f"{RELEASED}/eval/{{test_task}}.{{extractor}}.npz"
RELEASED_UNCERTAINTY = f"{RELEASED}/eval/{{test_task}}.uncertainty.json"
RELEASED_REPLICATES = f"{RELEASED}/eval/{{test_task}}.replicates.npz"
RELEASED_CONTENT = f"{RELEASED}/eval/{{test_task}}.content.npz"
DRN = f"{SCALE}/drn/{{dataset}}.safetensors"
TIMING = f"{SCALE}/timing.json"

RUNS = f"{SCALE}/runs"
RUN = f"{RUNS}/{{task}}/{{variant}}/seed{{seed}}"
GENERATOR = f"{RUN}/generator.safetensors"
RECORD = f"{RUN}/run.json"
STARTED = f"{RUN}/config.json"
STATE = f"{RUN}/state.json"
SELECTED = f"{RUN}/selected/{{test_task}}.safetensors"
SELECTION_REPORT = f"{RUN}/selected/{{test_task}}.json"
TRANSLATED = f"{RUN}/translated/{{test_task}}.{{selection}}"
SCORES = f"{RUN}/eval/{{test_task}}.{{selection}}.json"
FEATURES = f"{RUN}/eval/{{test_task}}.{{selection}}.npz"
FEATURES_BESIDE = f"{RUN}/eval/{{test_task}}.{{selection}}.{{extractor}}.npz"
UNCERTAINTY = f"{RUN}/eval/{{test_task}}.{{selection}}.uncertainty.json"
REPLICATES = f"{RUN}/eval/{{test_task}}.{{selection}}.replicates.npz"
CONTENT = f"{RUN}/eval/{{test_task}}.{{selection}}.content.npz"
"""What each test image and its translation have in common, by their pixels."""
MEASURED = f"{RUN}/protocol/{{test_task}}.{{selection}}.json"
"""Scores of a run's translations under other choices of the protocol."""

PART = f"{SCALE}/{{part}}"
ENDINGS = {
    **{kind: kind for kind in ("csv", "md", "tex", "html")},
    **{kind: f"{kind}.csv" for kind in ("cells", "differences")},
}
"""How a table's files end; `cells` has its numbers, one line each, `differences` how sure the order of its rows is."""
TABLE = {kind: f"{PART}/{{table}}.{ending}" for kind, ending in ENDINGS.items()}
RELEASED_TABLE = "released"
"""The table of the authors' generators, by its name among tables."""
PART_TIMING = f"{PART}/timing.json"
CELLS = f"{PART}/cells.csv"
PROTOCOL = {
    kind: f"{PART}/protocol.{ending}" for kind, ending in {"csv": "csv", "summary": "summary.csv", "md": "md"}.items()
}
"""How far the protocol's choices move the numbers."""
FIGURE = f"{PART}/figures/{{test_task}}.png"
PAPER_FIGURE = {kind: f"{PART}/paper_figures/{{figure}}.{kind}" for kind in ("pdf", "png", "txt")}
"""A figure of the paper, and its caption as text."""
CURVE = {kind: f"{PART}/curves/{{test_task}}.{kind}" for kind in ("csv", "svg")}

SO_FAR = {kind: f"{PART}/so_far/{{table}}.{ending}" for kind, ending in ENDINGS.items()}
"""A table as far as it can be made."""
PAPER_FIGURE_SO_FAR = {kind: f"{PART}/so_far/{{figure}}.{kind}" for kind in PAPER_FIGURE}

CLAIMS = {kind: f"{PART}/claims.{kind}" for kind in ("csv", "md", "html")}
"""The paper's claims, held against the numbers that are there."""
REPORT = f"{PART}/report.html"
"""One page with all that is there."""

CURRENT_TABLE = {kind: f"{RESULTS}/{{table}}.{ending}" for kind, ending in ENDINGS.items()}
CURRENT_CELLS = f"{RESULTS}/cells.csv"
CURRENT_PROTOCOL = {kind: path.replace(PART, RESULTS) for kind, path in PROTOCOL.items()}
CURRENT_CLAIMS = {kind: f"{RESULTS}/claims.{kind}" for kind in CLAIMS}
CURRENT_REPORT = f"{RESULTS}/report.html"
CURRENT_FIGURE = f"{RESULTS}/figures/{{test_task}}.png"
CURRENT_PAPER_FIGURE = {kind: path.replace(PART, RESULTS) for kind, path in PAPER_FIGURE.items()}
CURRENT_CURVE = {kind: f"{RESULTS}/curves/{{test_task}}.{kind}" for kind in ("csv", "svg")}


ARCHIVE = f"{RESULTS}/archive.tar"
"""Everything of which tables, figures and curves are made again without training."""


def log(name: str, folder: str = SCALE) -> str:
    """Return the template of a job's log; `folder` is RESULTS where the job belongs to no scale."""
    return f"{folder}/logs/{name}.log"


TRAIN_LOG = log("train/{task}_{variant}_seed{seed}")


def benchmark(name: str, folder: str = SCALE) -> str:
    """Return the template of the file in which Snakemake measures a job."""
    return f"{folder}/benchmarks/{name}.tsv"


def fill(template: str, **values: object) -> Path:
    """Fill all wildcards of a template."""
    return Path(template.format(**values))


def uncertainty_of(scores: Path) -> Path:
    """Return the file of uncertainties that lies beside a scores file."""
    return scores.with_name(f"{scores.stem}.uncertainty.json")


def weights_record(name: str) -> Path:
    """Return the file that `python -m eval weights` writes of published weights that were found or fetched."""
    return fill(WEIGHTS, weights=name)
