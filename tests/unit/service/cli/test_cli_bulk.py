"""`convserve bulk` finds out that its rows cannot be written before anything is classified."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli.bulk import run_bulk
from service.cli.client import Client
from service.cli.errors import CommandFailed
from tests.unit.service.cli.conftest import Respond


def test_rows_that_cannot_be_written_are_not_asked_for(client_of: Callable[[Respond], Client], tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    client = client_of(note)
    for output, words in ((tmp_path / "none" / "rows.csv", "no directory"), (tmp_path, "is a directory")):
        with pytest.raises(CommandFailed, match=words):
            run_bulk(client, "mine/1", "fashion_mnist:test", output, None, 1)
    assert asked == []
