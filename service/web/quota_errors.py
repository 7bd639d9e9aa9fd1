"""The errors of quotas: an owner is about to use more than the key allows.

ServiceError
├── QuotaExceeded            too many jobs or requests; it makes sense to come back
└── StorageExceeded          too many bytes; something has to be deleted
"""

import math

from service.errors import ServiceError


class QuotaExceeded(ServiceError):
    """Too many jobs or requests of one owner.

    Attributes:
        quota: fields of the problem besides the usual ones.
        retry_after_s: seconds after which it makes sense to try again.
    """

    def __init__(self, what: str, limit: float, used: float, retry_after_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(retry_after_s))
        super().__init__(
            f"This key allows {limit:,.6g} {what}, of which {used:,.6g} are used; try again in {self.retry_after_s} s."
        )
        self.quota = {"limit": limit, "used": used, "retry_after_s": self.retry_after_s}


class StorageExceeded(ServiceError):
    """Too many bytes of one owner.

    Attributes:
        quota: fields of the problem besides the usual ones.
    """

    def __init__(self, what: str, limit: float, used: float) -> None:
        super().__init__(
            f"This key allows {limit:,.0f} bytes of {what}, of which {used:,.0f} are used; delete some that are no "
            "longer needed."
        )
        self.quota = {"limit": limit, "used": used, "retry_after_s": None}
