"""Load what figures need of a run: a whole method from its last checkpoint, a generator from its file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from enco.data.images import test_image
from enco.errors import UserError
from enco.methods.base import Method
from enco.methods.parts.generator_file import load_generator
from enco.networks.generator import ResnetGenerator
from enco.training.checkpoint import CheckpointFolder
from enco.training.iterations import build
from eval.figures.paper.planned import PlannedRun, PlannedTask

CPU = torch.device("cpu")


def load_method(run: PlannedRun) -> Method:
    """Build a run's method with the networks of its last checkpoint, ready to evaluate.

    Raises UserError where no checkpoint can be read: heads are nowhere else.
    """
    checkpoint = CheckpointFolder(run.folder).newest()
    if checkpoint is None:
        raise UserError(
            f"{run.folder} has no checkpoint that can be read, and heads are kept in checkpoints alone: train it again."
        )
    with torch.random.fork_rng(devices=[]):
        method = build(checkpoint.record.config, CPU)
    for name, network in method.networks.items():
        network.load_state_dict(checkpoint.method["networks"][name])
        network.eval().requires_grad_(False)
    return method


def load_resnet(run: PlannedRun) -> ResnetGenerator:
    """Load the generator that translates a task, of a method whose generator is one list of modules; else UserError."""
    method = load_generator(run.generator).method
    generator = method.networks[method.translators[-1 if run.backward else 0]]
    if not isinstance(generator, ResnetGenerator):
        raise UserError(f"The generator of {run.label} has no list of modules: name another variant.")
    return generator


def network_input(task: PlannedTask, file: Path) -> Tensor:
    """Read a test image as networks see it, 1 x 3 x S x S in [-1, 1]."""
    return test_image(file, task.size, "bicubic", task.reading.levels)[None]
