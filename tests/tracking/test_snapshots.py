"""Metrics of saved generators, as MLflow has them."""

from __future__ import annotations

from pathlib import Path

from enco.io.files import write_json
from enco.tracking.follower import sync
from enco.tracking.store import Store
from tests.support.tracked_runs import content, only_run


def test_the_metrics_of_saved_generators_are_curves(store: Store, runs: Path) -> None:
    """Those of another task apart; the final generator, saved twice, is one point."""
    report = runs / "seed0" / "selected" / "noise.json"
    saved = [(6, 9.5, 0.25), (12, 8.5, 0.125), (12, 7.5, 0.125)]
    candidates = [
        {"file": "x", "iteration": at, "frechet_distance": distance, "kid": kid} for at, distance, kid in saved
    ]
    for path in (report, report.with_name("back.json")):
        write_json(path, {"chosen": "x", "iteration": 12, "distance": "FID", "candidates": candidates})
    sync(store, runs)
    once = content(store)
    sync(store, runs)
    assert content(store) == once
    mirrored, client = only_run(store), store.connect()

    def history(name: str) -> list[tuple[int, float]]:
        return [(point.step, point.value) for point in client.get_metric_history(mirrored.info.run_id, name)]

    for task in ("", "back/"):
        assert history(f"{task}snapshots/FID") == [(6, 9.5), (12, 7.5)]
        assert history(f"{task}snapshots/KID") == [(6, 0.25), (12, 0.125)]
    candidates[-1]["frechet_distance"] = 70.5
    write_json(report, {"distance": "FID", "candidates": candidates})
    sync(store, runs)
    assert only_run(store).data.metrics["snapshots/FID"] == 70.5
