"""Mistakes of a version as rows: each with its picture, with what explains it, and with another version's answer."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from pydantic import BaseModel, Field

from model_store import Manifest
from worker.reports.mistakes import Mistake, Mistakes

PICTURE_URL = "/datasets/{dataset}/pictures/test/{index}.png"


class OtherAnswer(BaseModel, defer_build=True):
    """What another version says about a picture."""

    predicted: str | None = Field(
        description="Its answer; null when it is right, or wrong with less confidence than the mistakes it has kept."
    )
    probability: float | None = Field(description="Probability of that answer; null when it is not kept.")


class MistakeRow(Mistake):
    """One picture that the network classified wrongly."""

    url: str = Field(
        description="Where the picture is, as PNG; `?scale=` enlarges it.",
        examples=["/datasets/fashion_mnist/pictures/test/12.png"],
    )
    explain: str = Field(
        description="Where to `POST` for the places in the picture that the answer rests on; `&format=png` draws them.",
        examples=["/models/shirts/versions/3/explain?dataset=fashion_mnist&split=test&index=12"],
    )
    other: OtherAnswer | None = Field(default=None, description="What the version named by `of` says.")


class MistakeList(BaseModel, defer_build=True):
    """Mistakes of a version on the test split, the most confident first."""

    pictures: int = Field(description="Pictures of the test split that were tested.")
    total: int = Field(description="Mistakes among them.")
    kept: int = Field(description="How many of these the version has kept: the most confident ones.")
    matching: int = Field(description="Kept mistakes that match the filters; no more than `limit` of them are listed.")
    mistakes: list[MistakeRow]


def mistakes_answer(
    manifest: Manifest, kept: Mistakes, true: str | None, predicted: str | None, limit: int, other: Mistakes | None
) -> MistakeList:
    """The mistakes between two classes; a class that is not named stands for every class.

    Args:
        manifest: of the version.
        kept: its mistakes.
        true: only pictures of this class.
        predicted: only pictures classified as this class.
        limit: most rows.
        other: mistakes of another version on the same pictures: only those are listed about which it says otherwise.
    """
    between = [
        mistake for mistake in kept.mistakes if true in {None, mistake.true} and predicted in {None, mistake.predicted}
    ]
    answers = None if other is None else _answers(between, other)
    matching = between if answers is None else [mistake for mistake in between if mistake.index in answers]
    rows = [_row(manifest, mistake, answers) for mistake in matching[:limit]]
    return MistakeList(
        pictures=kept.pictures,
        total=kept.total,
        kept=len(kept.mistakes),
        matching=len(matching),
        mistakes=rows,
    )


def _answers(mistakes: Iterable[Mistake], other: Mistakes) -> dict[int, OtherAnswer]:
    """What the other version says about each picture, where it does not say the same."""
    wrong = {mistake.index: mistake for mistake in other.mistakes}
    is_complete = len(wrong) == other.total
    answers = {}
    for mistake in mistakes:
        found = wrong.get(mistake.index)
        if found is None:
            answers[mistake.index] = OtherAnswer(predicted=mistake.true if is_complete else None, probability=None)
        elif found.predicted != mistake.predicted:
            answers[mistake.index] = OtherAnswer(predicted=found.predicted, probability=found.probability)
    return answers


def _row(manifest: Manifest, mistake: Mistake, answers: Mapping[int, OtherAnswer] | None) -> MistakeRow:
    picture = urlencode({"dataset": manifest.dataset, "split": "test", "index": mistake.index})
    return MistakeRow(
        **mistake.model_dump(),
        url=PICTURE_URL.format(dataset=quote(manifest.dataset), index=mistake.index),
        explain=f"/models/{manifest.model}/versions/{manifest.version}/explain?{picture}",
        other=None if answers is None else answers[mistake.index],
    )
