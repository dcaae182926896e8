"""Train one method on one pair of image sets: `python -m enco.train`.

A training that is killed, by anything, goes on from its last checkpoint when the same command is given again, and
ends with the weights of one that never was: on a CPU if the number of threads is the same, on a GPU if --deterministic
is given.
"""

from __future__ import annotations

import math
import os
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from enco.config.run import RunConfig
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
from enco.training.copying import learn_to_copy
from enco.training.identity import OnChange, defaults_of, in_full
from enco.training.init_file import start_from, with_digest
from enco.training.iterations import Step, Steps, first_weights, iterations_of
from enco.training.probe import FOLDER, Probe
from enco.training.progress import Clock, Progress
from enco.training.provenance import describe
from enco.training.resume import Start, find_start
from enco.training.run_files import GENERATOR_FILE, check_outputs, keep_result
from enco.training.run_folder import StateFile, exclusive, now
from enco.training.run_log import RunLog
from enco.training.samples import Samples
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
    """Train, or go on training, in a run's folder; a finished training is left as it is.

    Raises UserError for unusable settings or images, for a folder whose training was made otherwise (unless `policy`
    says what to do then) and for a full disk, NonFiniteLoss where the training diverged, and Stopped, once a checkpoint
    is written, if `stop` was set.
    """
    out, device, stop = Path(out), torch.device(device), stop or StopRequest()
    with exclusive(out, stop):
        config, checkpoints = with_digest(in_full(config), out), CheckpointFolder(out)
        train_step, total = first_weights(config, device), iterations_of(config)
        asked = describe(config, train_step.method, train_step.options)
        start = find_start(checkpoints, asked, defaults_of(config), total, policy or OnChange())
        with StateFile(out) as state:
            if isinstance(start.record, FinishedRecord):
                state.reached(start.record.iterations)
                print(f"The training in {out} is finished: its result is there, nothing is trained.", flush=True)
                return
            speed = train_step.compute.explain(train_step.can)
            for line in (speed, "" if start.checkpoint else start_from(train_step.method, config)):
                if line:
                    print(line, flush=True)
            training = Training.prepare(config, checkpoints, train_step, start)
            training.begin()
            try:
                training.loop(workers, stop, state)
            except NonFiniteLoss as error:
                raise training.diverged(error) from error
            training.write_outputs()


@dataclass
class Training:
    """One training: settings, parts and progress."""

    config: RunConfig
    out: Path
    steps: Steps
    samples: Samples
    probe: Probe | None
    log: RunLog
    checkpoints: CheckpointFolder
    record: RunRecord
    last: Checkpoint | None = None
    begun: str = ""

    @classmethod
    def prepare(cls, config: RunConfig, checkpoints: CheckpointFolder, train_step: TrainStep, start: Start) -> Training:
        """Decode every image and check that all outputs can be written, so that neither stops a training later."""
        out = checkpoints.folder.parent
        check_outputs(out)
        steps = Steps.prepare(config, train_step)
        samples = Samples(config.data, steps.method.options, out / "samples")
        probe, log = Probe.of(config, steps.method, out / FOLDER), RunLog(out / "metrics.jsonl")
        check_room(out, bytes_at_least(steps.method))
        return cls(config, out, steps, samples, probe, log, checkpoints, start.record, start.checkpoint)

    @property
    def method(self) -> Method:
        """The method that is trained."""
        return self.steps.method

    @property
    def done(self) -> int:
        """Iterations up to the last checkpoint."""
        return self.last.iteration if self.last else 0

    def begin(self) -> None:
        """Restore the checkpoint, if there is one, and write config.json."""
        self.begun = self._first_start()
        if self.last:
            self.method.load_state_dict(self.last.method)
            set_random_state(self.last.random, self.method.device)
            print(f"Going on from iteration {self.done}.", flush=True)
        self.log.resume(self.done, self.last.window if self.last else [])
        if self.probe:
            self.probe.resume(self.done // self.steps.per_epoch)
        self._started(self.begun).write(self.out / STARTED_FILE)

    def loop(self, workers: int, stop: StopRequest, state: StateFile) -> None:
        """Train to the last iteration; raises NonFiniteLoss, or Stopped."""
        settings, total = self.config.train, self.steps.total
        clock = Clock(self.last.wall_seconds, self.last.wait_seconds) if self.last else Clock()
        if not self.done:
            self.copy_images(workers, stop)
            self.steps.calibrate(workers)
        prefetcher = self.steps.prefetch(self.done, workers)
        state.begin(self.done)
        if self.done < total and settings.tracking == "live":
            start_follower(self.out)

        with closing(Progress(self.done, total, self.method.schedule.epochs)) as progress:
            for step in self.steps.run(prefetcher, self.done):
                self.log.add(step.iteration, step.losses)
                progress.update(step.iteration, step.epoch, self.log.means)

                is_last, stopped_by = step.iteration == total, stop.by
                if step.iteration % settings.log_every == 0 or is_last:
                    self.log.write(step.iteration, step.epoch, learning_rates(self.method), prefetcher.waited)
                if step.iteration % settings.sample_every == 0 or is_last:
                    self.samples.draw(self.method, step.iteration)
                if self.probe and step.ends_epoch and step.epoch % settings.probe_epochs == 0:
                    self.probe.draw(self.method, step.epoch)
                if step.ends_epoch and settings.snapshot_epochs and step.epoch % settings.snapshot_epochs == 0:
                    self.save_snapshot(step)
                if step.iteration % settings.checkpoint_every == 0 or is_last or stopped_by:
                    self.save_checkpoint(step.iteration, clock.wall_seconds, clock.wait_seconds(prefetcher.waited))
                    state.reached(step.iteration)
                if stopped_by and not is_last:
                    raise Stopped(f"stopped by {stopped_by} after iteration {step.iteration} of {total}")

    def copy_images(self, workers: int, stop: StopRequest) -> None:
        """Learn to copy images before the first iteration; raises NonFiniteLoss, or Stopped, which keep nothing."""
        count = self.config.copy_steps
        for step, loss in enumerate(learn_to_copy(self.steps, count, workers), start=1):
            where = f"in step {step} of {count} of learning to copy"
            if not math.isfinite(loss):
                raise NonFiniteLoss(f"The loss became {loss} {where}")
            if stopped_by := stop.by:
                raise Stopped(f"stopped by {stopped_by} {where}, which begins anew")

    def save_checkpoint(self, iteration: int, wall_seconds: float, wait_seconds: float) -> None:
        """Write all that `begin` takes back; NonFiniteLoss, with nothing written, for what is not finite."""
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

    def save_snapshot(self, step: Step) -> None:
        """Keep the generator of this epoch; NonFiniteLoss, with nothing written, for weights that are not finite."""
        self.log.check()
        check_weights(self.method.state_dict()["networks"], step.iteration)
        self.save_generator(self.out / "snapshots" / f"generator_epoch{step.epoch:03d}.safetensors", step.iteration)

    def save_generator(self, path: Path, iteration: int) -> None:
        """Write the networks that translate, with the names and the hash of this training."""
        named = {"task": self.config.task, "variant": self.config.variant, "scale": self.config.scale}
        named["direction"] = self.config.data.direction
        numbers = {"seed": self.config.seed, "iteration": iteration}
        save_generator(self.method, path, config_hash=self.record.config_hash, **named, **numbers)

    def write_outputs(self) -> None:
        """Write generator.safetensors and then run.json, both from the last checkpoint."""
        if self.last is None:
            raise UserError("There is nothing to train: n_const + n_decay is 0, set at least one of them.")
        self.save_generator(self.out / GENERATOR_FILE, self.done)
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

    def diverged(self, error: NonFiniteLoss) -> NonFiniteLoss:
        """Make the error that ends a training in which a loss or a weight is no longer finite."""
        kept = f"the checkpoint of iteration {self.done} is kept" if self.last else "no checkpoint was made yet"
        cure = "lower the learning rates or look through the training images"
        return NonFiniteLoss(f"{error}, so the training in {self.out} ends: {cure} ({kept}).")

    def _first_start(self) -> str:
        """Return when this very training began, also if killed before its first checkpoint; now, if it is new."""
        if self.last:
            return self.last.begun
        with suppress(UserError):
            known = read_record(self.out / STARTED_FILE, StartedRecord)
            if known == self._started(known.begun):
                return known.begun
        return now()

    def _started(self, begun: str) -> StartedRecord:
        return StartedRecord(**dict(self.record), begun=begun)

    def _mlflow_run_id(self) -> str | None:
        """Read the MLflow run of a training that is tracked live, if possible: a tracker fails no training."""
        if self.config.train.tracking == "live":
            with suppress(UserError, LookupError, TypeError):
                return str(read_json(self.out / "mlflow.json")["run_id"])
        return None


def learning_rates(method: Method) -> dict[str, float]:
    """Return each optimiser's rate, that of its first parameter group."""
    return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in method.optimizers.items()}


def main() -> int:
    """Run the command line; the exit status is 75 if stopped by a signal and 3 if the training diverged."""
    args = parse_arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS reads this when starting
        torch.use_deterministic_algorithms(True)
    keep_memory()
    print(f"Training {args.config.method} on {args.device}, into {args.out}", flush=True)
    try:
        with stop_signals() as stop:
            train(args.config, args.out, args.device, args.workers, stop, args.policy)
    except Stopped as stopped:
        print(f"Training {stopped}: the same command goes on from there.", flush=True)
        return GO_ON_LATER
    except NonFiniteLoss as error:
        print(f"error: {error}", file=sys.stderr)
        return DIVERGED
    return 0


if __name__ == "__main__":
    run_cli(main)
