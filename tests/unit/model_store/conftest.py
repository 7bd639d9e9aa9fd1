"""The store on each storage that needs no server."""

from pathlib import Path

import pytest

from model_store import ModelStore
from model_store.objects import Objects
from model_store.opening import open_objects


@pytest.fixture(params=["memory", "local disk"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return open_objects("memory://" if request.param == "memory" else str(tmp_path / "store"))


@pytest.fixture
def store(objects: Objects) -> ModelStore:
    return ModelStore(objects)
