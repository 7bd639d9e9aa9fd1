"""Networks as data: the grammar of their descriptions, the analysis of a description, and the presets.

Not here: Keras, which builds a network from its description (`worker.training.network`). The API imports this.
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
