"""The picture of a task that is in Label Studio: asked with the token, bounded, and errors with words."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from service.errors import PictureNotFetched
from service.fetching.fetcher import FetchRules, PictureFetcher
from service.labelling.pictures import picture_of, pictures_of
from service.settings import ApiSettings
from service.state import ServiceState
from worker.pictures.pixels import PictureTooLarge

pytestmark = pytest.mark.anyio

MOST_BYTES = 1000


class LabelStudio(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/sent-on"):
            self.send_on()
            return
        is_known = self.headers["Authorization"] == "Token secret"
        body = b"x" * int(self.path.rpartition("/")[2])
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_on(self) -> None:
        """A redirect to the address in the query; without one there is no `Location`."""
        self.send_response(302)
        _, _, target = self.path.partition("?")
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's own
        pass


@pytest.fixture
def label_studio() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), LabelStudio)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def state_with(settings: ApiSettings, url: str, token: str) -> ServiceState:
    changes = {"label_studio_url": url, "label_studio_token": SecretStr(token), "max_picture_bytes": MOST_BYTES}
    return cast(ServiceState, SimpleNamespace(settings=settings.model_copy(update=changes)))


async def test_a_picture_in_label_studio_is_read_up_to_the_size_that_is_allowed(
    settings: ApiSettings, label_studio: str
) -> None:
    state = state_with(settings, label_studio, "secret")
    for address in (f"/data/{MOST_BYTES}", f"{label_studio}/data/{MOST_BYTES}"):
        assert await picture_of(state, {"image": address}, "image") == b"x" * MOST_BYTES
    with pytest.raises(PictureTooLarge, match="expected at most 1000 bytes"):
        await picture_of(state, {"image": f"/data/{MOST_BYTES + 1}"}, "image")


async def test_a_picture_in_the_task_itself_is_bounded_before_it_is_decoded(settings: ApiSettings) -> None:
    state = state_with(settings, "", "secret")

    def data(n_bytes: int) -> dict[str, str]:
        return {"image": f"data:image/png;base64,{base64.b64encode(b'x' * n_bytes).decode()}"}

    assert await picture_of(state, data(MOST_BYTES), "image") == b"x" * MOST_BYTES
    for n_bytes in (MOST_BYTES + 1, 50 * MOST_BYTES):
        with pytest.raises(PictureTooLarge, match="expected at most 1000 bytes"):
            await picture_of(state, data(n_bytes), "image")


async def test_the_pictures_of_many_tasks_share_the_bytes_of_one_request(
    settings: ApiSettings, label_studio: str
) -> None:
    state = state_with(settings.model_copy(update={"max_body_bytes": 2500}), label_studio, "secret")
    tasks = [{"data": {"image": f"/data/{MOST_BYTES}"}}, {"data": {"image": "/data/900"}}] * 2
    found = await pictures_of(state, [*tasks, "no task"], "image")
    assert [len(upload.data) for upload in found] == [1000, 900, 0, 0, 0]
    assert [upload.rejection is None for upload in found] == [True, True, False, False, False]


async def test_what_label_studio_refuses_is_said(settings: ApiSettings, label_studio: str) -> None:
    with pytest.raises(PictureNotFetched, match="answered 401"):
        await picture_of(state_with(settings, label_studio, "wrong"), {"image": "/data/1"}, "image")
    with pytest.raises(PictureNotFetched, match="does not answer"):
        await picture_of(state_with(settings, "http://127.0.0.1:1", "secret"), {"image": "/data/1"}, "image")


async def test_addresses_that_cannot_be_are_refused_with_words(settings: ApiSettings, label_studio: str) -> None:
    fetcher = PictureFetcher(FetchRules(is_enabled=True, max_picture_bytes=1, max_request_bytes=1, timeout_s=5.0))
    known = state_with(settings, label_studio, "secret").settings
    state = cast(ServiceState, SimpleNamespace(settings=known, fetcher=fetcher))
    for address, words in (
        ("/sent-on?http://xn--/", "no URL"),
        ("/sent-on", "answered 302"),
        ("http://xn--/a.png", "unknown host"),
    ):
        with pytest.raises(PictureNotFetched, match=words):
            await picture_of(state, {"image": address}, "image")
