"""Changes of the store that nobody noted: where they are likely, and how other processes learn of them."""

from collections.abc import Mapping
from heapq import nlargest

from model_store.changes import Changes
from service.models.known_model import KnownModel

NOTES_OF_A_MODEL = 10
"""Changed versions and aliases of a model that are noted one by one; more are noted as a change of the whole model."""


def next_versions(known: Mapping[str, KnownModel], limit: int) -> tuple[tuple[str, int], ...]:
    """Versions that would be published next: of each of the models with the latest publications, one number, by name.

    Args:
        known: all models.
        limit: how many models at most.
    """
    newest = [model.versions[max(model.versions)] for model in known.values() if model.versions]
    latest = nlargest(limit, newest, key=lambda record: record.published_at)
    return tuple(sorted((record.model, 1 + max((record.version, *known[record.model].damaged))) for record in latest))


def note(changes: Changes, before: Mapping[str, KnownModel], after: Mapping[str, KnownModel]) -> None:
    """Note what is different, so that other processes need not find it, too.

    Args:
        changes: of the store.
        before: the models that were looked at, as they were known.
        after: the same models as they are.
    """
    for name in before.keys() | after.keys():
        old, new = before.get(name, KnownModel()), after.get(name, KnownModel())
        versions = _numbers(old) ^ _numbers(new)
        aliases = {alias for alias, _ in set(old.aliases.items()) ^ set(new.aliases.items())}
        if len(versions) + len(aliases) > NOTES_OF_A_MODEL:
            changes.note(name)
            continue
        for version in versions:
            changes.note(name, version=version)
        for alias in aliases:
            changes.note(name, alias=alias)


def _numbers(model: KnownModel) -> set[int]:
    return model.versions.keys() | model.damaged.keys()
