"""How much of the queue an owner may take. It is decided where jobs are written, so that no two requests both pass."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an owner may have in the queue; None: any number.

    Attributes:
        jobs: that wait or run.
        waiting_s: seconds that a worker will need for those that wait.
    """

    jobs: float | None = None
    waiting_s: float | None = None

    @property
    def limits(self) -> tuple[float | str, float | str]:
        """Both limits as the scripts of the job store take them."""
        return "" if self.jobs is None else self.jobs, "" if self.waiting_s is None else self.waiting_s


UNLIMITED = Allowance()
