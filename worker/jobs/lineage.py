"""Continuing from a published version: its reference, whether it fits, and which weights are reused.

Every layer keeps its weights. The last one keeps them if the classes are the same, and is initialized anew otherwise.
This module knows manifests and descriptions, but neither HTTP nor Keras.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model_store import Manifest
from worker.architectures import PRESETS, Architecture, analyse
from worker.datasets import reference_to
from worker.patterns import REFERENCE_PATTERN


@dataclass(frozen=True)
class VersionReference:
    """A model's latest version, one of its versions by number, or the version of an alias."""

    model: str
    version: int | None = None
    alias: str | None = None


FindVersion = Callable[[VersionReference], Manifest | None]
"""Returns the manifest of the version, or None if it does not exist."""


class DoesNotFit(ValueError):
    """A network cannot continue from this version."""


def parse_reference(text: str) -> VersionReference:
    """Read `name`, `name/version` or `name@alias`.

    Raises:
        ValueError: the text has none of these forms.
    """
    if not re.fullmatch(REFERENCE_PATTERN, text):
        raise ValueError(f"not a reference to a version; expected name, name/version or name@alias, got {text!r}")
    model, _, version = text.partition("/")
    if version:
        return VersionReference(model, version=int(version))
    model, _, alias = text.partition("@")
    return VersionReference(model, alias=alias or None)


def numbered_version(reference: str) -> tuple[str, int]:
    """The model and the number in `name/version`; a plan never names an alias or the latest version."""
    model, _, number = reference.partition("/")
    return model, int(number)


def architecture_of(manifest: Manifest) -> str | Architecture:
    """The version's network as a job's `architecture`: the name of the preset that it equals, else its layers."""
    described = Architecture.model_validate(manifest.architecture)
    preset = PRESETS.get(str(manifest.recipe.get("architecture")))
    return preset.name if preset is not None and are_alike(preset.architecture, described) else described


def are_alike(one: Architecture, other: Architecture) -> bool:
    """Whether two networks have the same layers; how their weights begin does not matter to learned ones."""
    return bool(_without_initializers(one.model_dump()) == _without_initializers(other.model_dump()))


def _without_initializers(described: Any) -> Any:  # noqa: ANN401 - any part of a description
    if isinstance(described, dict):
        kept = {name: value for name, value in described.items() if name != "kernel_initializer"}
        return {name: _without_initializers(value) for name, value in kept.items()}
    if isinstance(described, tuple | list):
        return [_without_initializers(value) for value in described]
    return described


def dataset_of(manifest: Manifest) -> str:
    """Reference to the dataset that a version was trained on; without its version if that is not recorded."""
    version = manifest.recipe.get("dataset_version")
    return reference_to(manifest.dataset, version if isinstance(version, int) else None)


def check_fit(manifest: Manifest, architecture: Architecture, image_shape: tuple[int, int, int]) -> None:
    """Check that a version's weights can be reused, except for the last layer.

    Raises:
        DoesNotFit: the networks differ, or pictures of this shape need weights of other shapes.
    """
    where = manifest.full_name
    described = Architecture.model_validate(manifest.architecture)
    if not are_alike(described, architecture):
        raise DoesNotFit(f"{where} is another network; expected the same layers, or no `architecture` at all")
    n_classes = len(manifest.classes)
    theirs = analyse(described, manifest.input_shape, n_classes).layers
    ours = analyse(architecture, image_shape, n_classes).layers
    # Resizing has no weights: networks with and without it have the same ones.
    kept = [[(row.type, row.parameters) for row in rows if row.parameters] for rows in (theirs, ours)]
    if kept[0] != kept[1]:
        raise DoesNotFit(
            f"{where} was trained on pictures of another shape; expected {_shape(manifest.input_shape)}, "
            f"got {_shape(image_shape)}"
        )


def has_same_classes(manifest: Manifest, classes: tuple[str, ...]) -> bool:
    """Whether every output of the last layer means the same class."""
    return manifest.classes == classes


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
