"""Several devices for one training: what a plan says of them, what is refused, and how many a worker has."""

import pytest

from tests.plans import planned
from worker.jobs.device_choice import check_workers
from worker.jobs.formats import DEVICES_FORMAT, FIRST_FORMAT, written_by
from worker.jobs.request import RequestInvalid
from worker.jobs.workers import Gpu
from worker.supervision import gpus as gpus_module
from worker.supervision.gpus import usable_devices


def test_a_plan_for_one_device_is_written_as_before_and_one_for_several_in_a_newer_format() -> None:
    assert "devices" not in planned().model_dump()
    assert planned(devices=2).model_dump()["devices"] == 2
    assert written_by(1)["format"] == FIRST_FORMAT == 1
    assert written_by(2)["format"] == DEVICES_FORMAT == 2


@pytest.mark.parametrize(
    ("fields", "loc", "message"),
    [
        ({"batch_size": 2}, "devices", "expected at most the 2 pictures of a batch, got 4"),
        ({"precision": "mixed_float16"}, "precision", "expected float32 or mixed_bfloat16, got mixed_float16"),
        (
            {"architecture": "efficientnet-lite0", "dataset": "fashion_mnist_sample"},
            "devices",
            "trainings on learned weights use one device; expected 1",
        ),
    ],
)
def test_what_several_devices_cannot_do_is_refused(fields: dict[str, object], loc: str, message: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        planned(devices=4, **fields)
    assert refused.value.loc == (loc,)
    assert message in refused.value.message


def test_a_job_needs_a_worker_with_as_many_unless_none_is_known() -> None:
    check_workers(2, 2)
    check_workers(2, None)
    with pytest.raises(RequestInvalid, match="expected at most 1, got 2"):
        check_workers(2, 1)


@pytest.mark.parametrize(
    ("n_gpus", "visible", "virtual", "usable"),
    [
        (0, None, None, 1),
        (0, None, 3, 3),
        (2, None, 3, 2),
        (4, "0,2", None, 2),
        (2, "0,1,2,3", None, 2),
        (2, "", None, 1),
    ],
)
def test_a_worker_has_the_gpus_that_its_trainers_see(
    monkeypatch: pytest.MonkeyPatch, n_gpus: int, visible: str | None, virtual: int | None, usable: int
) -> None:
    gpu = Gpu(name="a GPU", used_bytes=0, total_bytes=1, utilization=None)
    monkeypatch.setattr(gpus_module, "gpus", lambda: (gpu,) * n_gpus)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert usable_devices(virtual) == usable
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert usable_devices(virtual) == 1
