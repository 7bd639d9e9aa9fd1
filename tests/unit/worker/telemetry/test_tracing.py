"""Traces are off unless asked for, cost no import then, and say in one line what they lack."""

import pytest
from pydantic import ValidationError

from worker.settings import SharedSettings
from worker.telemetry.otlp import traces_url
from worker.telemetry.tracing import NoTracing, open_tracing


@pytest.mark.parametrize("endpoint", [None, ""])
def test_traces_are_off_unless_asked_for(endpoint: str | None) -> None:
    tracing = open_tracing(SharedSettings(otel_endpoint=endpoint).otel_endpoint, "convserve", "api")
    assert isinstance(tracing, NoTracing)
    with tracing.span("work", {"size": 1}, parent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01") as span:
        span.rename("other work")
        span.set("more", 2)
        span.fail("it went wrong")
        assert tracing.traceparent() == ""
    tracing.flush()
    tracing.close()


@pytest.mark.parametrize("address", ["localhost:4318", "http://", "ftp://host"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        SharedSettings(otel_endpoint=address)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://host:4318", "http://host:4318/v1/traces"),
        ("http://host:4318/", "http://host:4318/v1/traces"),
        ("https://host/otlp", "https://host/otlp/v1/traces"),
        ("http://host:4318/v1/traces", "http://host:4318/v1/traces"),
    ],
)
def test_traces_are_posted_below_the_collectors_address(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url
