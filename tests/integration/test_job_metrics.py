"""What Prometheus is told of jobs: the records in Redis, as they are when it asks."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from service.settings import ApiSettings
from tests.busy_machine import is_within, wait_until
from tests.running import JOB_TIMEOUT_S, submit, wait_for
from worker.jobs.states import JobState


def metrics(api: httpx.Client) -> dict[str, float]:
    """Values by name; of the jobs by state, as `jobs/<state>`."""
    response = api.get("/metrics")
    assert response.status_code == 200
    return {
        f"jobs/{sample.labels['state']}" if sample.name == "convserve_jobs" else sample.name: sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_the_page_follows_jobs_through_their_states(api: httpx.Client) -> None:
    # A job that an earlier test cancelled may still be ending.
    wait_until(lambda: metrics(api)["jobs/running"] + metrics(api)["jobs/queued"] == 0, JOB_TIMEOUT_S)
    before = metrics(api)
    assert before["convserve_queue_up"] == 1
    running, waiting = submit(api, epochs=200), submit(api, epochs=200)
    wait_for(api, running["id"], "running")

    def is_said_of_both() -> bool:
        of_job = api.get(f"/jobs/{running['id']}").json()["progress"]["images_per_second"]
        return of_job is not None and of_job > 0 and metrics(api)["convserve_training_images_per_second"] == of_job

    wait_until(is_said_of_both, JOB_TIMEOUT_S)
    now = metrics(api)
    assert is_within(1 / now["convserve_training_images_per_second"], 1 / 10)
    assert now["jobs/running"] == 1
    assert now["jobs/queued"] == now["convserve_queue_depth"] == 1
    waited_s = now["convserve_queue_longest_wait_seconds"]
    assert waited_s > 0
    assert is_within(waited_s, 90)
    assert metrics(api)["convserve_queue_longest_wait_seconds"] > waited_s
    for job in (waiting, running):
        api.post(f"/jobs/{job['id']}/cancel")
        wait_for(api, job["id"], "cancelled")
    after = metrics(api)
    assert after["jobs/cancelled"] == before["jobs/cancelled"] + 2
    assert after["convserve_queue_depth"] == after["convserve_queue_longest_wait_seconds"] == 0
    assert after["convserve_training_images_per_second"] == 0
    total = api.get("/jobs").json()["total"]
    assert sum(after[f"jobs/{state}"] for state in JobState) == total


def test_the_processes_own_numbers_are_there(api: httpx.Client) -> None:
    found = metrics(api)
    assert found["convserve_process_resident_memory_bytes"] > 1e6
    assert found["convserve_process_cpu_seconds_total"] > 0
    assert 0 < found["convserve_process_open_fds"] < found["convserve_process_max_fds"]
    assert found["convserve_loaded_models"] <= ApiSettings.model_fields["loaded_models"].default
