"""The picture of a task: in the task itself, in Label Studio, or behind a URL."""

# httpx is imported when it is used, as in `service.fetching.fetcher`.
# ruff: noqa: PLC0415

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from service.errors import PictureNotFetched
from service.fetching.fetcher import bounded
from service.predict.uploads import Upload
from service.settings import ApiSettings
from service.state import ServiceState
from service.web.base64_text import BASE64_EXPECTED, decode_base64

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10


async def picture_of(state: ServiceState, data: Any, field: str) -> bytes:  # noqa: ANN401 - any JSON value
    """The file that a task is about.

    Args:
        state: of this process.
        data: of the task.
        field: of the data, with a `data:` URL, an address in Label Studio, or a URL.

    Raises:
        PictureNotFetched, PictureTooLarge: there is no picture, or it may not be fetched.
    """
    found = data.get(field) if isinstance(data, dict) else None
    if not isinstance(found, str):
        raise PictureNotFetched(f"the task has no picture; expected an address in its field {field!r}")
    if found.lower().startswith("data:"):
        try:
            return decode_base64(found)
        except ValueError:
            raise PictureNotFetched(f"the task's picture cannot be read; {BASE64_EXPECTED}") from None
    inside = _inside(found, state.settings)
    if inside is not None:
        return await _from_label_studio(state, inside)
    (fetched,) = await state.fetcher.fetched([Upload(None, b"", url=found)])
    return fetched.read()


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
    except httpx.InvalidURL:
        raise PictureNotFetched("the task's picture has no valid address") from None
    return url if (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port) else None


async def _from_label_studio(state: ServiceState, url: "httpx.URL") -> bytes:
    """A file of Label Studio, by its token; where it sends on to a bucket, only public addresses are asked."""
    import httpx

    settings = state.settings
    token = settings.label_studio_token
    headers = {} if token is None else {"Authorization": f"Token {token.get_secret_value()}"}
    most = settings.max_picture_bytes
    try:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            if response.is_redirect:
                return await state.fetcher.bytes_of(str(url.join(response.headers["location"])), most)
            if response.status_code != HTTPStatus.OK:
                raise PictureNotFetched(f"Label Studio answered {response.status_code} for the picture; expected 200")
            return await bounded(response.aiter_bytes(), most)
    except httpx.HTTPError:
        raise PictureNotFetched("Label Studio does not answer") from None
