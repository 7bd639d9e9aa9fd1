"""A job that classifies many pictures continues after what it had written."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from model_store import ModelStore, open_store
from model_store.predictions import RowFormat
from tests.archives import picture, zipped
from tests.learning.listener import Listener
from tests.unit.service.tiny_networks import CLASSES, publish
from worker.datasets.upload.options import UploadLimits
from worker.jobs.bulk_plan import plan_predictions
from worker.predictions.options import BulkOrder
from worker.predictions.rows import Row, written
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


def test_a_job_that_was_killed_goes_on_behind_its_last_part(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_predictions, "ROWS_OF_A_PART", 2)
    publish(store)
    archive = tmp_path / "archive.zip"
    archive.write_bytes(zipped({f"{n}.png": picture(28 * n) for n in range(5)}))
    store.imports.put(JOB, archive)
    store.predictions.put_order(JOB, BulkOrder(limits=LIMITS, max_pictures=10).model_dump_json().encode())

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

    parts = store.predictions.parts(JOB, "csv")
    table = b"".join(chunk for part in parts for chunk in store.predictions.read(part)).decode().splitlines()
    assert table[0].startswith("name,label,score")
    assert [line.split(",")[0] for line in table[1:]] == [f"{n}.png" for n in range(5)]
    assert [line.split(",")[1] for line in table[1:]] == list(CLASSES[:5])
    assert (listener.told[-1].step, listener.told[-1].steps) == (5, 5)
    assert (listener.model.name, listener.model.version) == ("brightness", 1)
    assert store.predictions.delete(JOB) > 0
    assert store.predictions.parts(JOB, "csv") == []
