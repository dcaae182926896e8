"""Learning-rate schedule shared by the CUT family: constant, then linear decay, by epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """`n_const` epochs at the full rate, then `n_decay` epochs of linear decay; epochs count from 1."""

    n_const: int = 100
    n_decay: int = 100
    warmup: int = 0

    @property
    def epochs(self) -> int:
        return self.n_const + self.n_decay

    def warmup_factor(self, epoch: int) -> float:
        """Return the warm-up's part of `factor`, which rises to 1 and stays 1."""
        return min(1.0, epoch / self.warmup) if self.warmup else 1.0

    def factor(self, epoch: int) -> float:
        """Return the factor of every base rate in this epoch.

        The decay ends at 1/(n_decay + 1), never at 0, as in the CycleGAN and CUT code.
        """
        if epoch <= self.warmup:
            return self.warmup_factor(epoch)
        return 1.0 - max(0, epoch - self.n_const) / (self.n_decay + 1)
