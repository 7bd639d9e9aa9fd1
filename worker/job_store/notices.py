"""Notices of the end of a job that are to be sent to an address; a job's end and its notice are written together."""

from typing import NamedTuple

import redis

from worker.job_store.scripts import Scripts

TAKEN_S = 60  # longer than one delivery takes


class Notice(NamedTuple):
    """A notice to be sent."""

    job: str
    url: str
    tries: int


class NoticeStore:
    """The notices on one Redis server. Every method raises `QueueUnavailable` when the server does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._scripts = Scripts(client)

    def take(self, most: int) -> list[Notice]:
        """Notices that are due; no other process gets them for a minute."""
        rows: list[list[str]] = self._scripts.run("take_notices", most, TAKEN_S)
        return [Notice(job, url, int(tries)) for job, url, tries in rows]

    def forget(self, job: str) -> None:
        """The notice was delivered, or is given up."""
        self._scripts.run("settle_notice", job, "")

    def put_off(self, job: str, seconds: float) -> None:
        """The notice is to be tried again."""
        self._scripts.run("settle_notice", job, seconds)
