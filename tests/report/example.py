"""A small report of files that nobody trained: two tasks, three rows, two seeds, and images of one colour each."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from PIL import Image

from enco.data.reading import DEFAULT_READING
from enco.io.files import write_json
from enco.records import GitState
from eval.published import read_published
from eval.report.missing import Missing
from eval.report.model import FigureView, Report, RunView, Section, ViewerTask, run_anchor
from eval.report.pictures import Pictures
from eval.report.runs import PlannedRun, inputs_view, run_view
from eval.report.tables import table_view
from eval.report.viewer import PlannedColumn, PlannedViewer, viewer_task
from eval.tables.protocol import Provenance
from eval.tables.render import Page
from eval.tables.spec import TableSpec, load_tables
from eval.tables.write import Numbers, make_page, read_numbers
from tests.support.table_runs import PAPER, PUBLISHED, finished_record, plan, reference, resampled

TASKS = {"cat2dog": "Cat→Dog", "horse2zebra": "Horse→Zebra"}
METHODS = {"cyclegan": "CycleGAN", "cut": "CUT", "enco": "EnCo"}
MEASURED = ("enco", "cut")
"""The rows with numbers: EnCo's are lower by 10, and CUT's lower than the paper's."""
COLOURS = {"input": (200, 30, 30), "cut": (30, 200, 30), "enco": (30, 30, 200)}
IMAGES = 4


def spec() -> TableSpec:
    """A table of the paper, of fewer rows and columns."""
    rows = [{"key": key, "label": label} for key, label in METHODS.items()]
    columns = [
        {"task": "cat2dog", "header": "Cat→Dog", "metrics": ["FID"]},
        {"task": "horse2zebra", "header": "Horse→Zebra", "metrics": ["FID", "sec/iter", "P&R"]},
    ]
    return load_tables({"table1": {"number": 1, "title": "Methods", "rows": rows, "columns": columns}})["table1"]


def numbers(folder: Path, about: Provenance = PAPER) -> tuple[Page, Numbers]:
    """Write down what the rows of MEASURED scored, and read the table."""
    cells = resampled(plan(folder, spec(), MEASURED, seeds=(0, 1), scale=about.scale))
    cells += resampled(reference(folder, spec(), scale=about.scale))
    found = read_numbers(spec(), cells, published := read_published(PUBLISHED), about)
    return make_page(spec(), found, published, about, "table1"), found


def trained(folder: Path, task: str = "horse2zebra", method: str = "enco", seed: int = 0) -> Path:
    """Write the folder of a finished training, and return it."""
    run = folder / task / method / f"seed{seed}"
    git = GitState(commit="fedcba9876543210", dirty=False, diff=None)
    record = finished_record(
        settings={"options.lr_g": 0.001, "options.flip": True, "options.pairs": [[3, 28]], "options.none": None},
        sources={"enco/methods/enco.py": "bc0bafbd724b0665"},
        git=git,
        data_hash="34a4ebd2e105",
        data_source={"drawn": task, "seed": 0},
    )
    write_json(run / "run.json", record.content())
    lines = [{"iteration": step, "losses": {"nce": 4.0 - step / 10}} for step in range(10, 31, 10)]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (run / "samples").mkdir(exist_ok=True)
    Image.new("RGB", (16, 8), "grey").save(run / "samples" / "iter0000030.png")
    return run


def planned_run(folder: Path) -> PlannedRun:
    """Return a run's folder with names."""
    task, method, seed = folder.parts[-3:]
    title = f"{METHODS[method]}, {TASKS[task]}, seed {seed[-1]}"
    return PlannedRun(folder=folder, task=task, title=title, method=method, rows="Table 1", distance="FID")


def runs(folder: Path, cells: pd.DataFrame, pictures: Pictures) -> list[RunView]:
    """Return every run that a number is of."""
    folders = [trained(folder, task, method, seed) for task in TASKS for method in MEASURED for seed in (0, 1)]
    views = []
    for run in folders:
        name = "/".join(run.parts[-3:])
        views.append(run_view(planned_run(run), cells.replace({"run": {name: str(run)}}), pictures, Missing()))
    return views


def viewed(folder: Path, task: str, pictures: Pictures, missing: Missing | None = None) -> ViewerTask:
    """Write images of one colour for each column, and return the viewer of them."""
    for number in range(IMAGES):
        for name, colour in COLOURS.items():
            (folder / task / name).mkdir(parents=True, exist_ok=True)
            shade = tuple(min(255, part + 10 * number) for part in colour)
            Image.new("RGB", (8, 8), shade).save(folder / task / name / f"{number}.png")
    columns = [
        PlannedColumn(
            label=METHODS[name], method=name, anchor=run_anchor(f"{task}/{name}/seed0"), folder=folder / task / name
        )
        for name in MEASURED
    ]
    sources = folder / task / "input"
    planned = PlannedViewer(
        task=task, title=TASKS[task], sources=sources, columns=columns, size=8, reading=DEFAULT_READING
    )
    return viewer_task(planned, pictures, missing or Missing())


def report(folder: Path, about: Provenance = PAPER) -> Report:
    """Return a whole report."""
    page, found = numbers(folder / "scores", about)
    pictures = Pictures()
    pictures_of = {"both": ["cat2dog", "horse2zebra"], "Cat→Dog": ["cat2dog"]}
    inputs = [inputs_view(task, title, found.cells, "FID") for task, title in TASKS.items()]
    wide = pictures.add(Image.new("RGB", (900, 90)), 2400)
    verdicts = [("holds", "by 6.4", "best"), ("undecided", "P = 0.500", "absent")]
    return Report(
        about=[("Scale", about.scale)],
        comparable=about.comparable,
        trained=8,
        planned=12,
        missing=[("not trained yet", ["CycleGAN, Cat→Dog, seed 0"])],
        tasks={**TASKS, "facades": "Label→Facade"},
        methods={**METHODS, "dclgan": "DCLGAN"},
        tables=[table_view(page, found.cells)],
        viewer=[viewed(folder / "images", task, pictures) for task in TASKS],
        figures=[FigureView(title, "Best.", wide, of) for title, of in pictures_of.items()],
        runs=runs(folder / "runs", found.cells, pictures),
        inputs=[view for view in inputs if view],
        claims=[{"sentence": "EnCo is lower.", "note": "", "source": "Table 1", "verdicts": verdicts}],
        claims_header="these numbers",
        claims_footer=[("Seeds", "0, 1")],
        budget=Section((), (), "Not measured yet."),
        data=Section(("images", "digest"), [("horse2zebra", "34a4ebd2e105")]),
        settings=[("seeds", "[0, 1]")],
        pictures=pictures.addresses,
    )
