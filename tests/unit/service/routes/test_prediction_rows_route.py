"""Rows that are not there are refused in words about rows."""

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service import deps
from service.app import create_app
from service.settings import ApiSettings
from tests.unit.service.jobs.test_group_answers import job
from tests.unit.service.jobs.test_model_users import BULK
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    """With routes of its own, whose dependencies can be overridden."""
    return create_app(settings, store)


TRAINING = job("training", JobState.QUEUED)
WAITING = TRAINING.model_copy(update={"request": TRAINING.request.model_copy(update={"predictions": BULK})})


@pytest.mark.parametrize(
    ("found", "status", "code", "words"),
    [
        (TRAINING, 404, "job_not_found", "there is no prediction job 'training'"),
        (WAITING, 409, "job_not_finished", "its rows can be read once it has ended"),
    ],
)
async def test_a_job_without_rows_says_why(
    app: FastAPI, api: httpx.AsyncClient, found: JobRecord, status: int, code: str, words: str
) -> None:
    app.dependency_overrides[deps._job] = lambda: found
    answer = await api.get("/jobs/training/predictions")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert words in answer.json()["detail"]
