"""Stand-ins with the real signatures, for what a test must be able to watch."""

from worker.job_store.wake_ups import WakeUps


class SilentBell(WakeUps):
    """A bell that only remembers for whom it rang."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.rung: list[str] = []
        self.n_waiting = 0

    def ring(self, job: str) -> None:
        self.rung.append(job)

    def waiting(self) -> int:
        return self.n_waiting
