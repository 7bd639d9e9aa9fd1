"""Stand-ins with the real signatures that record what they are asked."""

from worker.job_store.wake_ups import WakeUps


class RecordingWakeUps(WakeUps):
    """Sends nothing: remembers for which jobs it was asked to wake a worker."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.notified: list[str] = []
        self.n_waiting = 0

    def notify(self, job: str = "") -> None:
        self.notified.append(job)

    def waiting(self) -> int:
        return self.n_waiting
