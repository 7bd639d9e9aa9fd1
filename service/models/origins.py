"""What is said about a version that was trained elsewhere: only that, for its training is not known here."""

from collections.abc import Mapping

from model_store import Manifest


def origin_of(manifest: Manifest) -> str | None:
    """A sentence about an imported version; None for one that was trained here."""
    imported = manifest.recipe.get("imported")
    if not isinstance(imported, Mapping):
        return None
    kind = {"keras": "a Keras file", "onnx": "an ONNX file"}.get(str(imported.get("format")), "a file")
    return f"Trained elsewhere, and imported from {kind} with the SHA-256 {imported.get('sha256')}."
