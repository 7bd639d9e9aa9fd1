"""The picture of a task: in the task itself, in Label Studio, or behind a URL."""

# httpx is imported when it is used, as in `service.fetching.fetcher`.
# ruff: noqa: PLC0415

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from service.errors import PictureNotFetched
from service.fetching.fetcher import TIMEOUTS_OF_A_REQUEST, bounded, too_large
from service.predict.rejection import Rejection
from service.predict.uploads import Upload
from service.settings import ApiSettings
from service.state import ServiceState
from service.web.base64_text import BASE64_EXPECTED, decode_base64
from worker.pictures.pixels import PictureRejected

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10
LONGEST_DATA_HEAD = 512
"""Bytes of a `data:` URL that are not its picture, and then some."""


async def pictures_of(state: ServiceState, tasks: Sequence[Any], field: str) -> list[Upload]:
    """The files that tasks are about, or why there is none.

    One after the other, so that all of them share the bytes of a request (`CONVSERVE_MAX_BODY_BYTES`) and its time.

    Args:
        state: of this process.
        tasks: any JSON values.
        field: of the data of a task, see `picture_of`.
    """
    clock = asyncio.get_running_loop().time
    until, left = clock() + TIMEOUTS_OF_A_REQUEST * TIMEOUT_S, state.settings.max_body_bytes
    found: list[Upload] = []
    for task in tasks:
        data = task.get("data") if isinstance(task, dict) else None
        try:
            async with asyncio.timeout_at(until):
                file = await picture_of(state, data, field, left)
        except TimeoutError:
            reason = f"the pictures took too long; expected all of them within {TIMEOUTS_OF_A_REQUEST * TIMEOUT_S} s"
            found.append(Upload(None, b"", Rejection(PictureNotFetched, reason)))
        except PictureRejected as error:
            found.append(Upload(None, b"", Rejection.of(error)))
        else:
            found.append(Upload(None, file))
            left -= len(file)
    return found


async def picture_of(
    state: ServiceState,
    data: Any,  # noqa: ANN401 - any JSON value
    field: str,
    most_bytes: int | None = None,
) -> bytes:
    """The file that a task is about.

    Args:
        state: of this process.
        data: of the task.
        field: of the data, with a `data:` URL, an address in Label Studio, or a URL.
        most_bytes: that it may have, if that is less than a picture may have anywhere.

    Raises:
        PictureNotFetched, PictureTooLarge: there is no picture, or it may not be fetched.
    """
    most = state.settings.max_picture_bytes
    most = most if most_bytes is None else min(most, most_bytes)
    found = data.get(field) if isinstance(data, dict) else None
    if not isinstance(found, str):
        raise PictureNotFetched(f"the task has no picture; expected an address in its field {field!r}")
    if found.lower().startswith("data:"):
        return _in_text(found, most)
    inside = _inside(found, state.settings)
    if inside is not None:
        return await _from_label_studio(state, inside, most)
    (fetched,) = await state.fetcher.fetched([Upload(None, b"", url=found)], most)
    return fetched.read()


def _in_text(url: str, most_bytes: int) -> bytes:
    """The file in a `data:` URL; its length is judged before it is decoded."""
    if len(url) * 3 // 4 > most_bytes + LONGEST_DATA_HEAD:
        raise too_large(most_bytes)
    try:
        file = decode_base64(url)
    except ValueError:
        raise PictureNotFetched(f"the task's picture cannot be read; {BASE64_EXPECTED}") from None
    if len(file) > most_bytes:
        raise too_large(most_bytes)
    return file


def _inside(address: str, settings: ApiSettings) -> "httpx.URL | None":
    """The address in Label Studio that a task means; None when it lies elsewhere."""
    import httpx

    try:
        if not settings.label_studio_url:
            if address.startswith("/"):
                raise PictureNotFetched("the task's picture is in Label Studio; expected CONVSERVE_LABEL_STUDIO_URL")
            return None
        home = httpx.URL(settings.label_studio_url)
        url = home.join(address)
    except (httpx.InvalidURL, UnicodeError):
        raise PictureNotFetched("the task's picture has no valid address") from None
    return url if (url.scheme, url.raw_host, url.port) == (home.scheme, home.raw_host, home.port) else None


async def _from_label_studio(state: ServiceState, url: "httpx.URL", most_bytes: int) -> bytes:
    """A file of Label Studio, by its token; where it sends on to a bucket, only public addresses are asked."""
    import httpx

    settings = state.settings
    token = settings.label_studio_token
    headers = {} if token is None else {"Authorization": f"Token {token.get_secret_value()}"}
    try:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            if response.has_redirect_location:
                return await state.fetcher.bytes_of(str(url.join(response.headers["location"])), most_bytes)
            if response.status_code != HTTPStatus.OK:
                raise PictureNotFetched(f"Label Studio answered {response.status_code} for the picture; expected 200")
            return await bounded(response.aiter_bytes(), most_bytes)
    except httpx.HTTPError:
        raise PictureNotFetched("Label Studio does not answer") from None
    except (httpx.InvalidURL, UnicodeError):
        raise PictureNotFetched("Label Studio sends on to something that is no URL") from None
