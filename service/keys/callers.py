"""The caller of a request: a name, which becomes the owner of what it makes, and a scope, which says what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from model_store.manifest import LOCAL_OWNER


class KeyScope(StrEnum):
    """What a key may do. Each scope contains the ones before it."""

    PREDICT = "predict"
    READ = "read"
    TRAIN = "train"
    ADMIN = "admin"

    def includes(self, other: "KeyScope") -> bool:
        """Whether a key with this scope may do what `other` allows."""
        return _ORDER[self] >= _ORDER[other]


_ORDER = {scope: rank for rank, scope in enumerate(KeyScope)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request.

    Attributes:
        name: of the key; it owns the jobs, datasets and models that are made with the key.
        scope: the widest scope of the key; None for a request without a key to an open address.
        digest: SHA-256 of the key; empty without a key.
        limits: of the key, where they differ from those of its scope.
    """

    name: str
    scope: KeyScope | None
    digest: bytes = field(default=b"", repr=False, compare=False)
    limits: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def scopes(self) -> list[KeyScope]:
        """Every scope that the caller has, the narrowest first."""
        return [scope for scope in KeyScope if self.has(scope)]

    @property
    def is_admin(self) -> bool:
        """Whether the caller may do everything, also to what others own."""
        return self.has(KeyScope.ADMIN)

    def has(self, scope: KeyScope) -> bool:
        """Whether the caller may do what `scope` allows."""
        return self.scope is not None and self.scope.includes(scope)

    def may_change(self, owner: str) -> bool:
        """Whether the caller may cancel, change or delete what `owner` owns."""
        return self.is_admin or (self.has(KeyScope.TRAIN) and self.name == owner)


LOCAL = Caller(LOCAL_OWNER, KeyScope.ADMIN)
"""The caller of every request where no keys are needed. It also owns what was made before things had owners."""
ADMIN = Caller("admin", KeyScope.ADMIN)
"""The caller with the key of `CONVSERVE_ADMIN_KEY`."""
ANYONE = Caller("anyone", None)
"""The caller of an address that is open without a key."""
