"""What a run folder says, as MLflow takes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enco.errors import UserError
from enco.tracking.mirror import mirror
from enco.tracking.mlflow_run import chunks
from enco.tracking.run_reader import flatten, read_run_files
from enco.tracking.store import Store


def test_a_record_without_settings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json"):
        read_run_files(tmp_path)


def test_settings_are_flattened() -> None:
    assert dict(flatten({"a": {"b": [1, 2]}, "c": "x", "d": None})) == {"a.b": "[1, 2]", "c": "x", "d": "null"}


@given(st.lists(st.integers()), st.integers(1, 7))
def test_chunks_lose_nothing(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(1 <= len(part) <= size for part in parts)


def test_a_new_run_is_mirrored_at_the_first_attempt(store: Store, runs: Path) -> None:
    client = store.connect()
    made = mirror(client, runs / "seed0", store.home)
    assert client.get_run(made).outputs.model_outputs
    assert mirror(client, runs / "seed0", store.home) == made
