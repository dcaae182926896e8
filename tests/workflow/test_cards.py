"""The plan's cost by what is committed of a GPU: its seconds, trainings together, and what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import rows
from enco.errors import UserError
from workflow.__main__ import main
from workflow.cost.cards import RESULTS, card_speeds

PAPER = Path(__file__).parents[2] / "config" / "paper.yaml"
H100, H100_PCIE, CPU = "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "AMD EPYC"


def line(device: str, **about: object) -> rows.Row:
    usual = {"method": "enco", "mode": "fast", "change": "", "size": 256, "batch": 1, "half": 1, "together": 1}
    return usual | {"device": device, "threads": 2 if device == CPU else "", "pieces": "bfloat16"} | about


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Files of two GPUs, one of them measured twice, and of a processor."""
    for older in ("torch2.9-cuda13.0", "torch2.15-cuda12.8"):
        rows.write(tmp_path / f"speed-h100-{older}.csv", [line(H100, sec_per_iter=9.0)])
        rates = [line(H100, together=count, iter_per_sec=rate) for count, rate in ((1, 10), (2, 19), (3, 29))]
        rows.write(tmp_path / f"together-h100-{older}.csv", rates)
    newer = [
        line(H100, sec_per_iter=0.02),
        line(H100, method="cut", change="without compile", pieces="bfloat16, cuda graph", sec_per_iter=0.05),
        line(H100, mode="plain", sec_per_iter=0.1),
    ]
    rows.write(tmp_path / "speed-h100-torch2.15-cuda13.0.csv", newer)
    rows.write(tmp_path / "speed-pcie-torch2.15-cuda13.0.csv", [line(H100_PCIE, sec_per_iter=0.04)])
    rows.write(tmp_path / "speed-amd-epyc-2-threads-torch2.15.csv", [line(CPU, sec_per_iter=5.0)])
    rates = {(1, "without compile"): 10, (2, "without compile"): 16, (4, "without compile"): 25}
    together = [line(H100, together=count, change=change, iter_per_sec=rate) for (count, change), rate in rates.items()]
    together += [line(H100, together=8, error="no memory"), line(H100, together=2, mode="plain", iter_per_sec=3)]
    rows.write(tmp_path / "together-h100-torch2.15-cuda13.0.csv", together)
    shared = [line(H100, together=count, iter_per_sec=rate) for count, rate in ((4, 30), (1, 10))]
    rows.write(tmp_path / "mps-h100-torch2.15-cuda13.0.csv", shared)
    return tmp_path


def test_a_card_has_its_newest_seconds_and_the_gains_of_trainings_together(results: Path) -> None:
    speeds = card_speeds("h100 80", 256, "fast", results)
    assert speeds.seconds == {"cut": 0.05, "enco": 0.02} and speeds.gains == {2: 1.6, 4: 2.5}
    assert speeds.gains_with_mps == {4: 3.0}
    assert speeds.source == (
        f"sec/iter measured on {H100}, bfloat16, cuda graph or bfloat16"
        " (benchmarks/results/speed-h100-torch2.15-cuda13.0.csv)"
    )
    plain = card_speeds("h100 80", 256, "plain", results)
    assert plain.seconds == {"enco": 0.1} and plain.gains == {}, "one alone was not measured in this mode"
    assert card_speeds("PCIe", 256, "fast", results).gains == {}


@pytest.mark.parametrize(
    ("card", "size", "message"),
    [
        (
            "A100",
            256,
            rf"No measurement of a GPU named 'A100' is committed \(there are: {H100}, {H100_PCIE}\): .*gpu\.sh",
        ),
        ("EPYC", 256, "No measurement of a GPU named 'EPYC'"),
        ("H100", 256, f"'H100' names several GPUs: choose one of {H100}, {H100_PCIE}"),
        ("PCIe", 512, "has no sec/iter of mode fast at 512 pixels"),
    ],
)
def test_what_was_not_measured_is_said_in_one_sentence(card: str, size: int, message: str, results: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        card_speeds(card, size, "fast", results)
    assert "\n" not in str(error.value)


def test_the_plan_is_priced_for_a_committed_card(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["--config", str(PAPER), "--card", "H200", "table4"])
    shown = capsys.readouterr().out
    halves = [
        float(row["sec_per_iter"])
        for row in rows.read(RESULTS / "speed-nvidia-h200-torch2.11-cuda13.0.csv")
        if row["method"] == "enco"
    ]
    assert f"{9_385_200 * sum(halves) / 2 / 3600:,.1f}" in shown and "NVIDIA H200, float32" in shown
    monkeypatch.setattr(card_speeds, "__defaults__", (results,))
    main(["--config", str(PAPER), "--card", "HBM3", "--mode", "fast", "table4"])
    shown, hours = capsys.readouterr().out, 9_385_200 * 0.02 / 3600
    assert f"{hours:,.1f}" in shown
    assert f"4 trainings together do 2.5 times the iterations of one: {hours / 2.5:,.1f} GPU-hours." in shown
    assert f"4 trainings together by MPS do 3 times the iterations of one: {hours / 3:,.1f} GPU-hours." in shown


def test_compiled_steps_of_one_half_of_training_do_not_stand_for_both(tmp_path: Path) -> None:
    eager = {"change": "without compile", "pieces": "bfloat16"}
    halves = [line(H100, half=half, sec_per_iter=seconds, **eager) for half, seconds in ((1, 0.03), (2, 0.01))]
    compiled = line(H100, sec_per_iter=0.05, pieces="bfloat16, compile")
    plain = line(H100, method="cut", mode="plain", sec_per_iter=0.1, pieces="float32")
    rows.write(tmp_path / "speed-h100-torch2.15-cuda13.0.csv", [*halves, compiled, plain])
    assert card_speeds("H100", 256, "fast", tmp_path).seconds == {"enco": 0.02}
    rows.write(tmp_path / "speed-h100-torch2.15-cuda13.0.csv", [*halves, compiled, compiled | {"half": 2}])
    assert card_speeds("H100", 256, "fast", tmp_path).source.startswith(
        f"sec/iter measured on {H100}, bfloat16, compile"
    )
