"""Damaged files of models are refused with a sentence, whatever the damage is."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keras_archives import archive, said, small_network, weights_file, written
from tests.onnx_models import model, usual_nodes
from worker.imports.errors import ImportRefused
from worker.imports.options import ModelFormat
from worker.imports.reader import read

SEEDS = 8


def mutated(content: bytes, seed: int) -> bytes:
    """A file with some bytes changed, taken out, or repeated."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 4, 32])):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + 8] = chance.randbytes(8)
            case 2:
                del changed[at : at + chance.randrange(1, 64)]
            case _:
                changed[at:at] = changed[at : at + chance.randrange(1, 64)]
    return bytes(changed)


def damaged_models(seed: int) -> Iterator[tuple[ModelFormat, bytes]]:
    """A Keras file damaged as a whole, in its configuration, in its weights; and an ONNX file."""
    config, arrays = small_network()
    weights = weights_file(arrays)
    yield "keras", mutated(archive(config, weights), seed)
    yield "keras", archive(mutated(json.dumps(config).encode(), seed), weights)
    yield "keras", archive(config, mutated(weights, seed))
    yield "onnx", mutated(model(usual_nodes()).SerializeToString(), seed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_damage_is_refused_or_changes_only_numbers(tmp_path: Path, seed: int) -> None:
    for number, (model_format, content) in enumerate(damaged_models(seed)):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            result = read(written(folder, content), said(format=model_format, size_bytes=len(content)), folder)
        except ImportRefused:
            continue
        found = result.transcoded or result.checked
        assert found is not None
        assert found.n_classes >= 2
