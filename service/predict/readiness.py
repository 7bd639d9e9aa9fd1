"""Whether this process can classify pictures, also while the model store does not answer."""

from dataclasses import dataclass

from service.inference.engine import Engine
from service.models.catalog import Catalog


@dataclass(frozen=True)
class Ability:
    """What a process can do at the moment.

    Attributes:
        has_store: whether the model store answers.
        models: number of models in memory that go on answering without the store; 0 if the store is needed.
    """

    has_store: bool
    models: int

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.has_store or self.models > 0


async def ability(catalog: Catalog, engine: Engine, *, is_store_needed: bool) -> Ability:
    """Look at the store and at the networks in memory.

    Args:
        catalog: knows the store.
        engine: has the networks.
        is_store_needed: whether a process without its store counts as unready whatever it has in memory.
    """
    has_store = await catalog.is_store_up()
    return Ability(has_store, 0 if is_store_needed else len({loaded.model for loaded in engine.loaded()}))
