"""Takes over records of earlier versions of the program: writes the indexes and queues that those do not know.

It happens when a server is first used by this version, and again whenever a worker or an API of an earlier version
has moved jobs meanwhile. Each step may be repeated, and may be done by several processes at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import redis

from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.fields import facets_of_fields
from worker.job_store.scripts import Scripts

BATCH = 200  # jobs per call, so that other clients of the server wait milliseconds only


class Adoption:
    """Brings indexes and queues in line with the records of one server.

    Every method raises `QueueUnavailable` when the server does not answer.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = Scripts(client)

    def adopt(self, *, thoroughly: bool = False) -> int:
        """Take over all jobs that an earlier version has written or moved, and return how many there were.

        Args:
            thoroughly: look at every job even if the numbers agree.
        """
        if not thoroughly and self._scripts.run("sizes"):
            return 0
        n_adopted = 0
        strays: list[str] = self._scripts.run("strays")
        for start in range(0, len(strays), BATCH):
            ids = strays[start : start + BATCH]
            records = self._records(ids)
            self._remove([job for job, fields in records.items() if "state" not in fields])
            self._scripts.run("adopt", *self._named(records))
            n_adopted += len(ids)
        return n_adopted

    def _records(self, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in ids:
                pipeline.hgetall(keys.job_key(job))
            return dict(zip(ids, cast(list[dict[str, str]], pipeline.execute()), strict=True))

    def _named(self, records: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
        """Each id, followed by the names of its indexes."""
        for job, fields in records.items():
            if "state" in fields:
                yield job
                yield "" if "facets" in fields else facets_of_fields(fields)

    def _remove(self, ids: Sequence[str]) -> None:
        """Remove jobs without a record from every index: an earlier version has forgotten them."""
        if not ids:
            return
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for pattern in (keys.index_key("*"), keys.queue_key("*")):
                for index in self._redis.scan_iter(pattern, count=1000):
                    pipeline.zrem(index, *ids)
            for index in (keys.JOBS, keys.QUEUED, keys.RUNNING, keys.WAITS):
                pipeline.zrem(index, *ids)
            pipeline.execute()
