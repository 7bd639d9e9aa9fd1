"""A job that classifies many pictures continues after what it had written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from model_store import ModelStore, open_store
from model_store.predictions import RowFormat
from tests.archives import picture, zipped
from tests.learning.listener import Listener
from tests.unit.service.tiny_networks import CLASSES, publish
from worker.datasets.upload.options import UploadLimits
from worker.jobs.bulk_plan import plan_predictions
from worker.jobs.errors import TrainingFailed
from worker.predictions.options import BulkOrder, ReaderOrder
from worker.predictions.process import ReaderDied, reading
from worker.predictions.rows import Counted, Refused, Row, written
from worker.supervision.messages import Order
from worker.training import many_predictions

JOB = "k3v9x2m7qd"
LIMITS = UploadLimits(
    max_files=100,
    max_unpacked_bytes=10**7,
    max_picture_bytes=10**6,
    max_picture_pixels=10**6,
    max_picture_side=1000,
    max_pixels=10**6,
    max_cpu_s=60,
    max_memory_bytes=2 * 10**9,
)


class Killed(Exception):
    """The process ends here."""


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return open_store(str(tmp_path / "store"))


def order(tmp_path: Path, store: ModelStore, attempt: str) -> Order:
    plan = plan_predictions(store.manifest("brightness", 1), JOB, 2)
    work = tmp_path / attempt
    work.mkdir()
    known = {"job": JOB, "plan": plan, "fence": 1, "claimed_at": 0.0, "work_dir": str(work)}
    return Order.model_validate(
        known | {"store_url": str(tmp_path / "store"), "datasets_dir": str(tmp_path / "datasets")}
    )


@pytest.fixture
def submitted(tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five pictures, whose rows are written two at a time."""
    monkeypatch.setattr(many_predictions, "ROWS_OF_A_PART", 2)
    publish(store)
    archive = tmp_path / "archive.zip"
    archive.write_bytes(zipped({f"{n}.png": picture(28 * n) for n in range(5)}))
    store.imports.put(JOB, archive)
    store.predictions.put_order(JOB, BulkOrder(limits=LIMITS, max_pictures=10).model_dump_json().encode())


def rows_of(store: ModelStore) -> list[list[str]]:
    """The table, without its head."""
    parts = store.predictions.parts(JOB, "csv")
    table = b"".join(chunk for part in parts for chunk in store.predictions.read(part)).decode().splitlines()
    assert table[0].startswith("name,label,score")
    return [line.split(",") for line in table[1:]]


@pytest.mark.parametrize("deaths_of_others", [0, 1])
@pytest.mark.usefixtures("submitted")
def test_a_picture_that_ends_its_reader_is_a_row_and_costs_the_others_nothing(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch, deaths_of_others: int
) -> None:
    """`2.png` ends every reader that decodes it; another reader dies of something else behind it."""
    others = [4] * deaths_of_others

    @contextmanager
    def mortal(task: ReaderOrder) -> Iterator[Iterator[Row | Counted | Refused]]:
        with reading(task) as messages:
            yield dying(task, messages)

    def dying(task: ReaderOrder, messages: Iterator[Row | Counted | Refused]) -> Iterator[Row | Counted | Refused]:
        yield next(messages)
        for at, row in enumerate(messages, task.start):
            if (at == 2 and at not in task.crashed) or (at in others and others.pop()):
                raise ReaderDied("the process that reads the pictures ended with -11")
            yield row

    monkeypatch.setattr(many_predictions, "reading", mortal)
    many_predictions.run_predictions(order(tmp_path, store, "only"), Listener(), None)
    rows = rows_of(store)
    assert [row[0] for row in rows] == [f"{n}.png" for n in range(5)]
    assert [row[1] for row in rows] == [*CLASSES[:2], "", *CLASSES[3:5]]
    assert "ended the process" in ",".join(rows[2])


@pytest.mark.usefixtures("submitted")
def test_a_reader_that_dies_before_its_first_picture_blames_none(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = [1, 0, 0]  # messages of the readers that die, one after the other

    @contextmanager
    def mortal(task: ReaderOrder) -> Iterator[Iterator[Row | Counted | Refused]]:
        with reading(task) as messages:
            yield dying(messages, deaths.pop(0)) if deaths else messages

    def dying(messages: Iterator[Row | Counted | Refused], n: int) -> Iterator[Row | Counted | Refused]:
        yield from islice(messages, n)
        raise ReaderDied("the process that reads the pictures ended with -9")

    monkeypatch.setattr(many_predictions, "reading", mortal)
    many_predictions.run_predictions(order(tmp_path, store, "only"), Listener(), None)
    assert [row[1] for row in rows_of(store)] == list(CLASSES[:5])


@pytest.mark.usefixtures("submitted")
def test_readers_that_die_at_once_or_again_and_again_end_the_job(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[ReaderOrder] = []

    @contextmanager
    def dead(task: ReaderOrder) -> Iterator[Iterator[Row | Counted | Refused]]:
        readers.append(task)
        yield died(n_messages)

    def died(n_messages: int) -> Iterator[Row | Counted | Refused]:
        yield from [Counted(total=5)] * n_messages
        raise ReaderDied("the process that reads the pictures ended with -9")

    monkeypatch.setattr(many_predictions, "reading", dead)
    for n_messages, most in ((0, 1), (1, many_predictions.MOST_READERS)):
        readers.clear()
        with pytest.raises(TrainingFailed, match="not all read"):
            many_predictions.run_predictions(order(tmp_path, store, f"after-{n_messages}"), Listener(), None)
        assert len(readers) == most


@pytest.mark.usefixtures("submitted")
def test_a_job_that_was_killed_goes_on_behind_its_last_part(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:

    def killed_later(rows: Sequence[Row], top_k: int, *, is_first: bool) -> dict[RowFormat, bytes]:
        if not is_first:
            raise Killed
        return written(rows, top_k, is_first=is_first)

    with monkeypatch.context() as patched:
        patched.setattr(many_predictions, "written", killed_later)
        with pytest.raises(Killed):
            many_predictions.run_predictions(order(tmp_path, store, "first"), Listener(), None)
    assert len(store.predictions.parts(JOB, "csv")) == 1

    listener = Listener()
    many_predictions.run_predictions(order(tmp_path, store, "second"), listener, None)

    rows = rows_of(store)
    assert [row[0] for row in rows] == [f"{n}.png" for n in range(5)]
    assert [row[1] for row in rows] == list(CLASSES[:5])
    assert (listener.told[-1].step, listener.told[-1].steps) == (5, 5)
    assert (listener.model.name, listener.model.version) == ("brightness", 1)
    assert store.predictions.delete(JOB) > 0
    assert store.predictions.parts(JOB, "csv") == []
