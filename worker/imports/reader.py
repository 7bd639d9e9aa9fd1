"""The reader's process: a file that a stranger sent goes in, a description or a refusal comes out.

It gets its order on standard input and answers with one file, so that nothing a library prints is taken for an answer.
The kernel bounds its memory, its CPU time and its files; it has no credentials, and imports neither Keras nor
TensorFlow.
"""

import resource
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from worker.imports.errors import ImportRefused
from worker.imports.limits import (
    GRAPH_MEMORY_BYTES,
    MAX_MODEL_BYTES,
    READER_CPU_S,
    READER_MEMORY_BYTES,
)
from worker.imports.options import ImportedModel
from worker.imports.result import RESULT_FILE, Refusal, Result

_SPARE_BYTES = 64 * 2**20


class ReadOrder(BaseModel):
    """What to read."""

    model_config = ConfigDict(frozen=True)

    path: str
    imported: ImportedModel
    folder: str


def main() -> None:
    """Entry point: `python -m worker.imports.reader`, with an order on standard input."""
    order = ReadOrder.model_validate_json(sys.stdin.buffer.read())
    _limit(READER_MEMORY_BYTES if order.imported.format == "keras" else GRAPH_MEMORY_BYTES, order.imported.size_bytes)
    try:
        result = read(Path(order.path), order.imported, Path(order.folder))
    except ImportRefused as error:
        result = Result(refusal=Refusal(message=error.message, hint=error.hint))
    except (MemoryError, RecursionError):
        result = Result(refusal=Refusal(message="The model needs more memory to be read than an import may take."))
    (Path(order.folder) / RESULT_FILE).write_text(result.model_dump_json())


def read(path: Path, imported: ImportedModel, folder: Path) -> Result:
    """Read a file of either format. Raises `ImportRefused`."""
    if imported.format == "onnx":
        from worker.imports.onnx_file import check_onnx  # noqa: PLC0415 - a Keras file needs no onnx

        return Result(checked=check_onnx(path, imported, folder))
    from worker.imports.transcoding import transcode  # noqa: PLC0415 - nor does an ONNX file need h5py

    return Result(transcoded=transcode(path, imported, folder))


def _limit(memory_bytes: int, file_bytes: int) -> None:
    """Let the kernel bound this process, and write no core dumps."""
    written = 4 * max(MAX_MODEL_BYTES, file_bytes) + _SPARE_BYTES
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, READER_CPU_S),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
