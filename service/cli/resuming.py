"""Sends a large archive in pieces, by tus: after a broken connection it goes on where the server says."""

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from service.cli.client import Client, JsonObject, ServerRefused, ServerUnreachable

FROM_BYTES = 32 * 1024 * 1024
"""Smaller archives are sent at once."""
PIECE_BYTES = 8 * 1024 * 1024
MOST_FAILURES = 8
"""In a row, without a byte arriving in between: three minutes."""
PASSING = frozenset({"upload_busy", "offset_conflict", "too_many_uploads", "store_unavailable"})
"""Refusals after which it makes sense to try again."""
TUS = {"Tus-Resumable": "1.0.0"}


def upload_in_pieces(
    client: Client, archive: Path, options: Mapping[str, object], sleep: Callable[[float], None] = time.sleep
) -> JsonObject:
    """Send an archive, and return the dataset that it becomes.

    Args:
        client: of the server.
        archive: to send.
        options: as for `POST /datasets`; `add_to` instead of `name` adds the pictures to a dataset.
        sleep: waits for so many seconds before it tries again.

    Raises:
        ServerRefused, ServerUnreachable: the server refuses it, or cannot be reached again and again.
        OSError: the file cannot be read.
    """
    length = archive.stat().st_size
    given = {name: str(value) for name, value in options.items() if value is not None}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in given.items())
    begun = client.exchange("POST", "/uploads", {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata})
    upload = _Upload(client, begun.headers["Location"], archive, sleep)
    while not upload.is_done:
        upload.send_piece()
    return client.get(f"/datasets/{given.get('add_to') or given['name']}")


class _Upload:
    """One upload, as far as it has come."""

    def __init__(self, client: Client, address: str, archive: Path, sleep: Callable[[float], None]) -> None:
        self.is_done = False
        self._offset = 0
        self._client = client
        self._address = address
        self._archive = archive
        self._length = archive.stat().st_size
        self._sleep = sleep
        self._failures = 0

    def send_piece(self) -> None:
        """Send the next piece, and find out where to go on."""
        with self._archive.open("rb") as file:
            file.seek(self._offset)
            piece = file.read(PIECE_BYTES)
        headers = {**TUS, "Upload-Offset": str(self._offset), "Content-Type": "application/offset+octet-stream"}
        try:
            answer = self._client.exchange("PATCH", self._address, headers, piece)
        except (ServerUnreachable, ServerRefused) as error:
            is_passing = isinstance(error, ServerUnreachable) or error.code in PASSING
            if not is_passing or self._failures == MOST_FAILURES:
                raise
            self._wait_and_ask(is_last=self._offset + len(piece) == self._length)
        else:
            self._offset, self._failures = int(answer.headers["Upload-Offset"]), 0
            self.is_done = self._offset == self._length

    def _wait_and_ask(self, *, is_last: bool) -> None:
        self._sleep(min(2**self._failures, 60))
        self._failures += 1
        try:
            found = int(self._client.exchange("HEAD", self._address, TUS).headers["Upload-Offset"])
        except ServerUnreachable:
            return  # try the same piece again
        except ServerRefused as error:
            if not (is_last and error.status == 404):
                raise
            self.is_done = True  # the last piece came through; only the answer to it was lost
            return
        self._failures = 0 if found > self._offset else self._failures
        self._offset = found  # at the end, an empty piece asks a busy server to convert what it has
