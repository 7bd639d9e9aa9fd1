"""Whose dataset an upload becomes, and how many bytes that owner may still store."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from model_store.manifest import LOCAL_OWNER

Admit = Callable[[int, str], Awaitable[None]]
"""Refuses so many bytes for the dataset of this name with `StorageExceeded`; what it has already is not counted."""


async def admit_any(_: int, __: str) -> None:
    """Admit any number of bytes."""


@dataclass(frozen=True)
class Maker:
    """Who makes a dataset.

    Attributes:
        owner: of the dataset.
        admit: asked when the archive is there, and again when its size as a dataset is known.
    """

    owner: str = LOCAL_OWNER
    admit: Admit = admit_any


LOCAL_MAKER = Maker()
"""Makes datasets without a key."""
