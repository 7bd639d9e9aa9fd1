"""What every example starts from."""

from pathlib import Path

import pytest

from tests.examples.copied_sources import CopiedSources


@pytest.fixture
def sources(tmp_path: Path) -> CopiedSources:
    return CopiedSources(tmp_path / "sources")
