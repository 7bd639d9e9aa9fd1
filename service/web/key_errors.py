"""The errors of keys, which are errors of the HTTP side like those in `service.errors`.

ServiceError
├── KeyMissing               no key, or a wrong one, where one is needed
├── TooManyFailures          too many wrong keys from one address
├── ScopeMissing             a key that may not do what the request asks for
├── NotOwner                 a thing of another owner is to be changed
├── LabelsHidden             test labels that are kept from all but admins
├── KeyNameReserved          a name that no new key may have
└── ExpiryInvalid            an expiry of a key that is not understood or in the past
"""

import math
from typing import ClassVar

from service.errors import ServiceError


class KeyMissing(ServiceError):
    """No key, or a wrong one, where one is needed."""

    headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="convserve", Basic realm="convserve"'}

    def __init__(self, came: str) -> None:
        super().__init__(f"This server needs a key; expected `Authorization: Bearer KEY` or `X-API-Key: KEY`, {came}.")


class TooManyFailures(ServiceError):
    """Too many wrong keys came from one address."""

    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(wait_s))
        super().__init__(f"Too many wrong keys came from this address; try again in {self.retry_after_s} s.")


class NotOwner(ServiceError):
    """A thing of another owner is to be changed."""

    def __init__(self, what: str, owner: str, came: str) -> None:
        super().__init__(
            f"Only the owner of {what} or an admin may change it; expected the key of {owner!r} or one with the scope "
            f"`admin`, got that of {came!r}."
        )
        self.owner = owner


class LabelsHidden(ServiceError):
    """The labels of a test split are kept from all but admins."""

    def __init__(self, dataset: str) -> None:
        super().__init__(
            f"The test labels of dataset {dataset!r} are hidden, and this would reveal some; expected a key with the "
            "scope `admin`. The scores of a version are in its `metrics`."
        )


class KeyNameReserved(ServiceError):
    """A name that no new key may have."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No such key can be named {name!r}: `local` owns what was made without keys, and `admin` is for admins."
        )


class ExpiryInvalid(ServiceError):
    """The expiry of a key is not understood, or not within the next ten years."""

    def __init__(self, text: str) -> None:
        super().__init__(
            "The expiry of a key is a duration such as 12h, 30d or 8w, or a moment such as 2027-01-31T12:00:00Z, "
            f"within the next ten years; got {text[:40]!r}."
        )


class ScopeMissing(ServiceError):
    """The key may not do what the request asks for."""

    def __init__(self, needed: str, scope: str | None) -> None:
        super().__init__(f"This needs a key with the scope `{needed}`; got one with the scope `{scope or 'none'}`.")
        self.needed = needed
