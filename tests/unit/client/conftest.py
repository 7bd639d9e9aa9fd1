"""The service in the same process, for the client to talk to."""

from tests.unit.service.conftest import api, app, brightness, settings, store

__all__ = ["api", "app", "brightness", "settings", "store"]
