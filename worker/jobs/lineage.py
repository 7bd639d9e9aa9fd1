"""Training on from a published version: how it is named, whether it fits, and which of its weights are taken over.

Every layer keeps its weights; the last one too, if the classes are the same, and starts anew if they are others. Knows
manifests and descriptions, neither HTTP nor Keras.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from model_store import Manifest
from worker.architectures import PRESETS, Architecture, analyse

REFERENCE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}(/[1-9][0-9]{0,8}|@[a-z0-9][a-z0-9-]{0,62})?$"


@dataclass(frozen=True)
class VersionReference:
    """A model's latest version, one of its versions, or the one an alias points at."""

    model: str
    version: int | None = None
    alias: str | None = None


FindVersion = Callable[[VersionReference], Manifest | None]
"""The manifest of the version meant, or None if there is none."""


class DoesNotFit(ValueError):
    """A version that a network cannot be continued from."""


def parse_reference(text: str) -> VersionReference:
    """Read `name`, `name/version` or `name@alias`.

    Raises:
        ValueError: it is none of them.
    """
    if not re.fullmatch(REFERENCE_PATTERN, text):
        raise ValueError(f"no version of a model; expected name, name/version or name@alias, got {text!r}")
    model, _, version = text.partition("/")
    if version:
        return VersionReference(model, version=int(version))
    model, _, alias = text.partition("@")
    return VersionReference(model, alias=alias or None)


def architecture_of(manifest: Manifest) -> str | Architecture:
    """What a job says to get a version's network: a preset's name where that is enough, else its layers."""
    described = Architecture.model_validate(manifest.architecture)
    preset = PRESETS.get(str(manifest.recipe.get("architecture")))
    return preset.name if preset is not None and preset.architecture == described else described


def check_fit(manifest: Manifest, architecture: Architecture, image_shape: tuple[int, int, int]) -> None:
    """Whether a version's weights can be taken over, the last layer aside.

    Raises:
        DoesNotFit: the networks differ, or pictures of this shape make other weights of the same description.
    """
    where = f"{manifest.model}/{manifest.version}"
    described = Architecture.model_validate(manifest.architecture)
    if described != architecture:
        raise DoesNotFit(f"{where} is another network; expected the same layers, or no `architecture` at all")
    n_classes = len(manifest.classes)
    theirs = analyse(described, manifest.input_shape, n_classes).layers
    ours = analyse(architecture, image_shape, n_classes).layers
    # Resizing is no weight: a table with it and one without are the same network.
    kept = [[(row.type, row.parameters) for row in rows if row.parameters] for rows in (theirs, ours)]
    if kept[0] != kept[1]:
        raise DoesNotFit(
            f"{where} was trained on pictures of another shape; expected {_shape(manifest.input_shape)}, "
            f"got {_shape(image_shape)}"
        )


def has_same_classes(manifest: Manifest, classes: tuple[str, ...]) -> bool:
    """Whether the last layer means the same, output for output."""
    return manifest.classes == classes


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
