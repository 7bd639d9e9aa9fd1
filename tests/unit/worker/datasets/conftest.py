"""What several tests of archives need."""

from pathlib import Path

import pytest

from tests.unit.worker.datasets.reading_archives import Reader, reader


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return reader(tmp_path)
