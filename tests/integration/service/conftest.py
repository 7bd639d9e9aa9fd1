"""The service in the test's own process, over a store in memory; what it starts is real."""

from tests.unit.service.conftest import api, app, brightness, settings, store

__all__ = ["api", "app", "brightness", "settings", "store"]
