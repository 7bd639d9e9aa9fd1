"""The ONNX file that tells unusual pictures finds what it should, and little else."""

import json

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.plans import SAMPLE
from worker.artifacts import INPUT_TENSOR, UNUSUAL_TENSOR, USUAL_SCORES
from worker.training.trust.unusual import QUANTILES, unusual_network

RANDOM = np.random.default_rng(1)
TRAINING, HELD_OUT = SAMPLE.train_images[:2000], SAMPLE.train_images[2000:]


def session_of(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def judge() -> onnxruntime.InferenceSession:
    scorer = unusual_network(TRAINING, HELD_OUT)
    assert scorer is not None
    return session_of(scorer)


def share_of_unusual(judge: onnxruntime.InferenceSession, images: NDArray[np.uint8]) -> float:
    (scores,) = judge.run([UNUSUAL_TENSOR], {INPUT_TENSOR: images.astype(np.float32) / 255})
    return float((scores > 1).mean())


def test_noise_and_negatives_are_unusual_and_test_pictures_are_not(judge: onnxruntime.InferenceSession) -> None:
    noise = RANDOM.integers(0, 256, (500, 28, 28, 1), dtype=np.uint8)
    assert share_of_unusual(judge, noise) == 1
    assert share_of_unusual(judge, 255 - SAMPLE.test_images) > 0.95
    assert share_of_unusual(judge, SAMPLE.test_images) < 0.03
    assert share_of_unusual(judge, HELD_OUT) <= 0.01


def test_the_distribution_of_the_held_out_scores_is_kept(judge: onnxruntime.InferenceSession) -> None:
    kept = json.loads(judge.get_modelmeta().custom_metadata_map[USUAL_SCORES])
    (scores,) = judge.run([UNUSUAL_TENSOR], {INPUT_TENSOR: HELD_OUT.astype(np.float32) / 255})
    assert kept == pytest.approx(np.quantile(scores, QUANTILES).tolist(), rel=1e-3)


@pytest.mark.parametrize(("side", "channels", "n_training"), [(32, 3, 200), (4, 3, 50), (97, 1, 120), (224, 3, 20)])
def test_pictures_of_any_size_and_few_of_them(side: int, channels: int, n_training: int) -> None:
    def pictures(n: int) -> NDArray[np.uint8]:
        levels = RANDOM.integers(60, 190, (n, 1, 1, channels))
        return np.clip(levels + RANDOM.normal(size=(n, side, side, channels)) * 8, 0, 255).astype(np.uint8)

    scorer = unusual_network(pictures(n_training), pictures(100))
    assert scorer is not None
    judge = session_of(scorer)
    noise = RANDOM.integers(0, 256, (20, side, side, channels), dtype=np.uint8)
    assert share_of_unusual(judge, noise) == 1


def test_with_too_few_held_out_pictures_there_is_no_one_percent() -> None:
    assert unusual_network(TRAINING, HELD_OUT[:98]) is None
