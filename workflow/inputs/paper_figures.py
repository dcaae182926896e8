"""Inputs and parameters of the rules that draw the paper's figures: which runs and test images each shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enco import methods
from enco.errors import UserError, unknown
from enco.records import FINISHED_FILE
from eval.figures.paper.options import (
    NAMES,
    PIXEL_SCORES,
    ComparisonOptions,
    FrequencyOptions,
    by_score,
    tasks_of,
    variants_of,
)
from eval.figures.paper.planned import PlannedPaperFigure, PlannedRun, PlannedTask
from workflow import paths
from workflow.plan.grid import Evaluation
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@dataclass(frozen=True)
class FiguresOfPaper:
    """The paper's figures at a scale, each with the tasks and runs that the scale's tables have."""

    plan: Plan

    def current(self) -> list[Path]:
        """Return the files of the figures that this scale has anything for, where the user finds them."""
        names = [name for name in NAMES if self.figure(name).tasks]
        return [paths.fill(path, figure=name) for name in names for path in paths.CURRENT_PAPER_FIGURE.values()]

    def comparisons(self) -> list[PlannedPaperFigure]:
        """Return the figures that show translations alone, chosen by features or by name: no network is needed."""
        figures = [figure for name in NAMES if (figure := self.figure(name)).tasks]
        return [
            figure
            for figure in figures
            if isinstance(figure.options, ComparisonOptions) and not (figure.by_score and figure.score in PIXEL_SCORES)
        ]

    def left_out(self) -> list[str]:
        """Say which figures this scale has nothing for, and why, one sentence each."""
        return [not_made(figure) for name in NAMES if not (figure := self.figure(name)).tasks]

    def planned(self, wildcards: Wildcards) -> list[PlannedPaperFigure]:
        """Return what a figure is made of, in a list: Snakemake sees no change in an object of its own."""
        return [self.figure(wildcards.figure)]

    def choices(self, wildcards: Wildcards) -> str:
        """Return every choice behind a figure, as a sentence for its caption."""
        return self.figure(wildcards.figure).choices

    def inputs(self, wildcards: Wildcards) -> list[Path]:
        """Return the files that a figure is made of; UserError for a figure that this scale has nothing for."""
        figure = self.figure(wildcards.figure)
        if not figure.tasks:
            raise UserError(not_made(figure))
        files = [file for task in figure.tasks for run in task.runs for file in _files_of_run(figure, run)]
        return list(dict.fromkeys([*files, *(file for task in figure.tasks for file in _scored_files(figure, task))]))

    def figure(self, name: str) -> PlannedPaperFigure:
        """Return what a figure is made of, as far as the scale's tables have it.

        Raises UserError for a judge that is neither a method nor in any table.
        """
        wanted = self.plan.config.paper_figures
        options = wanted.of(name)
        tasks: list[PlannedTask] = []
        lacks: list[str] = []
        for task in tasks_of(options):
            runs = {variant: self._run(task, variant) for variant in variants_of(options)}
            lacks += self._lacking(name, task, [variant for variant, run in runs.items() if run is None])
            if there := tuple(run for run in runs.values() if run):
                judge = self._run(task, wanted.judge)
                lacks += [] if judge or not by_score(options) else [self._other_judge(task, there[0])]
                tasks.append(self._task(task, judge or there[0], there))
        return PlannedPaperFigure(
            name=name,
            options=options,
            score=wanted.score,
            tasks=tuple(tasks),
            lacks=tuple(lacks),
            choices=f"Choices that the paper leaves open, as settings below paper_figures: {wanted.choices(name)}.",
            seed=self.plan.config.seeds[0],
        )

    def so_far(self, name: str, untrained: Mapping[Path, str], unscored: Mapping[Path, str]) -> PlannedPaperFigure:
        """Return what a figure can be made of by now, and say what is not there yet.

        `untrained` and `unscored` hold why the run of a folder, and the scores of a features file, are not those of the
        configuration; empty where they are.
        """
        figure, tasks, lacks = self.figure(name), [], []
        for task in figure.tasks:
            if gap := _judge_gap(figure, task, untrained, unscored):
                judge = f"{task.judge.label}, by which images are chosen"
                lacks.append(f"{task.task} is left out: {judge}, is not there yet ({gap}).")
                continue
            gaps = {run: untrained[run.folder] or _files_gap(run, _files_of_run(figure, run)) for run in task.runs}
            if there := tuple(run for run, gap in gaps.items() if not gap):
                tasks.append(replace(task, runs=there))
            if missing := [f"{run.label} ({gap})" for run, gap in gaps.items() if gap]:
                lacks.append(f"Not there yet on {task.task}: {', '.join(missing)}.")
        return replace(figure, tasks=tuple(tasks), lacks=(*figure.lacks, *lacks))

    def _other_judge(self, task: str, judge: PlannedRun) -> str:
        """Say by whom images are chosen instead; UserError for a judge that nobody knows."""
        config, cells = self.plan.config, self.plan.grid.cells
        wanted, known = (
            config.paper_figures.judge,
            {name for c in cells for name in (c.evaluation.run.variant, c.row.key)},
        )
        if not str(config.only) and {wanted, wanted.partition("+")[0]}.isdisjoint({*known, *methods.infos()}):
            raise unknown("variant", wanted, known, "paper_figures.judge")
        return (
            f"Images of {task} are judged by {judge.label}, as no table of scale {config.scale} has {wanted} on {task}."
        )

    def _task(self, task: str, judge: PlannedRun, runs: Sequence[PlannedRun]) -> PlannedTask:
        return PlannedTask(
            task=task,
            sources=self.plan.test_folder(task, "source"),
            source_features=self.plan.file(paths.UNTRANSLATED_FEATURES, test_task=task),
            size=self.plan.size,
            reading=self.plan.config.data.reading,
            judge=judge,
            runs=tuple(runs),
        )

    def _run(self, task: str, variant: str) -> PlannedRun | None:
        """Return the first seed's run of a variant, or of the row of that name, for a task; None if no table has it."""
        cells = [cell for cell in self.plan.grid.cells if cell.evaluation.task == task]
        named = [cell for cell in cells if cell.evaluation.run.variant == variant]
        found = next((cell.evaluation for cell in [*named, *(c for c in cells if c.row.key == variant)]), None)
        return self._planned_run(variant, found) if found else None

    def _planned_run(self, variant: str, evaluation: Evaluation) -> PlannedRun:
        run, selection = evaluation.run, self.plan.selections[0]
        label, overrides = methods.infos()[run.config.method].label, run.variant.partition("+")[2]
        overrides = overrides if variant == run.variant else variant
        return PlannedRun(
            variant=variant,
            label=f"{label} ({overrides})" if overrides else label,
            folder=run.folder,
            generator=run.at(paths.GENERATOR),
            translated=evaluation.images(selection),
            features=evaluation.features(selection),
            backward=evaluation.backward,
        )

    def _lacking(self, figure: str, task: str, variants: Sequence[str]) -> list[str]:
        """Say what a scale lacks of a figure's task: the whole task, or variants."""
        scale, absent = self.plan.config.scale, self.plan.config.absent
        if task in absent:
            return [f"{task} is left out of scale {scale} ({absent[task]})."]
        if not any(evaluation.task == task for evaluation in self.plan.grid.evaluations):
            return [f"No table of scale {scale} has the task {task}: name another below paper_figures.{figure}."]
        return [f"No table of scale {scale} has {', '.join(variants)} on {task}."] if variants else []


def _files_of_run(figure: PlannedPaperFigure, run: PlannedRun) -> list[Path]:
    """Return the files that a figure needs of a run; checkpoints and probes lie beside a generator."""
    if isinstance(figure.options, ComparisonOptions):
        return [run.translated]
    return [run.generator, run.translated] if isinstance(figure.options, FrequencyOptions) else [run.generator]


def _scored_files(figure: PlannedPaperFigure, task: PlannedTask) -> list[Path]:
    """Return the files by which the test images of a task are chosen."""
    if not figure.by_score:
        return []
    return [task.judge.translated] if figure.score in PIXEL_SCORES else [task.source_features, task.judge.features]


def _judge_gap(
    figure: PlannedPaperFigure, task: PlannedTask, untrained: Mapping[Path, str], unscored: Mapping[Path, str]
) -> str:
    """Return why test images cannot be chosen by the judge's scores by now; empty if they can, or need not."""
    files = _scored_files(figure, task)
    if not files:
        return ""
    gap = untrained[task.judge.folder] if figure.score in PIXEL_SCORES else unscored[task.judge.features]
    return gap or _files_gap(task.judge, files)


def _files_gap(run: PlannedRun, files: Sequence[Path]) -> str:
    """Return why files of a trained run cannot be drawn; empty if all are there and made since the training."""
    if missing := [file for file in files if not file.exists()]:
        return f"{missing[0].name} is not there"
    trained = (run.folder / FINISHED_FILE).stat().st_mtime
    made_of_it = [file for file in files if file != run.generator and file.is_relative_to(run.folder)]
    old = [file for file in made_of_it if file.stat().st_mtime < trained]
    return f"{old[0].name} is older than the training" if old else ""


def not_made(figure: PlannedPaperFigure) -> str:
    """Say why a figure is not made."""
    return f"{figure.name} is not made: {' '.join(figure.lacks)}"
