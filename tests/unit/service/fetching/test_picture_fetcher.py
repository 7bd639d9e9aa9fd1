"""Pictures by URL: which addresses are asked and connected to, and what an answer may be."""

from collections.abc import Callable

import httpx
import pytest

from service.errors import PictureNotFetched
from service.fetching.fetcher import FetchRules, PictureFetcher
from service.predict.uploads import Upload
from service.web.public_addresses import is_public
from worker.pictures.pixels import PictureTooLarge

pytestmark = pytest.mark.anyio

RULES = FetchRules(is_enabled=True, max_picture_bytes=1000, max_request_bytes=1500, timeout_s=5)
PUBLIC = "93.184.215.14"
NAMES = {"pictures.example": PUBLIC, "inside.example": "10.0.0.7", "both.example": PUBLIC, "127.0.0.1": "127.0.0.1"}
Answer = Callable[[httpx.Request], httpx.Response]


async def resolve(host: str, port: int) -> list[str]:
    """What names mean in these tests; `both.example` has a private address beside its public one."""
    assert port in {80, 443, 8080}
    if host not in NAMES:
        raise OSError
    return [NAMES[host], "192.168.1.1"] if host == "both.example" else [NAMES[host]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[httpx.Request]]:
    """Lets a function answer instead of the network; returns the requests it got."""

    def answer_by(answer: Answer) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        async def handle(self: object, request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return answer(request)

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
        return requests

    return answer_by


def found(data: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(data))


def fetcher(rules: FetchRules = RULES) -> PictureFetcher:
    return PictureFetcher(rules, resolve)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


async def test_the_connection_goes_to_the_checked_address_under_the_name(
    asked: Callable[[Answer], list[httpx.Request]],
) -> None:
    requests = asked(lambda _: found(b"picture"))
    for url in ("https://pictures.example/a.png?b=c", "http://pictures.example:8080/a.png"):
        assert await fetcher().bytes_of(url, 1000) == b"picture"
    first, second = requests
    assert (first.url.host, first.url.raw_path, first.headers["host"]) == (PUBLIC, b"/a.png?b=c", "pictures.example")
    assert first.extensions["sni_hostname"] == "pictures.example"
    assert (second.url.port, second.headers["host"]) == (8080, "pictures.example:8080")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1/", "not public"),
        ("https://inside.example/a.png", "not public"),
        ("https://both.example/a.png", "not public"),
        ("https://unknown.example/a.png", "unknown host"),
        ("ftp://pictures.example/a.png", "expected http"),
        ("file:///etc/passwd", "expected http"),
        ("https://user:word@pictures.example/", "expected http"),
        ("http://[::1", "expected http"),
        ("http://xn--/a.png", "unknown host"),
        ("https://xn--a.example/a.png", "unknown host"),
        ("http://pictures.example:99999/", "expected http"),
        ("http://pictures.example/\ud800", "expected http"),
    ],
)
async def test_urls_that_are_refused_before_anything_is_sent(
    asked: Callable[[Answer], list[httpx.Request]], url: str, words: str
) -> None:
    requests = asked(lambda _: found(b"secret"))
    with pytest.raises(PictureNotFetched, match=words):
        await fetcher().bytes_of(url, 1000)
    assert requests == []


async def test_a_redirect_to_a_name_that_cannot_be_is_refused(asked: Callable[[Answer], list[httpx.Request]]) -> None:
    asked(lambda _: httpx.Response(302, headers={"location": "http://xn--/"}))
    with pytest.raises(PictureNotFetched, match="no URL"):
        await fetcher().bytes_of("https://pictures.example/a.png", 1000)


@pytest.mark.parametrize("target", ["http://127.0.0.1/secret", "//inside.example/", "https://both.example/"])
async def test_a_redirect_to_a_private_address_is_refused(
    asked: Callable[[Answer], list[httpx.Request]], target: str
) -> None:
    requests = asked(lambda _: httpx.Response(302, headers={"location": target}))
    with pytest.raises(PictureNotFetched, match="not public"):
        await fetcher().bytes_of("https://pictures.example/a.png", 1000)
    assert [request.url.host for request in requests] == [PUBLIC]


async def test_redirects_are_followed_a_few_times(asked: Callable[[Answer], list[httpx.Request]]) -> None:
    def once(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/b.png":
            return found(b"b")
        return httpx.Response(301, headers={"location": "/b.png"})

    asked(once)
    assert await fetcher().bytes_of("https://pictures.example/a.png", 1000) == b"b"
    requests = asked(lambda _: httpx.Response(307, headers={"location": "/a.png"}))
    with pytest.raises(PictureNotFetched, match="too often"):
        await fetcher().bytes_of("https://pictures.example/a.png", 1000)
    assert len(requests) == 4


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (httpx.Response(404), PictureNotFetched, "answered 404"),
        (found(b"x" * 1001), PictureTooLarge, "at most 1000 bytes"),
        (httpx.Response(200, headers={"content-encoding": "br"}, content=b""), PictureNotFetched, "compressed"),
    ],
    ids=["missing", "large", "compressed"],
)
async def test_answers_that_are_refused(
    asked: Callable[[Answer], list[httpx.Request]], response: httpx.Response, error: type[Exception], words: str
) -> None:
    asked(lambda _: response)
    with pytest.raises(error, match=words):
        await fetcher().bytes_of("https://pictures.example/a.png", 1000)


async def test_uploads_are_replaced_within_the_budget_of_the_request(
    asked: Callable[[Answer], list[httpx.Request]],
) -> None:
    asked(lambda _: found(b"x" * 900))
    link = "https://pictures.example/a.png"
    first, second, third = await fetcher().fetched(
        [Upload("a", b"", url=link), Upload("b", b"given"), Upload("c", b"", url=link)]
    )
    assert (first.filename, len(first.read()), second.data) == ("a", 900, b"given")
    with pytest.raises(PictureTooLarge):
        third.read()


async def test_a_server_that_does_not_answer_is_a_reason(asked: Callable[[Answer], list[httpx.Request]]) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    asked(refuse)
    (upload,) = await fetcher().fetched([Upload(None, b"", url="http://pictures.example/")])
    with pytest.raises(PictureNotFetched, match="does not answer"):
        upload.read()


async def test_off_by_default_and_said_so(api: httpx.AsyncClient, brightness: object) -> None:
    for body in ({"url": "https://pictures.example/a.png"}, {"images": [{"url": "https://pictures.example/a.png"}]}):
        answer = await api.post("/predict", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "picture_not_fetched")
        assert "CONVSERVE_PICTURE_URLS" in answer.json()["detail"]
    wrong: list[tuple[dict[str, object], list[object]]] = [
        ({"images": [{"url": 5}]}, ["body", "images", 0, "url"]),
        ({"images": [{"url": "x", "b64": "x"}]}, ["body", "images", 0, "b64"]),
    ]
    for faulty, loc in wrong:
        answer = await api.post("/predict", json=faulty)
        assert answer.json()["errors"][0]["loc"] == loc
