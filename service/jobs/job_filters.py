"""Which jobs a request means: filters, pages and changes of many jobs, as queries say them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from service.jobs.queue import JobQueue
from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.jobs.errors import JobNotFound
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState

PROPERTIES = ("tag", "model", "dataset", "architecture", "group")
CHANGED_AT_ONCE = 100
"""Jobs per call to the store, each of which has a deadline of two seconds."""
MOST_CHANGED = 20_000
"""Jobs that one request changes; `matched` tells that there are more."""


@dataclass(frozen=True)
class JobQuery:
    """Filters of jobs as a request gives them; all that are given must match."""

    state: Sequence[JobState] = ()
    owner: str | None = None
    tag: str | None = None
    model: str | None = None
    dataset: str | None = None
    architecture: str | None = None
    group: str | None = None

    @property
    def given(self) -> dict[str, object]:
        """The filters that were given, by name."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def is_empty(self) -> bool:
        """No filter was given."""
        return not self.given

    def filter(self, states: Sequence[JobState] = (), owner: str | None = None) -> JobFilter:
        """What the store looks for.

        Args:
            states: used when the query names none; of those that it names, only these count.
            owner: whose jobs are meant when the query does not say.
        """
        named = [state for state in self.state if not states or state in states]
        properties = {name: value for name in PROPERTIES if (value := getattr(self, name)) is not None}
        return JobFilter(named or states, self.owner or owner, properties)

    def contradicts(self, states: Sequence[JobState]) -> bool:
        """The query names states, and none of these."""
        return bool(self.state) and not set(self.state) & set(states)

    def next_page(self, limit: int, after: str, view: str | None) -> str:
        """Path of the page after a job."""
        more = {"limit": limit, "after": after} | ({"view": view} if view else {})
        return f"/jobs?{urlencode(self.given | more, doseq=True)}"


class Changed(BaseModel, defer_build=True):
    """What became of a request to change many jobs."""

    matched: int = Field(description="Jobs that the filters match and the caller may change.")
    changed: int = Field(description="Jobs that were changed; repeat the request while it is smaller than `matched`.")


class Page(BaseModel, defer_build=True):
    """Jobs of one page, how many match in all, and whether more follow."""

    jobs: list[JobRecord]
    total: int
    has_more: bool


async def read_page(queue: JobQueue, wanted: JobFilter, after: str | None, offset: int, limit: int) -> Page:
    """One page. Raises `JobNotFound` when there is no job `after`."""
    below = NEWEST
    if after is not None:
        sequence = await queue.call(queue.jobs.sequence_of, after)
        if sequence is None:
            raise JobNotFound(after)
        below = sequence
    found, total = await queue.call(queue.jobs.find, wanted, below, offset + limit + 1)
    records = list(await queue.call(queue.jobs.records_of, found[offset : offset + limit]))
    return Page(jobs=records, total=total, has_more=len(found) > offset + limit)


async def change_all(queue: JobQueue, wanted: JobFilter, change: Callable[[Sequence[str]], int]) -> Changed:
    """Change every job that matches, some hundred at a time, the newest first."""
    below, matched, changed, seen = NEWEST, None, 0, 0
    while seen < MOST_CHANGED:
        found: list[Found]
        found, total = await queue.call(queue.jobs.find, wanted, below, CHANGED_AT_ONCE)
        matched = total if matched is None else matched
        if not found:
            break
        changed += await queue.call(change, [job.id for job in found])
        seen += len(found)
        below = found[-1].sequence
    return Changed(matched=matched or 0, changed=changed)
