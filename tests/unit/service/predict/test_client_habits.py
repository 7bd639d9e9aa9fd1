"""Pictures as ordinary programs send them: by PUT, without a type, wrapped, in a URL, behind a preamble."""

import base64
import io
from collections.abc import AsyncIterator

import httpx
import pytest
from PIL import Image

from service.web.base64_text import decode_base64
from service.web.multipart import MAX_PREAMBLE_BYTES
from tests.unit.service.predict.test_uploads import FORM_HEADERS, answer, disposition, form
from tests.unit.service.tiny_networks import grey_picture

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("brightness")]

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
BYTES = bytes(range(256)) * 2


def saved(picture_format: str) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(grey_picture(6))).convert("RGB").save(file, picture_format)
    return file.getvalue()


async def bytewise(data: bytes) -> AsyncIterator[bytes]:
    for n in range(len(data)):
        yield data[n : n + 1]


@pytest.mark.parametrize("headers", [{}, URLENCODED], ids=["no type", "curl's type"])
@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP", "BMP"])
async def test_a_picture_without_a_useful_type_is_recognised(
    api: httpx.AsyncClient, headers: dict[str, str], picture_format: str
) -> None:
    data = saved(picture_format)
    assert await answer(await api.post("/predict", content=data, headers=headers)) == 6
    assert await answer(await api.post("/predict", content=bytewise(data), headers=headers)) == 6


@pytest.mark.parametrize("headers", [{}, URLENCODED], ids=["no type", "curl's type"])
async def test_json_without_a_useful_type_is_recognised(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    body = b'\n {"images": [{"b64": "%b"}]}' % base64.b64encode(grey_picture(3))
    assert await answer(await api.post("/predict", content=body, headers=headers)) == 3
    broken = await api.post("/predict", content=b"{", headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "json_invalid")


@pytest.mark.parametrize("headers", [{}, URLENCODED], ids=["no type", "curl's type"])
async def test_an_empty_body_without_a_type_is_called_empty(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await api.post("/predict", headers=headers)
    assert response.status_code == 422
    assert "empty" in response.json()["detail"]


@pytest.mark.parametrize("body", [b"file=shoe.png", b"[1]", b"GIF89a" + bytes(80), b"P"])
async def test_what_is_not_recognised_is_415_and_says_how(api: httpx.AsyncClient, body: bytes) -> None:
    response = await api.put("/predict", content=body)
    assert (response.status_code, response.json()["code"]) == (415, "content_type_unsupported")
    assert "-F file=@" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/predict", "/models/brightness/predict", "/models/brightness/versions/1/predict"])
async def test_put_is_answered_like_post(api: httpx.AsyncClient, path: str) -> None:
    post = await api.post(path, content=grey_picture(5))
    put = await api.put(path, content=grey_picture(5))
    assert put.status_code == 200
    assert put.content == post.content


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(BYTES).decode(),
        base64.encodebytes(BYTES).decode(),
        base64.encodebytes(BYTES).decode().replace("\n", "\r\n\t"),
        base64.urlsafe_b64encode(BYTES).decode(),
        base64.urlsafe_b64encode(BYTES).decode().rstrip("="),
        "data:image/png;base64," + base64.b64encode(BYTES).decode(),
        "data:;base64,\n" + base64.encodebytes(BYTES).decode(),
        "DATA:image/svg+xml;charset=utf-8;BASE64," + base64.b64encode(BYTES).decode().replace("+", "%2B"),
    ],
)
def test_base64_is_read_as_programs_write_it(text: str) -> None:
    assert decode_base64(text) == BYTES


@pytest.mark.parametrize(
    "text", ["§", "AAAAA", "AA=A", "AA==AA==", "data:image/png,AAAA", "data:;base64,%zz", "A A A.A"]
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of two modules
        decode_base64(text)


async def test_a_picture_of_a_page_is_sent_as_its_url(api: httpx.AsyncClient) -> None:
    url = "data:image/png;base64," + base64.b64encode(grey_picture(8)).decode()
    assert await answer(await api.post("/predict", json={"images": [{"b64": url}]})) == 8


async def test_a_picture_that_is_too_large_is_refused_in_base64_too(api: httpx.AsyncClient) -> None:
    images = [{"b64": base64.encodebytes(grey_picture(1) + bytes(50_000)).decode()}]
    response = await api.post("/predict", json={"images": images})
    assert (response.status_code, response.json()["code"]) == (413, "picture_too_large")


FORM = form((disposition(), grey_picture(6)))


@pytest.mark.parametrize("note", [b"\r\n", b"This is a multi-part message.\r\n", b"--a\r\n\r\n", b"x" * 8000 + b"\r\n"])
async def test_a_note_before_the_first_boundary_is_skipped(api: httpx.AsyncClient, note: bytes) -> None:
    assert await answer(await api.post("/predict", content=note + FORM, headers=FORM_HEADERS)) == 6
    assert await answer(await api.post("/predict", content=bytewise(note + FORM), headers=FORM_HEADERS)) == 6


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"x" * MAX_PREAMBLE_BYTES + b"\r\n" + FORM, "well-formed"),
        (b"a note and no form at all", "well-formed"),
        (b"a boundary within a line " + FORM, "empty"),
    ],
    ids=["too long", "no boundary", "no line break"],
)
async def test_a_note_without_a_form_behind_it_is_refused(api: httpx.AsyncClient, body: bytes, words: str) -> None:
    response = await api.post("/predict", content=body, headers=FORM_HEADERS)
    assert (response.status_code, response.json()["code"]) == (422, "upload_invalid")
    assert words in response.json()["detail"]
