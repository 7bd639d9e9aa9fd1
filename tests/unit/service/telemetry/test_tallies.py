"""Tallies show what prometheus_client's own counters and histograms would show."""

import re

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from service.telemetry.tallies import counters, histograms

BOUNDS = (0.001, 0.25, 1.0, 30)
AMOUNTS = (0.0, 0.001, 0.0010001, 0.25, 1.0, 30.0, 30.1, *np.random.default_rng(1).exponential(1, 200).tolist())


def page(registry: CollectorRegistry) -> str:
    return re.sub(r"(?m)^(\w+_created\{.*\}) \S+$", r"\1 TIME", generate_latest(registry).decode())


@pytest.mark.parametrize("models", [(), ("a",), ("b", 'of "quotes" and \\')])
def test_the_page_is_the_same(models: tuple[str, ...]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    counter = Counter("answers", "What is answered.", ["model", "kind"], registry=theirs)
    histogram = Histogram("wait_seconds", "How long.", ["model"], buckets=BOUNDS, registry=theirs)
    counts = counters("answers", "What is answered.", ["model", "kind"], ours)
    waits = histograms("wait_seconds", "How long.", ["model"], BOUNDS, ours)
    for model in models:
        for amount in AMOUNTS:
            histogram.labels(model).observe(amount)
            waits.labels(model).observe(amount)
            counter.labels(model, "x").inc(3)
            counts.labels(model, "x").inc(3)
    assert page(ours) == page(theirs)
    for model in models[:1]:
        histogram.remove(model)
        waits.remove(model)
    assert page(ours) == page(theirs)
