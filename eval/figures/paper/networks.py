"""Load what figures need of a run: a whole method from its last checkpoint, a generator from its file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from enco.data.images import test_image
from enco.errors import UserError
from enco.methods.base import Method
from enco.methods.parts.generator_file import load_generator
from enco.networks.generator import ResnetGenerator
from enco.options.base import MethodOptions
from enco.training.checkpoint import CheckpointFolder
from enco.training.iterations import build
from eval.figures.paper.planned import PlannedRun, PlannedTask

CPU = torch.device("cpu")


def train_anew(run: PlannedRun) -> str:
    """Say how a run is trained again for a figure that is drawn already, as a clause."""
    return f"remove {run.folder} and call again with --forcerun paper_figure"


def load_method(run: PlannedRun) -> Method:
    """Build a run's method with the networks of its last checkpoint, ready to evaluate.

    Raises UserError where no checkpoint can be read, as heads are nowhere else, and for one of other networks.
    """
    checkpoint = CheckpointFolder(run.folder).newest()
    if checkpoint is None:
        raise UserError(
            f"{run.folder} has no checkpoint that can be read, and heads are kept in checkpoints alone:"
            f" {train_anew(run)}."
        )
    with torch.random.fork_rng(devices=[]):
        method = build(checkpoint.record.config, CPU)
    for name, network in method.networks.items():
        try:
            network.load_state_dict(checkpoint.method["networks"][name])
        except (RuntimeError, KeyError) as error:
            raise UserError(
                f"The checkpoint in {run.folder} does not fit a {method.info.label} {name}, as another version of this"
                f" project wrote it: {train_anew(run)}."
            ) from error
        network.eval().requires_grad_(False)
    return method


class Loaded(NamedTuple):
    """A method of which only what translates is loaded, and the generator that translates a task."""

    method: Method
    generator: ResnetGenerator


def load_resnet(run: PlannedRun) -> Loaded:
    """Load the generator that translates a task, of a method whose generator is one list of modules; else UserError."""
    method = load_generator(run.generator).method
    generator = method.networks[method.translators[-1 if run.backward else 0]]
    if not isinstance(generator, ResnetGenerator):
        raise UserError(f"The generator of {run.label} has no list of modules: name another variant.")
    return Loaded(method, generator)


def network_input(task: PlannedTask, file: Path, options: MethodOptions) -> Tensor:
    """Read a test image as a method of these options does, 1 x 3 x S x S in [-1, 1]."""
    return test_image(file, options.test_side, options.interpolation, task.reading.levels)[None]
