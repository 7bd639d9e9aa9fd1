"""Coverage of conformal sets over random splits, and how well unusual pictures are told, of one network.

    python -m benchmarks.trust MODEL.onnx DATASET DATASETS_DIR [--photos FOLDER] [--other DATASET]
        [--coverage 0.95] [--splits 20]

Writes `benchmarks/results/trust.json`, where each dataset has its own part.
"""

import argparse
import json
from pathlib import Path

from benchmarks.serving.machine import machine
from benchmarks.trust.coverage import measured_coverage
from benchmarks.trust.strangers import measured_strangers
from worker.datasets import load_dataset

REPORT = Path(__file__).parents[1] / "results" / "trust.json"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("datasets_dir", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--other")
    parser.add_argument("--coverage", type=float, default=0.95)
    parser.add_argument("--splits", type=int, default=20)
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.dataset, arguments.datasets_dir)
    other = load_dataset(arguments.other, arguments.datasets_dir) if arguments.other else None
    found = {
        "coverage": measured_coverage(arguments.network, dataset, arguments.coverage, arguments.splits),
        "unusual": measured_strangers(dataset, other, arguments.photos),
    }
    print(json.dumps(found, indent=1))
    report = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    report |= {"machine": machine("onnxruntime"), dataset.info.name: found}
    REPORT.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
