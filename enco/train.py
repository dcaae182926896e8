"""Train one method on one pair of image sets: `python -m enco.train`.

A training that is killed, by anything, goes on from its last checkpoint when the same command is given again, and
ends with the weights of one that never was: on a CPU if the number of threads is the same, on a GPU if --deterministic
is given.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from enco.config.run import RunConfig
from enco.data.manifest import training_hash
from enco.errors import NonFiniteLoss, UserError, run_cli
from enco.io.files import StrPath, check_room, read_json
from enco.methods.base import Method
from enco.methods.parts.generator_file import save_generator
from enco.records import FINISHED_FILE, STARTED_FILE, FinishedRecord, RunRecord, StartedRecord, read_record
from enco.runtime.memory import keep_memory
from enco.runtime.randomness import random_state, set_random_state
from enco.runtime.signals import GO_ON_LATER, Stopped, StopRequest, stop_signals
from enco.tracking.follower import start_follower
from enco.training.arguments import parse_arguments
from enco.training.checkpoint import Checkpoint, CheckpointFolder, bytes_at_least, check_weights
from enco.training.identity import OnChange, config_hash, defaults_of, in_full, plan_id, settings_of
from enco.training.iterations import Steps, first_weights, iterations_of
from enco.training.progress import Progress
from enco.training.provenance import data_source, device_name, git_state, versions
from enco.training.resume import Start, find_start
from enco.training.run_files import check_outputs, keep_result
from enco.training.run_folder import StateFile, exclusive, now
from enco.training.run_log import RunLog
from enco.training.samples import Samples
from enco.training.sources import method_sources
from enco.training.train_step import TrainStep

DIVERGED = 3
"""Exit status of a training whose losses or weights are no longer finite."""


def train(
    config: RunConfig,
    out: StrPath,
    device: str | torch.device,
    workers: int = 0,
    stop: StopRequest | None = None,
    policy: OnChange | None = None,
) -> None:
    """Train, or go on training, in a run's folder; where it is finished, nothing is trained.

    Raises UserError for unusable settings or images, for a folder whose training was made otherwise (unless `policy`
    says what to do then) and for a full disk, NonFiniteLoss where the training diverged, and Stopped, once a checkpoint
    is written, if `stop` was set.
    """
    out, device, stop = Path(out), torch.device(device), stop or StopRequest()
    with exclusive(out, stop):
        config, checkpoints = in_full(config), CheckpointFolder(out)
        train_step, total = first_weights(config, device), iterations_of(config)
        asked = describe(config, train_step)
        start = find_start(checkpoints, asked, defaults_of(config), total, policy or OnChange())
        with StateFile(out) as state:
            if isinstance(start.record, FinishedRecord):
                state.reached(start.record.iterations)
                print(f"The training in {out} is finished: its result is there, nothing is trained.", flush=True)
                return
            if train_step.explanation:
                print(train_step.explanation, flush=True)
            run = Run.prepare(config, checkpoints, train_step, start)
            run.begin()
            try:
                run.loop(workers, stop, state)
            except NonFiniteLoss as error:
                kept = f"the checkpoint of iteration {run.done} is kept" if run.last else "no checkpoint was made yet"
                cure = "lower the learning rates or look through the training images"
                raise NonFiniteLoss(f"{error}, so the training in {out} ends: {cure} ({kept}).") from error
            run.write_outputs()


@dataclass
class Run:
    """One training: what it works on, and how far it is."""

    config: RunConfig
    out: Path
    steps: Steps
    samples: Samples
    log: RunLog
    checkpoints: CheckpointFolder
    record: RunRecord
    last: Checkpoint | None = None
    begun: str = ""

    @classmethod
    def prepare(cls, config: RunConfig, checkpoints: CheckpointFolder, train_step: TrainStep, start: Start) -> Run:
        """Decode every image, and see that what is written at the end can be: neither shall stop a training later."""
        out, last = checkpoints.folder.parent, start.checkpoint
        check_outputs(out)
        steps = Steps.prepare(config, train_step)
        samples = Samples(config.data, steps.method.options, out / "samples")
        check_room(out, bytes_at_least(steps.method))
        return cls(config, out, steps, samples, RunLog(out / "metrics.jsonl"), checkpoints, start.record, last)

    @property
    def method(self) -> Method:
        """What is trained."""
        return self.steps.method

    @property
    def done(self) -> int:
        """Iterations up to the last checkpoint."""
        return self.last.iteration if self.last else 0

    def begin(self) -> None:
        """Take back the checkpoint, if there is one, and write down what is trained."""
        self.begun = self._first_start()
        if self.last:
            self.method.load_state_dict(self.last.method)
            set_random_state(self.last.random, self.method.device)
            print(f"Going on from iteration {self.done}.", flush=True)
        self.log.resume(self.done, self.last.window if self.last else [])
        self._started(self.begun).write(self.out / STARTED_FILE)

    def _first_start(self) -> str:
        """When this very training began, also if it was killed before its first checkpoint; now, if it is a new one."""
        if self.last:
            return self.last.begun
        with suppress(UserError):
            known = read_record(self.out / STARTED_FILE, StartedRecord)
            if known == self._started(known.begun):
                return known.begun
        return now()

    def _started(self, begun: str) -> StartedRecord:
        return StartedRecord(**dict(self.record), begun=begun)

    def loop(self, workers: int, stop: StopRequest, state: StateFile) -> None:
        """Train to the last iteration; raises NonFiniteLoss, or Stopped."""
        every, method, steps = self.config.train, self.method, self.steps
        total = steps.total
        steps.load(self.done, workers)
        prefetcher = steps.prefetcher
        state.begin(self.done)
        if self.done < total and every.tracking == "live":
            start_follower(self.out)
        wall, waited = (self.last.wall_seconds, self.last.wait_seconds) if self.last else (0.0, 0.0)
        begin = time.monotonic()

        with closing(Progress(self.done, total, method.schedule.epochs)) as progress:
            for step in steps.run(self.done):
                iteration, epoch = step.iteration, step.epoch
                self.log.add(iteration, step.losses)
                progress.update(iteration, epoch, self.log.means)

                is_last, stopped_by = iteration == total, stop.by
                if iteration % every.log_every == 0 or is_last:
                    self.log.write(iteration, epoch, learning_rates(method), prefetcher.waited)
                if iteration % every.sample_every == 0 or is_last:
                    self.samples.draw(method, iteration)
                if step.ends_epoch and every.snapshot_epochs and epoch % every.snapshot_epochs == 0:
                    self.save_snapshot(epoch, iteration)
                if iteration % every.checkpoint_every == 0 or is_last or stopped_by:
                    self.save_checkpoint(iteration, wall + time.monotonic() - begin, waited + prefetcher.waited)
                    state.reached(iteration)
                if stopped_by and not is_last:
                    raise Stopped(f"stopped by {stopped_by} after iteration {iteration} of {total}")

    def save_checkpoint(self, iteration: int, wall_seconds: float, wait_seconds: float) -> None:
        """Write down everything that `resume` takes back; NonFiniteLoss, with nothing written, if it is no good."""
        checkpoint = Checkpoint(
            iteration=iteration,
            method=self.method.state_dict(),
            random=random_state(self.method.device),
            window=self.log.state(),
            wall_seconds=wall_seconds,
            wait_seconds=wait_seconds,
            begun=self.begun,
            saved=now(),
            record=self.record,
        )
        self.checkpoints.save(checkpoint)
        self.last = checkpoint

    def save_snapshot(self, epoch: int, iteration: int) -> None:
        """Keep the generator as it is after an epoch; NonFiniteLoss, with nothing written, if it is no good."""
        self.log.check()
        check_weights(self.method.state_dict()["networks"], iteration)
        self.save_generator(self.out / "snapshots" / f"generator_epoch{epoch:03d}.safetensors", iteration)

    def save_generator(self, path: Path, iteration: int) -> None:
        """Write the networks that translate, with what is needed to know them again."""
        named = {"task": self.config.task, "variant": self.config.variant, "scale": self.config.scale}
        numbers = {"seed": self.config.seed, "iteration": iteration}
        save_generator(self.method, path, config_hash=self.record.config_hash, **named, **numbers)

    def write_outputs(self) -> None:
        """Write generator.safetensors and then run.json, both from the last checkpoint."""
        if self.last is None:
            raise UserError("There is nothing to train: n_const + n_decay is 0, set at least one of them.")
        self.save_generator(self.out / "generator.safetensors", self.done)
        record = FinishedRecord(
            **dict(self.last.record),
            iterations=self.done,
            wall_seconds=round(self.last.wall_seconds, 3),
            data_wait=round(self.last.wait_seconds / self.last.wall_seconds, 4),
            begun=self.last.begun,
            finished=self.last.saved,
            mlflow_run_id=self._mlflow_run_id(),
        )
        record.write(self.out / FINISHED_FILE)
        keep_result(self.out)

    def _mlflow_run_id(self) -> str | None:
        """Read the MLflow run of this training, where there is one: a tracker fails no training."""
        if self.config.train.tracking == "live":
            with suppress(UserError, LookupError, TypeError):
                return str(read_json(self.out / "mlflow.json")["run_id"])
        return None


def describe(config: RunConfig, train_step: TrainStep) -> RunRecord:
    """What run.json says of a run before it has begun, and what tells it from another; `config` is in full."""
    sources = method_sources(config.method)
    return RunRecord(
        config=config,
        config_hash=config_hash(config),
        plan=plan_id(config, sources),
        settings=settings_of(config),
        sources=sources,
        data_hash=training_hash(config.data.root, config.data.recursive),
        data_source=data_source(config.data.root),
        parameter_count=train_step.method.parameter_count(),
        git=git_state(),
        versions=versions(),
        device=device_name(train_step.method.device),
        computed=str(train_step.pieces),
        pieces=asdict(train_step.pieces),
        changes=[],
    )


def learning_rates(method: Method) -> dict[str, float]:
    """Each optimiser's rate, that of its first parameter group."""
    return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in method.optimizers.items()}


def main() -> int:
    """Run the command line; the exit status is 75 if stopped by a signal and 3 if the training diverged."""
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read by cuBLAS when it starts
        torch.use_deterministic_algorithms(True)
    keep_memory()
    print(f"Training {arguments.config.method} on {arguments.device}, into {arguments.out}", flush=True)
    try:
        with stop_signals() as stop:
            train(arguments.config, arguments.out, arguments.device, arguments.workers, stop, arguments.policy)
    except Stopped as stopped:
        print(f"Training {stopped}: the same command goes on from there.", flush=True)
        return GO_ON_LATER
    except NonFiniteLoss as error:
        print(f"error: {error}", file=sys.stderr)
        return DIVERGED
    return 0


if __name__ == "__main__":
    run_cli(main)
