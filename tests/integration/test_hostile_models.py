"""Hostile files of models meet the process that reads them: nothing in them runs, and it stays within its limits."""

import json
import marshal
import resource
from base64 import b64encode
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.keras_archives import archive, layer, said, sequential, small_network, weights_file, written
from tests.onnx_models import hungry, model, usual_nodes
from tests.unit.worker.imports.test_mutated_models import damaged_models
from worker.imports.errors import ImportRefused
from worker.imports.limits import GRAPH_MEMORY_BYTES, READER_MEMORY_BYTES
from worker.imports.options import ModelFormat
from worker.imports.process import read_apart
from worker.imports.result import Checked, Transcoded
from worker.imports.transcoding import transcode

FEW, MANY = 1, 50


def read(folder: Path, content: bytes, model_format: ModelFormat) -> Transcoded | Checked:
    """What the reader's process says about a file."""
    work = folder / "work"
    work.mkdir()
    return read_apart(written(folder, content), said(format=model_format, size_bytes=len(content)), work)


def keras_file(config: object = None) -> bytes:
    usual, arrays = small_network()
    return archive(config or usual, weights_file(arrays))


def onnx_file() -> bytes:
    return bytes(model(usual_nodes()).SerializeToString())


def test_sound_files_are_read_by_the_process(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert isinstance(read(tmp_path / "a", keras_file(), "keras"), Transcoded)
    assert isinstance(read(tmp_path / "b", onnx_file(), "onnx"), Checked)


def _lambdas(canary: Path) -> list[dict[str, Any]]:
    """Layers that write a file when Keras loads them, or runs them."""
    code = compile(f"open({str(canary)!r}, 'w').write('x')", "x", "eval")
    text = b64encode(marshal.dumps(code)).decode()
    function = {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}
    call = {"module": "builtins", "class_name": "function", "config": "open", "registered_name": "function"}
    return [
        layer("Lambda", "a", function=function),
        layer("Activation", "b", activation=call),
        layer("TimeDistributed", "c", layer=layer("Lambda", "d", function=function)),
        {**layer("Dense", "e", units=1), "module": "os", "class_name": "system"},
    ]


@pytest.mark.parametrize("number", range(4))
def test_code_in_a_file_is_never_run(tmp_path: Path, number: int) -> None:
    canary = tmp_path / "canary"
    config, _ = small_network()
    config["config"]["layers"].insert(1, _lambdas(canary)[number])
    nested = sequential(config["config"]["layers"][0], {**config, "name": "inner"})
    with pytest.raises(ImportRefused, match=r"ayer 'inner/[a-e]'"):
        transcode(written(tmp_path, keras_file(nested)), said(), tmp_path)
    assert not canary.exists()


def test_a_graph_that_asks_for_terabytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"does not run|memory"):
        read(tmp_path, bytes(hungry().SerializeToString()), "onnx")


def test_an_archive_of_json_that_explodes_is_refused(tmp_path: Path) -> None:
    wide = json.dumps({"a": [0] * 1_000_000}).encode()
    with pytest.raises(ImportRefused, match="too many values"):
        read(tmp_path, archive(wide, b""), "keras")


def _mutations(folder: Path, seeds: range) -> int:
    """Read damaged files: each is refused, or means the same kind of network. Returns the most memory a reader took."""
    for seed in seeds:
        for number, (model_format, content) in enumerate(damaged_models(seed)):
            place = folder / f"{seed}-{number}"
            place.mkdir()
            try:
                found = read(place, content, model_format)
            except ImportRefused:
                continue
            assert found.n_classes >= 2
    return 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def _in_a_small_process(folder: Path, seeds: range) -> None:
    """This one may hold more than a reader, and have had larger children: both would count as memory of readers."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        most = process.submit(_mutations, folder, seeds).result()
    assert most < min(READER_MEMORY_BYTES, GRAPH_MEMORY_BYTES)


def test_mutated_files_are_refused_or_harmless(tmp_path: Path) -> None:
    _in_a_small_process(tmp_path, range(FEW))


@pytest.mark.long
def test_two_hundred_mutated_files_are_refused_or_harmless(tmp_path: Path) -> None:
    _in_a_small_process(tmp_path, range(MANY))
