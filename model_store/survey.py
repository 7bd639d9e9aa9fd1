"""Looks at a whole store: which versions and aliases every model has, without reading any of them.

There are two ways. A listing of all objects shows exactly which versions are committed, and takes a request for every
thousand objects. Directory by directory it takes two requests for every model and one for every thousand versions,
however many files a version has; it shows numbers, some of which may be drafts. The cheaper way is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model_store import layout
from model_store.names import MODEL_PATTERN, NUMBER_PATTERN, is_name
from model_store.objects import Objects

PAGE = 1000
"""Objects in one answer of a storage service to a listing."""
FILES_OF_A_VERSION = 20
"""About as many as a trainer publishes; tells whether one answer shows all of a model."""
FILES_LISTED = 10_000
"""Of a local directory. Looking at so many takes about 40 ms of a core; more are not looked at one by one."""


@dataclass(slots=True)
class SeenModel:
    """What a survey shows about one model.

    Attributes:
        versions: numbers that are committed; in a survey by directories some may be drafts.
        aliases: number of the newest change of each alias.
    """

    versions: set[int] = field(default_factory=set)
    aliases: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Survey:
    """A store at one moment.

    Attributes:
        models: what was seen, by name.
        requests: that a storage service was sent for it.
        is_exact: whether every number that it shows is committed.
    """

    models: Mapping[str, SeenModel]
    requests: int
    is_exact: bool


def survey(objects: Objects, before: Survey | None) -> Survey:
    """Look at the whole store in the cheaper way.

    Args:
        objects: of the store.
        before: the survey before this one, if there was one. It tells how many models to expect.
    """
    if before is not None and not before.is_exact:
        return _by_directories(objects)
    n_models = len(before.models if before is not None else objects.names(layout.MODELS))
    limit = PAGE * (2 + 2 * n_models) if objects.is_remote else FILES_LISTED
    stored = objects.list(layout.MODELS, limit)
    if len(stored) > limit:
        return _by_directories(objects)
    models = {name: seen for name, found in layout.inventories(stored).items() if (seen := _seen(found)).versions}
    return Survey(models, _pages(len(stored)), is_exact=True)


def survey_model(objects: Objects, model: str) -> SeenModel:
    """List every object of one model."""
    return _seen(layout.inventories(objects.list(layout.model_prefix(model))).get(model, layout.Inventory()))


def newest_change(objects: Objects, model: str, alias: str) -> int | None:
    """Number of the newest change of an alias; None if there is none."""
    changes = objects.list(layout.alias_prefix(model, alias))
    return _newest(layout.inventories(changes).get(model, layout.Inventory())).get(alias)


def model_names(objects: Objects) -> tuple[list[str], int]:
    """Names of all models, and the requests that this took."""
    found = objects.names(layout.MODELS)
    return [name for name in found if is_name(name, MODEL_PATTERN)], _pages(len(found))


def look_at_model(objects: Objects, model: str, n_versions: int) -> tuple[SeenModel, int]:
    """One model, in the cheaper way: all its objects if they fit into one answer, otherwise its directories.

    Args:
        objects: of the store.
        model: its name.
        n_versions: how many versions it is known to have.

    Returns:
        What was seen, and the requests that this took.
    """
    needed = 0
    if n_versions * FILES_OF_A_VERSION <= PAGE:
        stored = objects.list(layout.model_prefix(model), PAGE)
        needed = _pages(len(stored))
        if len(stored) <= PAGE:
            return _seen(layout.inventories(stored).get(model, layout.Inventory())), needed
    seen, more = model_directories(objects, model)
    return seen, needed + more


def model_directories(objects: Objects, model: str) -> tuple[SeenModel, int]:
    """What the directories of one model show, and the requests that this took."""
    numbers = objects.names(layout.versions_prefix(model))
    changes = objects.list(layout.aliases_prefix(model))
    aliases = _newest(layout.inventories(changes).get(model, layout.Inventory()))
    seen = SeenModel({int(number) for number in numbers if is_name(number, NUMBER_PATTERN)}, aliases)
    return seen, _pages(len(numbers)) + _pages(len(changes))


def _by_directories(objects: Objects) -> Survey:
    names, requests = model_names(objects)
    models = {}
    for name in names:
        models[name], needed = model_directories(objects, name)
        requests += needed
    return Survey(models, requests, is_exact=False)


def _pages(n_names: int) -> int:
    return max(1, -(-n_names // PAGE))


def _seen(inventory: layout.Inventory) -> SeenModel:
    return SeenModel(set(inventory.committed), _newest(inventory))


def _newest(inventory: layout.Inventory) -> dict[str, int]:
    return {alias: max(known) for alias, known in inventory.alias_changes.items()}
