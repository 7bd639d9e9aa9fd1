from datetime import UTC, datetime

from pydantic import JsonValue

from service.jobs.job_rows import LONGEST_SETTING, row_of
from worker.jobs.plan import plan
from worker.jobs.records import JobRecord
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState


def setting(varied: dict[str, JsonValue], **asked: object) -> str | None:
    body = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 4}
    request = plan(JobRequest.model_validate(body | asked))
    return row_of(
        JobRecord(id="a", state=JobState.QUEUED, request=request, varied=varied, created_at=datetime.now(UTC))
    ).setting


def test_a_row_says_what_the_grid_varied() -> None:
    assert setting({"overrides.activation": "tanh"}) == "tanh"
    assert setting({"overrides.activation": "tanh", "seed": 2}) == "activation tanh, seed 2"


def test_a_row_outside_a_grid_says_what_was_changed_in_the_network() -> None:
    assert setting({}) is None
    assert setting({}, overrides={"activation": "relu", "depth": 2}) == "activation relu, depth 2"


def test_a_setting_is_bounded() -> None:
    text = setting({"overrides.dropout": [0.123456] * 50})
    assert text is not None
    assert (len(text), text[-1]) == (LONGEST_SETTING, "…")


def test_a_row_says_what_kind_of_job_it_is() -> None:
    body = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 4}
    record = JobRecord(
        id="a",
        kind="export",
        state=JobState.QUEUED,
        request=plan(JobRequest.model_validate(body)),
        created_at=datetime.now(UTC),
    )
    assert row_of(record).kind == "export"
