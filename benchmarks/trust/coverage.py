"""Whether conformal sets keep their promise: coverage over random splits of the test pictures.

Half of the test pictures gives the scores, the other half is asked; the network was trained on neither.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.datasets import Dataset
from worker.pictures.pixels import to_unit_range
from worker.trust.conformal import classes_of_sets, scores_of_mistakes, threshold

AT_ONCE = 256


def measured_coverage(network: Path, dataset: Dataset, coverage: float, n_splits: int) -> dict[str, float]:
    """The accuracy, the coverage over all splits, and the size of a set.

    Args:
        network: an ONNX file.
        dataset: its test pictures are used.
        coverage: that is promised.
        n_splits: random splits of the test pictures into two halves.
    """
    probabilities, labels = answers(network, dataset.test_images), dataset.test_labels
    found = [one_split(probabilities, labels, coverage, seed) for seed in range(n_splits)]
    coverages, sizes = np.array(found).T
    return {
        "accuracy": round(float((probabilities.argmax(axis=1) == labels).mean()), 4),
        "promised": coverage,
        "splits": n_splits,
        "mean": round(float(coverages.mean()), 4),
        "lowest": round(float(coverages.min()), 4),
        "highest": round(float(coverages.max()), 4),
        "labels_in_a_set": round(float(sizes.mean()), 2),
    }


def answers(path: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities of an ONNX file for pictures."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    starts = range(0, len(images), AT_ONCE)
    inputs = [to_unit_range(images[start : start + AT_ONCE]) for start in starts]
    return np.concatenate([session.run([OUTPUT_TENSOR], {INPUT_TENSOR: part})[0] for part in inputs])


def one_split(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], coverage: float, seed: int
) -> tuple[float, float]:
    """The share of sets with the right class, and their mean size."""
    order = np.random.default_rng(seed).permutation(len(labels))
    known, asked = order[: len(order) // 2], order[len(order) // 2 :]
    mistakes = scores_of_mistakes(probabilities[known], labels[known])
    sets = classes_of_sets(probabilities[asked], threshold(mistakes.tolist(), len(known), coverage))
    hits = [label in chosen for label, chosen in zip(labels[asked].tolist(), sets, strict=True)]
    return float(np.mean(hits)), float(np.mean([len(chosen) for chosen in sets]))
