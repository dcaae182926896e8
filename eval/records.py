"""Records of the metrics: what features, scores and timing files say, as one stage writes and others read them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

INPUT_SIZE = 299
"""Side that Inception sees, in pixels."""


class Record(BaseModel):
    """A part of a file that one stage writes and another reads: immutable, with every key but unknown ones needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ExtractorRecord(Record):
    """A feature extractor: the kind of network, the seed of drawn weights, and the side in pixels of images."""

    kind: str
    seed: int | None = None
    input_size: int = INPUT_SIZE

    def __str__(self) -> str:
        seed = [] if self.seed is None else [f"seed={self.seed}"]
        side = [] if self.input_size == INPUT_SIZE else [f"input={self.input_size}"]
        return f"{self.kind}({', '.join([*seed, *side])})" if seed or side else self.kind
