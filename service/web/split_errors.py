"""The error of versions that cannot share an alias.

ServiceError
└── SplitInvalid             a canary or a shadow that does not fit the version that the alias is to point at
"""

from service.errors import ServiceError


class SplitInvalid(ServiceError):
    """A canary or a shadow does not fit the version that the alias is to point at."""

    def __init__(self, role: str, version: int, reason: str) -> None:
        super().__init__(f"Version {version} cannot be the {role}: {reason}.")
