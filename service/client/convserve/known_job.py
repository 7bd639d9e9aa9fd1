"""What is known about a job on the server, without asking it: the part of a job that both clients share."""

from convserve.answers import History, JobFacts
from convserve.errors import JobFailed


class KnownJob:
    """A job on the server; what is known about it is from the last look.

    Attributes:
        facts: everything that is known.
    """

    def __init__(self, facts: JobFacts) -> None:
        self.facts = facts

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state}>"

    @property
    def id(self) -> str:
        """Its id."""
        return self.facts.id

    @property
    def state(self) -> str:
        """`queued`, `running`, `succeeded`, `failed` or `cancelled`, at the last look."""
        return self.facts.state

    @property
    def history(self) -> History:
        """Figures of the epochs, ready for `pandas.DataFrame`."""
        return self.facts.history

    @property
    def model(self) -> str | None:
        """The version it published, as `name/version`."""
        return self.facts.model

    @property
    def group(self) -> str | None:
        """Id of its group, if it came from a grid; `client.compare(groups=[…])` compares the jobs of a group."""
        group: str | None = self.facts.raw.get("group")
        return group

    @property
    def test_accuracy(self) -> float | None:
        """Of that version."""
        return self.facts.test_accuracy

    def refuse_failure(self) -> None:
        """Raise `JobFailed` unless the job, which has ended, has succeeded."""
        if self.state != "succeeded":
            error = self.facts.raw.get("error") or {}
            raise JobFailed(self.id, self.state, error.get("code", ""), error.get("message", ""), error.get("hint"))
