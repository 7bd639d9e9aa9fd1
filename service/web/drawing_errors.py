"""Errors of pictures that are drawn."""

from service.errors import ServiceError


class TooManyDrawings(ServiceError):
    """As many pictures as may wait are waiting to be drawn."""

    def __init__(self, n_waiting: int) -> None:
        super().__init__(f"{n_waiting} pictures are waiting to be drawn already; try again later.")
