"""Inputs and parameters of the rules that translate and score: test images, generators, feature extractor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enco.config.flags import as_flags
from workflow import paths
from workflow.plan.plan import Plan
from workflow.plan.wildcards import Wildcards


@dataclass(frozen=True)
class Evaluations:
    """The evaluations of a plan."""

    plan: Plan

    def manifest(self, wildcards: Wildcards) -> Path:
        """Return the manifest of the images that a run is tested on."""
        return self.plan.manifest(wildcards.test_task)

    def sources(self, wildcards: Wildcards) -> Path:
        """Return the folder of the test images that are translated."""
        return self.plan.test_folder(wildcards.test_task, "source")

    def targets(self, wildcards: Wildcards) -> Path:
        """Return the folder of the real images that translations are compared with."""
        return self.plan.test_folder(wildcards.test_task, "target")

    def generator(self, wildcards: Wildcards) -> Path:
        """Return the generator that translates: the run's last one, or the one selected for the test task."""
        run = self.plan.run(wildcards)
        if wildcards.selection == "best":
            return run.at(paths.SELECTED, test_task=wildcards.test_task)
        return run.at(paths.GENERATOR)

    def backward(self, wildcards: Wildcards) -> str:
        """Return `--backward` for the opposite task of a two-sided method, nothing for the run's own task."""
        return "--backward" if self.plan.is_backward(wildcards) else ""

    def preparation(self) -> str:
        """Return how real images are prepared, as arguments of `python -m eval features`."""
        return f"--size {self.plan.size}" + " --legacy-rounding" * self.plan.config.features.legacy_rounding

    def resampling(self) -> str:
        """Return how translations are compared again and again, as arguments of `python -m eval.uncertainty`."""
        flags = [*as_flags(self.plan.config.features, "k", "replicates"), f"--size {self.plan.size}"]
        return " ".join([*flags, *self.plan.config.data.reading.arguments])

    def compared(self, wildcards: Wildcards) -> str:
        """Return the images that translations are compared with one by one, as `eval.uncertainty`'s arguments."""
        features = self.plan.file(paths.UNTRANSLATED_FEATURES, test_task=wildcards.test_task)
        return f"--sources {self.sources(wildcards)} --source-features {features} {self.truths(wildcards)}"

    def truths(self, wildcards: Wildcards) -> str:
        """Return the true translations as an argument of `python -m eval.uncertainty`; empty where there are none."""
        return f"--truths {self.targets(wildcards)}" if self.plan.tasks[wildcards.test_task].pairs else ""

    def extractor(self) -> str:
        """Return the feature extractor, and how folders of images are read, as arguments of `python -m eval`."""
        extractor = as_flags(self.plan.config.features, "extractor", "input_size")
        return " ".join([*extractor, *self.plan.config.data.reading.arguments])

    def extractor_beside(self, wildcards: Wildcards) -> str:
        """Return the same of a job's own extractor, beside the scale's first."""
        return " ".join([f"--extractor {wildcards.extractor}", *self.plan.config.data.reading.arguments])

    def beside(self, translations: str) -> list[str]:
        """Return templates of the features by further extractors: of translations, paired and full, for each.

        `translations` is the template of the first; the wildcards but the extractor stay open.
        """
        templates = (translations, paths.REAL_BESIDE["paired"], paths.REAL_BESIDE["full"])
        names = self.plan.config.features.beside
        return [template.replace("{extractor}", name) for name in names for template in templates]
