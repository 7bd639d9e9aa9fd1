"""One row for each picture, as JSON lines and as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from model_store.predictions import RowFormat
from worker.predictions.options import Fault


class Guess(BaseModel, defer_build=True):
    """A class and its probability."""

    label: str
    score: float


class Answered(BaseModel, defer_build=True):
    """A picture and its classes."""

    kind: Literal["answered"] = "answered"
    name: str
    top_k: list[Guess]


class Failed(BaseModel, defer_build=True):
    """A picture that could not be read."""

    kind: Literal["failed"] = "failed"
    name: str
    error: Fault


class Counted(BaseModel, defer_build=True):
    """The reader's first message: how many pictures there are."""

    kind: Literal["counted"] = "counted"
    total: int
    left_out: dict[str, int] = Field(default={}, description="Files that are no pictures, by reason.")


class Refused(BaseModel, defer_build=True):
    """The reader's last message when it cannot go on."""

    kind: Literal["refused"] = "refused"
    message: str
    hint: str | None = None


Row = Answered | Failed
MESSAGES: TypeAdapter[Row | Counted | Refused] = TypeAdapter(
    Annotated[Row | Counted | Refused, Field(discriminator="kind")]
)


def written(rows: Iterable[Row], top_k: int, *, is_first: bool) -> dict[RowFormat, bytes]:
    """The rows in both formats.

    Args:
        rows: in order.
        top_k: classes that each row names.
        is_first: the CSV begins with the names of its columns.
    """
    lines, table = io.StringIO(), io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    if is_first:
        more = [f"{name}_{place}" for place in range(2, top_k + 1) for name in ("label", "score")]
        writer.writerow(["name", "label", "score", "error", *more])
    for row in rows:
        lines.write(json.dumps(_as_json(row), ensure_ascii=False) + "\n")
        writer.writerow(_cells(row, top_k))
    return {"csv": table.getvalue().encode(), "jsonl": lines.getvalue().encode()}


def _as_json(row: Row) -> dict[str, object]:
    if isinstance(row, Failed):
        return {"name": row.name, "error": row.error.model_dump()}
    best = row.top_k[0]
    return {"name": row.name, **best.model_dump(), "top_k": [guess.model_dump() for guess in row.top_k]}


def _cells(row: Row, top_k: int) -> list[object]:
    if isinstance(row, Failed):
        return [row.name, "", "", row.error.message, *[""] * (2 * (top_k - 1))]
    (best, *others) = row.top_k
    return [row.name, best.label, best.score, "", *(cell for guess in others for cell in (guess.label, guess.score))]
