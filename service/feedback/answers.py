"""Answers of the feedback routes, and how they are made of the entries in the store."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from model_store.feedback import Collection, Feedback

Labels = Mapping[str, Sequence[str]]
"""The labels that the indices of entries mean, by `Feedback.classes`."""


class FeedbackItem(BaseModel, defer_build=True):
    """A picture with its right label, and what the version had answered."""

    id: str = Field(description="Of this picture and its sender.", examples=["5d1f0b8e7c2a4f6e9b03"])
    version: int = Field(description="The version that answered.", examples=[7])
    label: str = Field(description="The right label, as the sender says.", examples=["Sandal"])
    answered: str = Field(description="The most probable class of that version's answer.", examples=["Sneaker"])
    probability: float = Field(description="Of that class, to a thousandth.", examples=[0.612])
    right: bool = Field(description="Whether the two labels are the same.")
    owner: str = Field(description="Name of the key that sent it; `local` without keys.", examples=["ada"])
    at: datetime
    size_bytes: int = Field(description="Of the picture's file.")
    collected: str | None = Field(
        description="The dataset and version that it became part of; null while it waits.", examples=["shirts/3"]
    )


class FeedbackReceived(BaseModel, defer_build=True):
    """The feedback of one request."""

    model: str
    version: int = Field(description="The version that the feedback is about.")
    feedback: list[FeedbackItem]


class VersionFeedback(BaseModel, defer_build=True):
    """How often a version was right, by the feedback on it."""

    version: int
    pictures: int
    right: int
    accuracy: float = Field(description="Share of the pictures whose label it had answered. Not a test: people mostly "
                            "send back what was wrong.")  # fmt: skip


class FeedbackList(BaseModel, defer_build=True):
    """The feedback on a model, or on one version."""

    model: str
    total: int = Field(description="Pictures that match, on all pages.")
    pending: int = Field(description="Of them, those that wait to be collected.")
    collected: int = Field(description="Of them, those that are part of a dataset.")
    size_bytes: int = Field(description="Of all these pictures.")
    versions: list[VersionFeedback]
    feedback: list[FeedbackItem] = Field(description="The newest first.")
    next: str | None = Field(description="Address of the next page; null on the last one.")


class FeedbackDeleted(BaseModel, defer_build=True):
    """What was forgotten."""

    deleted: int = Field(description="Pictures.")
    freed_bytes: int


class CollectRequest(BaseModel, extra="forbid"):
    """Which feedback becomes part of which dataset; nothing is required."""

    dataset: str | None = Field(
        default=None,
        max_length=63,
        description="Dataset that gets a new version, or name of a new dataset. Default: the dataset of the model's "
        "latest version if it was uploaded and is the caller's, otherwise `<model>-feedback`.",
        examples=["shirts"],
    )
    owner: str | None = Field(default=None, max_length=63, description="Only feedback of this owner.")


class CollectAnswer(BaseModel, defer_build=True):
    """A version of a dataset that is being made of feedback; `GET /datasets/{dataset}` shows how far it is."""

    dataset: str = Field(examples=["shirts"])
    version: int = Field(description="The version that the pictures become part of.", examples=[3])
    grown_from: str | None = Field(
        description="What its other pictures come from: a dataset, or a version of one; null when there are none.",
        examples=["shirts/2", "cifar10"],
    )
    pictures: int = Field(description="Pictures that were sent; those that the dataset has already are left out.")
    disagreeing: int = Field(
        description="Pictures that are left out because senders gave them different labels at the same time."
    )


def item_of(entry: Feedback, labels: Labels, collections: Iterable[Collection]) -> FeedbackItem:
    """An entry as it is shown."""
    classes = labels.get(entry.classes, ())
    found = collection_of(entry, collections)
    return FeedbackItem(
        id=entry.id,
        version=entry.version,
        label=label_at(classes, entry.given),
        answered=label_at(classes, entry.answered),
        probability=entry.probability,
        right=entry.is_right,
        owner=entry.owner,
        at=entry.at,
        size_bytes=entry.size_bytes,
        collected=None if found is None else f"{found.dataset}/{found.version}",
    )


def collection_of(entry: Feedback, collections: Iterable[Collection]) -> Collection | None:
    """The first collection that an entry is part of."""
    return next((each for each in collections if each.holds(entry)), None)


def label_at(classes: Sequence[str], index: int) -> str:
    """The label with an index; the index itself when the labels are not known any more."""
    return classes[index] if index < len(classes) else str(index)


def versions_of(entries: Iterable[Feedback]) -> list[VersionFeedback]:
    """How often each version was right, by number."""
    by_version: dict[int, list[bool]] = {}
    for entry in entries:
        by_version.setdefault(entry.version, []).append(entry.is_right)
    return [
        VersionFeedback(version=version, pictures=len(found), right=sum(found), accuracy=sum(found) / len(found))
        for version, found in sorted(by_version.items())
    ]
