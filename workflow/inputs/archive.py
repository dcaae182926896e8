"""What an archive holds: the files of which tables, figures and curves are made, and how these are made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.figures.planned import PlannedFigure
from workflow import paths
from workflow.inputs.curves import Curves
from workflow.inputs.evaluate import Evaluations
from workflow.inputs.paper_figures import FiguresOfPaper
from workflow.inputs.report import Figures
from workflow.inputs.segmentation import Segmentation
from workflow.inputs.tables import PrintedTables
from workflow.plan.grid import Evaluation, Grid, Run
from workflow.plan.plan import Plan

RECORDS = (paths.STARTED, paths.STATE, f"{paths.RUN}/history.jsonl")
"""What a run folder tells beside its record."""
LOSSES = f"{paths.RUN}/metrics.jsonl"


@dataclass(frozen=True)
class Resampling:
    """One call of `python -m eval.uncertainty`, without images: the files that it reads, and those that it writes."""

    task: str
    features: Path
    content: Path
    beside: tuple[Path, ...]
    record: Path
    replicates: Path
    sources: Path | None = None
    """Features of the images that were translated; None for these images themselves."""

    @property
    def read(self) -> list[Path]:
        """The files that are read, but those of real images."""
        return [self.features, self.content, *self.beside]


@dataclass(frozen=True)
class Archive:
    """The archive of a plan: of the tables that `all_tables` makes, with their figures and curves."""

    plan: Plan
    tables: PrintedTables
    figures: Figures
    curves: Curves
    paper_figures: FiguresOfPaper
    evaluations: Evaluations
    segmentation: Segmentation

    @property
    def grid(self) -> Grid:
        """The runs and evaluations behind the tables."""
        return self.plan.grid.only(self.plan.headline)

    def made(self) -> list[Path]:
        """Return the files that are made of an archive, where the user finds them."""
        tables = [*self.tables.current(), Path(paths.CURRENT_CELLS)]
        return [*tables, *self.figures.current(), *self._drawn_curves(), *self._compared()]

    def _compared(self) -> list[Path]:
        """Return the paper's figures that show translations alone."""
        templates = paths.CURRENT_PAPER_FIGURE.values()
        names = [figure.name for figure in self.paper_figures.comparisons()]
        return [paths.fill(path, figure=name) for name in names for path in templates]

    def evidence(self) -> list[Path]:
        """Return the files that tables and curves are made of; of uncertainties, what these are made of."""
        found = [*self._of_runs(), *self._of_real_images(), *self._of_untranslated(), *self._timing()]
        found += [path for one in self.resamplings() for path in one.read]
        return list(dict.fromkeys(found))

    def records(self) -> list[Path]:
        """Return what run folders tell beside what numbers are made of, and the last samples, as far as it is there."""
        found = [path for run in self.grid.runs for template in RECORDS if (path := run.at(template)).exists()]
        return [*found, *(path for run in self.grid.runs for path in _last_sample(run))]

    def losses(self) -> list[Path]:
        """Return the losses of trainings, as far as they are there."""
        return [path for run in self.grid.runs if (path := run.at(LOSSES)).exists()]

    def pictures(self) -> list[Path]:
        """Return the paper's figures where they are drawn: pictures to look at, of networks that no archive has."""
        made = self.made()
        return [path for path in self.paper_figures.current() if path not in made and path.exists()]

    def shown(self) -> list[PlannedFigure]:
        """Return the figures, whose images an archive holds as far as they are shown."""
        return [self.figures.figure(task, self.figures.rows(task)) for task in self.plan.headline_tasks]

    def resamplings(self) -> list[Resampling]:
        """Return every set of images whose sampling uncertainty tables print."""
        scored = [self._resampling(one, selection) for one in self.grid.evaluations for selection in self._selections]
        return [*scored, *map(self._untranslated, self._referred())]

    def words(self, resampling: Resampling) -> list[str]:
        """Return the arguments of `python -m eval.uncertainty` that make the uncertainties of a set of images again."""
        full, paired = (
            self.plan.file(path, test_task=resampling.task) for path in (paths.REAL_FULL, paths.REAL_PAIRED)
        )
        named = {
            "--features": resampling.features,
            "--real-paired": paired,
            "--real-full": full,
            "--task": resampling.task,
            "--content": resampling.content,
            "--out": resampling.record,
            "--replicates-out": resampling.replicates,
            **({"--source-features": resampling.sources} if resampling.sources else {}),
        }
        words = [str(word) for pair in named.items() for word in pair]
        return [*words, *self.evaluations.resampling().split(), "--beside", *map(str, resampling.beside)]

    @property
    def _selections(self) -> list[str]:
        return list(dict.fromkeys(self.plan.selection_of(table) for table in self.plan.headline))

    def _of_runs(self) -> Iterator[Path]:
        for run in self.grid.runs:
            yield run.at(paths.RECORD)
        for evaluation in self.grid.evaluations:
            yield from (evaluation.scores(selection) for selection in self._selections)
        if self._drawn_curves():
            yield from (one.report for task in self.plan.headline_tasks for one in self.curves.of_task(task))

    def _drawn_curves(self) -> list[Path]:
        """Return the curves; none where trainings save no generators for them."""
        return self.curves.current() if self.plan.config.train.snapshot_epochs else []

    def _of_real_images(self) -> Iterator[Path]:
        for task in self.plan.headline_tasks:
            yield from (self.plan.file(path, test_task=task) for path in (paths.REAL_FULL, paths.REAL_PAIRED))
            yield self.plan.manifest(task)
            if self.segmentation.is_scored(task):
                yield self.plan.file(paths.REAL_SEGMENTATION, test_task=task)

    def _of_untranslated(self) -> Iterator[Path]:
        for task in self.plan.headline_tasks:
            yield self.plan.file(paths.UNTRANSLATED_FEATURES, test_task=task)
        yield from map(self.tables.reference_file, self._referred())

    def _timing(self) -> Iterator[Path]:
        if self.grid.timed_runs:
            yield self.plan.timing_file

    def _referred(self) -> list[str]:
        """Return the tasks whose untranslated images tables have in a row."""
        return self.plan.headline_tasks if self.plan.config.reference else []

    def _resampling(self, evaluation: Evaluation, selection: str) -> Resampling:
        def at(template: str) -> Path:
            return evaluation.run.at(template, test_task=evaluation.task, selection=selection)

        return Resampling(
            task=evaluation.task,
            features=at(paths.FEATURES),
            content=at(paths.CONTENT),
            beside=tuple(
                Path(template.format(test_task=evaluation.task, selection=selection, **_wildcards(evaluation.run)))
                for template in self.evaluations.beside(paths.FEATURES_BESIDE)
            ),
            record=at(paths.UNCERTAINTY),
            replicates=at(paths.REPLICATES),
            sources=self.plan.file(paths.UNTRANSLATED_FEATURES, test_task=evaluation.task),
        )

    def _untranslated(self, task: str) -> Resampling:
        def at(template: str) -> Path:
            return self.plan.file(template, test_task=task)

        return Resampling(
            task=task,
            features=at(paths.UNTRANSLATED_FEATURES),
            content=at(paths.UNTRANSLATED_CONTENT),
            beside=tuple(map(at, self.evaluations.beside(paths.UNTRANSLATED_BESIDE))),
            record=at(paths.UNTRANSLATED_UNCERTAINTY),
            replicates=at(paths.UNTRANSLATED_REPLICATES),
        )


def _wildcards(run: Run) -> dict[str, object]:
    return {"scale": run.scale, "task": run.task, "variant": run.variant, "seed": run.seed}


def _last_sample(run: Run) -> list[Path]:
    return sorted((run.folder / "samples").glob("*.png"))[-1:]
