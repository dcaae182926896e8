"""What the Snakemake rules ask: a scale's plan, and the input and parameter functions of each file of rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow.inputs.archive import Archive
from workflow.inputs.curves import Curves
from workflow.inputs.data import ImageSets
from workflow.inputs.evaluate import Evaluations
from workflow.inputs.paper_figures import FiguresOfPaper
from workflow.inputs.protocol import Protocol
from workflow.inputs.released import AuthorsGenerators
from workflow.inputs.report import Figures
from workflow.inputs.segmentation import Segmentation
from workflow.inputs.tables import PrintedTables
from workflow.inputs.timing import Timings
from workflow.inputs.train import Trainings
from workflow.inputs.weights import Weights
from workflow.plan.plan import Plan


@dataclass(frozen=True)
class Project:
    """A plan, and what each file of rules asks about the plan."""

    plan: Plan
    data: ImageSets
    weights: Weights
    train: Trainings
    evaluate: Evaluations
    segmentation: Segmentation
    timing: Timings
    tables: PrintedTables
    report: Figures
    curves: Curves
    paper_figures: FiguresOfPaper
    protocol: Protocol
    released: AuthorsGenerators
    archive: Archive

    @classmethod
    def load(cls, config: dict[str, Any], base: Path) -> Project:
        """Validate a configuration and plan its tables; relative paths in it count from `base`.

        Raises UserError for whatever is wrong in the configuration.
        """
        project = cls.of(Plan.load(config, base))
        project.data.check()
        return project

    @classmethod
    def of(cls, plan: Plan) -> Project:
        """Return the project of a plan."""
        trainings, segmentation, tables = Trainings(plan), Segmentation(plan), PrintedTables(plan)
        evaluations, figures, curves = Evaluations(plan), Figures(plan), Curves(plan)
        paper_figures = FiguresOfPaper(plan)
        return cls(
            plan=plan,
            data=ImageSets(plan),
            weights=Weights(plan, segmentation),
            train=trainings,
            evaluate=evaluations,
            segmentation=segmentation,
            timing=Timings(plan),
            tables=tables,
            report=figures,
            curves=curves,
            paper_figures=paper_figures,
            protocol=Protocol(plan, segmentation, tables),
            released=AuthorsGenerators(plan, tables),
            archive=Archive(plan, tables, figures, curves, paper_figures, evaluations, segmentation),
        )
