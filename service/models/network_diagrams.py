"""Draws the network of a published version from the description in its manifest."""

from pydantic import ValidationError

from model_store import Manifest
from service.errors import NotRecorded
from worker.architectures import Architecture, ArchitectureError, analyse
from worker.architectures.diagram import draw_diagram

REMEDY = "Versions that a job has published have one, and only those can be drawn."


def diagram_of(manifest: Manifest) -> str:
    """The network as SVG.

    Raises:
        NotRecorded: the manifest does not describe a network in the grammar of this program.
    """
    try:
        architecture = Architecture.model_validate(manifest.architecture)
        analysis = analyse(architecture, manifest.input_shape, len(manifest.classes))
    except (ValidationError, ArchitectureError):
        raise NotRecorded(manifest.model, manifest.version, "description of its layers", REMEDY) from None
    name = manifest.recipe.get("architecture") or "network"
    return draw_diagram(architecture, analysis, f"{manifest.model}, version {manifest.version}: {name}")
