"""The page Prometheus reads needs no Redis, and does not wait for one."""

import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.busy_machine import is_within

pytestmark = pytest.mark.anyio


async def test_without_redis_the_page_says_so_and_answers_fast(api: httpx.AsyncClient) -> None:
    began_at = time.monotonic()
    answer = await api.get("/metrics")
    assert is_within(time.monotonic() - began_at, 2.5)
    families = text_string_to_metric_families(answer.text)
    values = {sample.name: sample.value for family in families for sample in family.samples}
    assert values["convserve_queue_up"] == 0
    assert not [name for name in values if name.startswith(("convserve_jobs", "convserve_training"))]
    assert values["convserve_loaded_models"] == 0
    assert values["convserve_process_resident_memory_bytes"] > 1e6
