"""The paths of models below the store's root, and how to read a listing of them.

    models/<model>/numbers/<n>                   a reserved number, kept for ever
    models/<model>/versions/<n>/<file>           the files of a version
    models/<model>/versions/<n>/manifest.json    written last: with it, the version exists
    models/<model>/aliases/<alias>/<k>.json      the k-th change of an alias; the highest is in force

No other module builds or parses these paths. Objects that do not match this layout are ignored.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from model_store.manifest import ABANDONED
from model_store.names import ALIAS_PATTERN, MANIFEST_FILE, MODEL_PATTERN, NUMBER_PATTERN, is_name
from model_store.objects import StoredObject

MODELS = "models/"
PROBE = "probe.json"


def model_prefix(model: str) -> str:
    """The prefix of all objects of one model."""
    return f"{MODELS}{model}/"


def number_path(model: str, number: int) -> str:
    """The mark that a version number is reserved."""
    return f"{model_prefix(model)}numbers/{number:d}"


def file_path(model: str, version: int, file: str) -> str:
    """One file of a version."""
    return f"{versions_prefix(model)}{version:d}/{file}"


def manifest_path(model: str, version: int) -> str:
    """The commit point of a version."""
    return file_path(model, version, MANIFEST_FILE)


def versions_prefix(model: str) -> str:
    """The prefix of all versions of a model."""
    return f"{model_prefix(model)}versions/"


def aliases_prefix(model: str) -> str:
    """The prefix of the changes of all aliases of a model."""
    return f"{model_prefix(model)}aliases/"


def alias_prefix(model: str, alias: str) -> str:
    """The prefix of the changes of one alias."""
    return f"{aliases_prefix(model)}{alias}/"


def alias_change_path(model: str, alias: str, sequence: int) -> str:
    """One entry of an alias's history, counted from 1."""
    return f"{alias_prefix(model, alias)}{sequence:d}.json"


@dataclass(slots=True)
class Inventory:
    """What one listing shows about one model."""

    numbers: set[int] = field(default_factory=set)
    versions: defaultdict[int, dict[str, StoredObject]] = field(default_factory=lambda: defaultdict(dict))
    alias_changes: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def committed(self) -> list[int]:
        """Versions that exist, ascending; their manifests are not read."""
        return sorted(number for number in self.versions if self._is_committed(number))

    @property
    def uncommitted(self) -> list[int]:
        """Reserved numbers that have files but no manifest."""
        return sorted(number for number in self.versions if number in self.numbers and not self._is_committed(number))

    @property
    def next_number(self) -> int:
        """The first number that is free according to this listing."""
        return max(self.numbers | set(self.versions), default=0) + 1

    def _is_committed(self, number: int) -> bool:
        manifest = self.versions[number].get(MANIFEST_FILE)
        # No manifest is as short as the mark of an abandoned draft, so the size alone distinguishes them.
        return manifest is not None and manifest.size_bytes != len(ABANDONED)


def inventories(objects: Iterable[StoredObject]) -> dict[str, Inventory]:
    """Group a listing by model, ignoring objects that do not match the layout."""
    found: defaultdict[str, Inventory] = defaultdict(Inventory)
    for stored in objects:
        match stored.path.split("/"):
            case ["models", model, *rest] if is_name(model, MODEL_PATTERN):
                _add(found[model], rest, stored)
    return dict(found)


def _add(inventory: Inventory, parts: list[str], stored: StoredObject) -> None:
    match parts:
        case ["numbers", number] if is_name(number, NUMBER_PATTERN):
            inventory.numbers.add(int(number))
        case ["versions", number, file] if is_name(number, NUMBER_PATTERN):
            inventory.versions[int(number)][file] = stored
        case ["aliases", alias, entry] if is_name(alias, ALIAS_PATTERN):
            sequence, _, suffix = entry.partition(".")
            if suffix == "json" and is_name(sequence, NUMBER_PATTERN):
                inventory.alias_changes[alias].append(int(sequence))
