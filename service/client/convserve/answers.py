"""Answers of the server as values. Each keeps the JSON that it came from in `raw`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FINISHED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True)
class ClassProbability:
    """One class, and how probable it is, from 0 to 1."""

    label: str
    class_index: int
    probability: float


@dataclass(frozen=True)
class PictureAnswer:
    """What one picture shows.

    Attributes:
        filename: as it was sent.
        top_k: the most probable classes, best first; empty if the picture could not be read.
        error: why there is no answer.
    """

    filename: str | None
    top_k: tuple[ClassProbability, ...] = ()
    error: str | None = None

    @property
    def label(self) -> str:
        """The most probable class. Raises `ValueError` if the picture could not be read."""
        return self._best().label

    @property
    def probability(self) -> float:
        """Of that class. Raises `ValueError` if the picture could not be read."""
        return self._best().probability

    def _best(self) -> ClassProbability:
        if not self.top_k:
            raise ValueError(f"there is no answer for {self.filename or 'the picture'}: {self.error}")
        return self.top_k[0]


@dataclass(frozen=True)
class Prediction:
    """Answers in the order of the pictures; of one picture, `label` and `probability` are its own.

    Attributes:
        model: that answered.
        version: of it.
        pictures: one answer each.
        raw: the JSON.
    """

    model: str
    version: int
    pictures: tuple[PictureAnswer, ...]
    raw: dict[str, Any] = field(repr=False)

    @property
    def label(self) -> str:
        """The most probable class of the first picture."""
        return self.pictures[0].label

    @property
    def probability(self) -> float:
        """Its probability."""
        return self.pictures[0].probability

    @property
    def top_k(self) -> tuple[ClassProbability, ...]:
        """The most probable classes of the first picture."""
        return self.pictures[0].top_k

    def __iter__(self) -> Iterator[PictureAnswer]:
        return iter(self.pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, position: int) -> PictureAnswer:
        return self.pictures[position]


class History(dict[str, list[float]]):
    """Figures by epoch: `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`, … of equal length.

    `pandas.DataFrame(job.history)` is a table with one row per epoch.
    """

    def rows(self) -> list[dict[str, float]]:
        """One dictionary per epoch."""
        return [dict(zip(self, values, strict=True)) for values in zip(*self.values(), strict=True)]


@dataclass(frozen=True)
class JobFacts:
    """What is known about a job at one moment.

    Attributes:
        id: of the job.
        state: `queued`, `running`, `succeeded`, `failed` or `cancelled`.
        raw: the JSON.
    """

    id: str
    state: str
    raw: dict[str, Any] = field(repr=False)

    @property
    def is_finished(self) -> bool:
        """Whether the state does not change any more."""
        return self.state in FINISHED

    @property
    def history(self) -> History:
        """Figures of the epochs so far."""
        found = {name: list(values) for name, values in (self.raw.get("history") or {}).items() if _is_series(values)}
        length = max(map(len, found.values()), default=0)
        whole = {name: values for name, values in found.items() if len(values) == length and length}
        return History({"epoch": [float(epoch) for epoch in range(1, length + 1)], **whole})

    @property
    def model(self) -> str | None:
        """The version it published, as `name/version`; None until then."""
        published = self.raw.get("model")
        return f"{published['name']}/{published['version']}" if published else None

    @property
    def test_accuracy(self) -> float | None:
        """Of the version it published, on the test split."""
        published = self.raw.get("model")
        return published["test_accuracy"] if published else None


def prediction(body: dict[str, Any]) -> Prediction:
    """A prediction from its JSON."""
    return Prediction(body["model"], body["version"], tuple(map(_picture, body["predictions"])), body)


def job_facts(body: dict[str, Any]) -> JobFacts:
    """A job from its JSON."""
    return JobFacts(body["id"], body["state"], body)


def _picture(line: dict[str, Any]) -> PictureAnswer:
    if "error" in line:
        return PictureAnswer(line["filename"], error=line["error"]["message"])
    found = (ClassProbability(each["label"], each["class_index"], each["probability"]) for each in line["top_k"])
    return PictureAnswer(line["filename"], tuple(found))


def _is_series(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, int | float) for value in values)
