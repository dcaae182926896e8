"""The scores of a run: every metric against both sets of real images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from piq import PR

from enco.config.run import TrainConfig
from enco.errors import UserError
from eval.metrics import scores
from eval.metrics.features import Features
from eval.metrics.fid import fid
from eval.metrics.real_sets import real_set
from eval.metrics.scores import SegmentationTest, compare, score_run
from eval.records import (
    ExtractorRecord,
    RealSetMetrics,
    SegmentationMetrics,
    SegmentationProtocol,
    SegmentationScores,
)
from tests.support.table_runs import finished_record, some_config

CPU = torch.device("cpu")
RUN = finished_record(config=some_config(train=TrainConfig(n_const=1, n_decay=1)))


def features(count: int, seed: int, shift: float = 0.0) -> Features:
    values = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32) + shift
    names = tuple(f"{index}.png" for index in range(count))
    return Features(values, names, names, ExtractorRecord(kind="toy"), "0", 64, False)


@pytest.mark.parametrize(("inputs", "targets"), [(12, 14), (14, 10)], ids=["fewer inputs", "fewer targets"])
def test_fid_and_precision_recall_are_there_for_both_real_sets(inputs: int, targets: int) -> None:
    generated, full = features(inputs, 0, 0.3), features(targets, 1)
    reals = {"paired": full.select(real_set(range(inputs), range(targets), "paired")), "full": full}
    assert len(reals["paired"]) == inputs
    found = score_run(RUN, generated, reals, CPU, k=3)
    for name, real in reals.items():
        scores = getattr(found.metrics, name)
        precision, recall = PR(nearest_k=3)(torch.tensor(real.features), torch.tensor(generated.features))
        assert pytest.approx(fid(real.features, generated.features)) == scores.frechet_distance
        assert scores.precision == pytest.approx(100 * float(precision))
        assert scores.recall == pytest.approx(100 * float(recall))
        assert found.content()["metrics"][name].keys() == {"frechet_distance", "precision", "recall", "recall_exact"}
    assert found.metrics.paired.frechet_distance != found.metrics.full.frechet_distance
    assert found.protocol.n_real == {"paired": inputs, "full": targets}


def test_how_a_training_computed_is_kept() -> None:
    generated, reals = features(12, 0), {"paired": features(12, 1), "full": features(12, 1)}
    assert score_run(RUN, generated, reals, CPU).computed == "float32"
    assert score_run(RUN.model_copy(update={"device": "GPU"}), generated, reals, CPU).trained_on == "GPU"
    run = RUN.model_copy(update={"computed": "bfloat16"})
    assert score_run(run, generated, reals, CPU).computed == "bfloat16"


def test_real_sets_of_the_same_images_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counting(real: Features, generated: Features, k: int) -> RealSetMetrics:
        compared.append(len(real))
        return compare(real, generated, k)

    monkeypatch.setattr(scores, "compare", counting)
    generated, full = features(12, 0, 0.3), features(12, 1)
    paired = full.select(real_set(range(12), range(12), "paired"))
    found = scores.compare_each({"paired": paired, "full": full, "more": features(13, 1)}, generated, 3)
    assert compared == [12, 13]
    assert found["paired"] == found["full"] == compare(full, generated, 3) != found["more"]
    other = replace(full, extractor=ExtractorRecord(kind="other"))
    with pytest.raises(UserError, match=r"not comparable .extractor .*other"):
        scores.compare_each({"paired": paired, "full": other}, generated, 3)


def test_segmentation_scores_come_with_those_of_the_real_photos() -> None:
    protocol = SegmentationProtocol(drn="own", drn_network="own", drn_hash="0", drn_size=[16, 16], n=1)
    metrics = [SegmentationMetrics(mAP=one, pixAcc=one, classAcc=one, perClassIoU={}) for one in (20.0, 60.0)]
    tested = SegmentationTest(
        *(
            SegmentationScores(metrics=values, protocol=protocol.model_copy(update={"n": n}))
            for n, values in enumerate(metrics)
        )
    )
    reals = {"paired": features(8, 1), "full": features(8, 1)}
    found = score_run(RUN, features(8, 0), reals, CPU, segmentation=tested)
    assert [found.metrics.segmentation, found.metrics.segmentation_real] == metrics
    assert found.protocol.drn_network == "own"
