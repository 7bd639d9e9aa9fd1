"""Fetches pictures by URL: bounded in bytes, seconds, redirects and number, and only from public addresses."""

# httpx is imported with the first picture: it takes a tenth of the time in which this process starts.
# ruff: noqa: PLC0415

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from service.errors import Overloaded, PictureNotFetched
from service.fetching.addresses import Resolve, checked_address, resolve
from service.predict.encoded_pictures import MAX_URL
from service.predict.rejection import Rejection
from service.predict.uploads import Upload
from service.web.client_presence import while_client_stays
from service.web.public_addresses import is_public
from worker.pictures.pixels import PictureRejected, PictureTooLarge

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AT_ONCE = 4
"""Requests whose pictures are fetched at once; each holds up to `max_request_bytes`."""
TIMEOUTS_OF_A_REQUEST = 3
"""All pictures of a request together may take this many times as long as one."""
CHUNK_BYTES = 64 * 1024
NO_URL = "the picture's server sends on to something that is no URL"
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "convserve"}


@dataclass(frozen=True)
class FetchRules:
    """What fetching is allowed to take.

    Attributes:
        is_enabled: otherwise every URL is refused.
        max_picture_bytes: of one file.
        max_request_bytes: of all pictures of a request together.
        timeout_s: for one picture, redirects included.
    """

    is_enabled: bool
    max_picture_bytes: int
    max_request_bytes: int
    timeout_s: float


class PictureFetcher:
    """Replaces URLs of uploads by the files behind them.

    Args:
        rules: what it may take.
        resolve_host: tells the addresses of a host.
        is_allowed: says whether an address may be asked.
    """

    def __init__(
        self, rules: FetchRules, resolve_host: Resolve = resolve, is_allowed: Callable[[str], bool] = is_public
    ) -> None:
        self._rules = rules
        self._resolve = resolve_host
        self._is_allowed = is_allowed
        self._under_way = 0

    async def fetched(self, uploads: list[Upload], most_bytes: int | None = None) -> list[Upload]:
        """The same uploads, with the bytes behind each URL, or the reason why there are none.

        Args:
            uploads: some of which have a URL.
            most_bytes: of all of them together, if that is less than the rules allow.

        Raises:
            Overloaded: other requests are fetching.
            ClientLeft: the client disconnected before the pictures were there.
        """
        if all(upload.url is None for upload in uploads):
            return uploads
        if not self._rules.is_enabled:
            reason = "pictures by URL are switched off here (CONVSERVE_PICTURE_URLS); expected the picture itself"
            refused = Rejection(PictureNotFetched, reason)
            return [upload if upload.url is None else replace(upload, rejection=refused) for upload in uploads]
        if self._under_way >= AT_ONCE:
            raise Overloaded(max(1, round(self._rules.timeout_s / 2)))
        self._under_way += 1
        try:
            return await while_client_stays(self._fetch_all(uploads, most_bytes))
        finally:
            self._under_way -= 1

    async def _fetch_all(self, uploads: Sequence[Upload], most_bytes: int | None) -> list[Upload]:
        """One after the other, so that they share one budget of bytes and one of time."""
        clock = asyncio.get_running_loop().time
        end_at, left = clock() + TIMEOUTS_OF_A_REQUEST * self._rules.timeout_s, self._rules.max_request_bytes
        left = left if most_bytes is None else min(left, most_bytes)
        found: list[Upload] = []
        for upload in uploads:
            if upload.url is None:
                found.append(upload)
            else:
                until = min(end_at, clock() + self._rules.timeout_s)
                found.append(await self._fetch_one(upload, upload.url, left, until))
                left -= len(found[-1].data)
        return found

    async def _fetch_one(self, upload: Upload, url: str, most_bytes: int, until: float) -> Upload:
        try:
            async with asyncio.timeout_at(until):
                data = await self.bytes_of(url, min(most_bytes, self._rules.max_picture_bytes))
        except PictureRejected as error:
            return replace(upload, rejection=Rejection.of(error))
        except TimeoutError:
            reason = f"the picture's server took too long; expected an answer within {self._rules.timeout_s:g} s"
            return replace(upload, rejection=Rejection(PictureNotFetched, reason))
        return replace(upload, data=data)

    async def bytes_of(self, url: str, most_bytes: int) -> bytes:
        """The file behind a URL.

        Raises:
            PictureNotFetched: the URL or its answer is not acceptable.
            PictureTooLarge: the file has more than `most_bytes`.
        """
        import httpx

        # A client of its own for each picture: no cookies, no proxy of the environment, no connection to reuse.
        async with httpx.AsyncClient(trust_env=False, headers=HEADERS, timeout=self._rules.timeout_s) as client:
            for _ in range(MAX_REDIRECTS + 1):
                response = await self._ask(client, url)
                try:
                    if response.status_code not in REDIRECTS:
                        return await _body(response, most_bytes)
                    url = str(httpx.URL(url).join(response.headers.get("location", "")))
                except (httpx.InvalidURL, UnicodeError):
                    raise PictureNotFetched(NO_URL) from None
                except httpx.HTTPError:
                    raise PictureNotFetched("the picture's server broke off its answer") from None
                finally:
                    await response.aclose()
        raise PictureNotFetched(f"the picture's URL sends on too often; expected at most {MAX_REDIRECTS} redirects")

    async def _ask(self, client: "httpx.AsyncClient", url: str) -> "httpx.Response":
        """Connect to an address that was checked, whatever the name means a moment later."""
        import httpx

        parsed = _checked_url(url)
        # As it is sent: `parsed.host` decodes the name, which fails for some that begin with `xn--`.
        host = parsed.raw_host.decode("ascii")
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        address = await checked_address(host, port, self._resolve, self._is_allowed)
        pinned = parsed.copy_with(host=address)
        request = client.build_request(
            "GET",
            pinned,
            headers={"Host": parsed.netloc.decode("ascii")},
            # The certificate is checked against the name, not against the address.
            extensions={"sni_hostname": host},
        )
        try:
            return await client.send(request, stream=True, follow_redirects=False)
        except httpx.HTTPError:
            raise PictureNotFetched("the picture's server does not answer") from None
        except UnicodeError:  # httpx reads the redirect also when it does not follow it
            raise PictureNotFetched(NO_URL) from None


def _checked_url(url: str) -> "httpx.URL":
    import httpx

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parsed = httpx.URL()
    is_valid = parsed.scheme in {"http", "https"} and parsed.raw_host and not parsed.userinfo and len(url) <= MAX_URL
    if not is_valid or not 0 < (parsed.port or 80) < 2**16:
        raise PictureNotFetched("the picture's URL is not valid; expected http:// or https:// and a host")
    return parsed


async def _body(response: "httpx.Response", most_bytes: int) -> bytes:
    if response.status_code != HTTPStatus.OK:
        raise PictureNotFetched(f"the picture's server answered {response.status_code}; expected 200")
    if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise PictureNotFetched("the picture's server sent it compressed; expected the file as it is")
    return await bounded(response.aiter_raw(CHUNK_BYTES), most_bytes)


async def bounded(chunks: AsyncIterator[bytes], most_bytes: int) -> bytes:
    """A picture's file from its pieces. Raises `PictureTooLarge` as soon as there are too many bytes."""
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > most_bytes:
            raise too_large(most_bytes)
    return bytes(data)


def too_large(most_bytes: int) -> PictureTooLarge:
    """The refusal of a picture's file, wherever it comes from."""
    return PictureTooLarge(f"the picture file is too large; expected at most {most_bytes} bytes, got more")
