"""Copy batches to the device of a training during its steps, and count the seconds of waiting for batches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import torch

from enco.data.batch import Batch


class Prefetcher:
    """The batches of a loader, in their order, each on `device`.

    On a CUDA device a step is launched long before the step is done. The next batch is then fetched, and copied from
    pinned memory on a separate stream, while the step runs; the host stays at most one step ahead, so that a
    busy device is not taken for one that waits.
    """

    def __init__(self, batches: Iterable[Batch], device: torch.device) -> None:
        self.waited = 0.0
        """Seconds spent waiting for the loader so far, including the start; on a GPU only while the GPU was idle."""
        self._batches, self._device = batches, device

    def __iter__(self) -> Iterator[Batch]:
        copies = CudaCopies(self._device) if self._device.type == "cuda" else None
        begin = time.monotonic()
        for batch in self._batches:
            if not (copies and copies.device_is_busy()):
                self.waited += time.monotonic() - begin
            yield copies(batch) if copies else self._copy(batch)
            if copies:
                copies.keep_pace()
            begin = time.monotonic()

    def _copy(self, batch: Batch) -> Batch:
        return Batch(source=batch["source"].to(self._device), target=batch["target"].to(self._device))


class CudaCopies:
    """Copies of pinned batches on a separate stream; the current stream waits only for the copy of the batch."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._side = device, torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._before: torch.cuda.Event | None = None

    def __call__(self, batch: Batch) -> Batch:
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._side):
            source, target = (batch[side].to(self._device, non_blocking=True) for side in ("source", "target"))
        computing.wait_stream(self._side)
        for image in (source, target):
            image.record_stream(computing)  # else its memory could be written to while a step still reads it
        return Batch(source=source, target=target)

    def device_is_busy(self) -> bool:
        """Say whether the step launched last is still going on, so that nothing has waited."""
        return self._before is not None and not self._before.query()  # type: ignore[no-untyped-call]

    def keep_pace(self) -> None:
        """Wait until the step before the one just launched is done."""
        launched = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        launched.record(torch.cuda.current_stream(self._device))
        if self._before:
            self._before.synchronize()
        self._before = launched
