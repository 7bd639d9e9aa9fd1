"""Whether conformal sets keep their promise: coverage over random splits of the test pictures.

    python -m benchmarks.trust MODEL.onnx DATASET DATASETS_DIR [--coverage 0.95] [--splits 20]

Half of the test pictures gives the scores, the other half is asked; nothing was trained on either.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.datasets import load_dataset
from worker.pictures.pixels import to_unit_range
from worker.trust.conformal import classes_of_sets, scores_of_mistakes, threshold

AT_ONCE = 256


def main() -> None:
    """Print the mean, the lowest and the highest coverage, and the mean size of a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("datasets_dir", type=Path)
    parser.add_argument("--coverage", type=float, default=0.95)
    parser.add_argument("--splits", type=int, default=20)
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.dataset, arguments.datasets_dir)
    probabilities, labels = answers(arguments.network, dataset.test_images), dataset.test_labels
    found = [one_split(probabilities, labels, arguments.coverage, seed) for seed in range(arguments.splits)]
    coverages, sizes = np.array(found).T
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    print(
        f"accuracy {accuracy:.3f}, coverage {coverages.mean():.4f} ({coverages.min():.4f} to {coverages.max():.4f}), "
        f"{sizes.mean():.2f} labels in a set"
    )


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


if __name__ == "__main__":
    main()
