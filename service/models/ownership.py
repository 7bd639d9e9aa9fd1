"""Who may delete models and versions, and move aliases: a version belongs to the owner of its job."""

from collections.abc import Collection

from service.keys.callers import Caller
from service.keys.ownership import require_owner
from service.models.index import ModelEntry


def require_owner_of_model(caller: Caller, entry: ModelEntry) -> None:
    """Check before a whole model is deleted: every version must be the caller's. Raises `NotOwner`."""
    require_owner(caller, entry.owner, f"model {entry.name!r}")
    for number in sorted(entry.versions):
        require_owner_of_version(caller, entry, number)


def require_owner_of_version(caller: Caller, entry: ModelEntry, number: int) -> None:
    """Check before a version is deleted. A damaged one counts as its model's. Raises `NotOwner`."""
    require_owner(caller, entry.owner_of(number), f"version {number} of model {entry.name!r}")


def require_owner_of_alias(caller: Caller, entry: ModelEntry, alias: str, targets: Collection[int]) -> None:
    """Check before an alias is moved or removed.

    The owner of the model may move all its aliases. Others who publish under the same name may move an alias from one
    of their own versions to another.

    Args:
        caller: who asks.
        entry: the model.
        alias: the name to be moved.
        targets: the version it is to point at, and those that are to take part; none when it is removed.

    Raises:
        NotOwner: the model belongs to another, and so does a version that is concerned.
    """
    current = entry.aliases.get(alias)
    concerned = [*targets, *(() if current is None else (current,))]
    if not concerned or not all(caller.may_change(entry.owner_of(number)) for number in concerned):
        require_owner(caller, entry.owner, f"alias {alias!r} of model {entry.name!r}")
