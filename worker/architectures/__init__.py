"""Networks as data: the grammar they are described in, what a description tells about them, and the presets.

Shared with the HTTP side, so nothing here imports Keras.
"""

from worker.architectures.analysis import Analysis, LayerRow, analyse
from worker.architectures.description import Architecture
from worker.architectures.errors import ArchitectureError, ArchitectureNotFound, OverrideError
from worker.architectures.overrides import Overrides, analyse_overridden, override
from worker.architectures.presets import PRESETS, Preset, Recipe, get_preset

__all__ = [
    "PRESETS",
    "Analysis",
    "Architecture",
    "ArchitectureError",
    "ArchitectureNotFound",
    "LayerRow",
    "OverrideError",
    "Overrides",
    "Preset",
    "Recipe",
    "analyse",
    "analyse_overridden",
    "get_preset",
    "override",
]
