"""Checks an ONNX file."""

from pathlib import Path

from worker.imports.errors import ImportRefused
from worker.imports.options import ImportedModel
from worker.imports.result import Checked


def check_onnx(path: Path, imported: ImportedModel, folder: Path) -> Checked:
    """Check a file. Raises `ImportRefused`."""
    raise ImportRefused("ONNX files cannot be imported yet.", "Send a Keras model.")
