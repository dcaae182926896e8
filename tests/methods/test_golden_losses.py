"""Loss curves of twenty tiny steps, kept in tests/golden, so that no change of a method goes unseen.

They are computed in double precision: Adam's first steps amplify single-precision rounding, which differs between
processors, a hundred-thousandfold, and no tolerance would tell that from a changed method.

After an intended change, `python -m tests.methods.test_golden_losses [METHOD...]` writes them anew; the diff shows
what moved.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

from enco.methods import available
from tests.support.tiny_methods import batch_for, tiny_method

GOLDEN = Path(__file__).parents[1] / "golden"
STEPS = 20
TOLERANCE = 1e-5


@contextmanager
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def loss_curve(name: str) -> pd.DataFrame:
    """Return every term at every step; the second half of the steps is in the decaying epoch."""
    rows = []
    with double_precision():
        method = tiny_method(name)
        for step in range(STEPS):
            method.begin_epoch(1 if step < STEPS // 2 else 2)
            terms = method.step(batch_for(method, step))
            rows.append({term: float(value) for term, value in terms.items()})
    return pd.DataFrame(rows).rename_axis("step")


def golden_file(name: str) -> Path:
    return GOLDEN / f"loss_{name}.csv"


def ours() -> list[str]:
    """List the methods of this repository: those of other packages have no file here."""
    return sorted(name for name, method in available().items() if method.__module__.startswith("enco.methods."))


@pytest.mark.parametrize("name", ours())
def test_losses_follow_the_golden_curve(name: str) -> None:
    assert golden_file(name).is_file(), "no golden curve yet: run python -m tests.methods.test_golden_losses"
    golden = pd.read_csv(golden_file(name), index_col="step")
    curve = loss_curve(name)
    try:
        pd.testing.assert_frame_equal(curve, golden, check_dtype=False, rtol=TOLERANCE, atol=TOLERANCE)
    except AssertionError as error:
        pytest.fail(f"{name} left its golden curve: {error}")


def regenerate(names: Iterable[str]) -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name in names:
        loss_curve(name).to_csv(golden_file(name), float_format="%.8g", lineterminator="\n")
        print(f"wrote {golden_file(name)}")


if __name__ == "__main__":
    regenerate(sys.argv[1:] or ours())
