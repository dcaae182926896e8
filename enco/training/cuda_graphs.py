"""Record training steps as CUDA graphs: at batch 1 a GPU waits for thousands of kernel launches, a graph is one."""

from __future__ import annotations

import torch
from torch import Tensor

from enco.data.batch import Batch
from enco.errors import UserError
from enco.methods.base import Method

Terms = dict[str, Tensor]
"""Every loss term of a step by name, 0-d."""


class GraphedStep:
    """A step that is done eagerly some times, then recorded, and from there on replayed.

    A recording repeats the same kernels with the same host-side numbers on the same memory. So within an epoch nothing
    but tensors on the device may change (draws, pools, Adam's count of steps), and learning rates, which a method may
    set in its `end_step`: other rates are recorded anew. So is whatever changes with an epoch: call `restart`.
    """

    WARMUP_STEPS = 4
    """Steps after a restart that take longer: the eager steps, and the step that is recorded."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.stream = torch.cuda.Stream(method.device)  # type: ignore[no-untyped-call]
        self.restart()

    def restart(self) -> None:
        """Forget the recording, once no replay is running."""
        torch.cuda.current_stream(self.method.device).synchronize()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.steps = 0

    def __call__(self, batch: Batch) -> Terms:
        """Do one step on images on the device, and return losses that later steps leave alone."""
        self.steps += 1
        if self.steps < self.WARMUP_STEPS:
            return self._eager(batch)
        if self.graph is None:
            self.rates = self._rates()
            self.graph = self._record(batch)
        for name in ("source", "target"):
            self.batch[name].copy_(batch[name])
        self.graph.replay()
        losses = dict(zip(self.names, self.losses.clone().unbind(), strict=True))
        self.method.end_step()
        if self._rates() != self.rates:
            self.restart()
        return losses

    def _rates(self) -> list[float]:
        return [group["lr"] for optimizer in self.method.optimizers.values() for group in optimizer.param_groups]

    def _eager(self, batch: Batch) -> Terms:
        """Do a step on the stream that records, so that gradients are summed on one stream from the beginning."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            losses = self.method.step(batch)
        torch.cuda.current_stream().wait_stream(self.stream)
        return losses

    def _record(self, batch: Batch) -> torch.cuda.CUDAGraph:
        """Record an update without doing the update; UserError where the device or the method does not allow that."""
        for optimizer in self.method.optimizers.values():
            for group in optimizer.param_groups:
                group["capturable"] = True  # a fused optimiser counts its steps on the device
        self.batch = Batch(source=batch["source"].clone(), target=batch["target"].clone())
        graph = torch.cuda.CUDAGraph()
        try:
            # The loader's thread may pin memory meanwhile, which is no part of the step.
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                losses = self.method.update(self.batch)
                self.names = list(losses)
                self.losses = torch.stack([loss.detach().float() for loss in losses.values()])
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            cure = "set 'cuda_graph: false' in the compute settings"
            raise UserError(f"A step could not be recorded as a CUDA graph ({reason}): {cure}.") from error
        return graph
