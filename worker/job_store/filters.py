"""What lists of jobs are asked for, and what they find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.jobs.states import JobState

NEWEST = float("inf")


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are wanted: in one of the states (none: in any), and with all of the properties that are given."""

    states: Sequence[JobState] = ()
    owner: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    """Of `tag`, `model`, `dataset`, `architecture`, `group`: the value that a job must have."""

    def indexes(self) -> tuple[list[str], list[str]]:
        """Names of indexes: a matching job is in one of the first, if there are any, and in all of the second."""
        if self.properties and not self.states:  # every job is in some state
            owner = {} if self.owner is None else {"owner": self.owner}
            names = [f"{name}={value}" for name, value in (owner | dict(self.properties)).items()]
            return (names, []) if len(names) == 1 else ([], names)  # of one index, only the page is read
        owned = f",owner={self.owner}" if self.owner is not None else ""
        return (
            [f"state={state}{owned}" for state in dict.fromkeys(self.states or tuple(JobState))],
            [f"{name}={value}" for name, value in self.properties.items()],
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A job found: its id, its number among all submissions, by which lists are ordered; whether the ledger has it."""

    id: str
    sequence: int
    is_archived: bool = field(default=False, compare=False)
