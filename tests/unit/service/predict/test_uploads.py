"""Every way to send pictures, and every way to get it wrong."""

import base64
import io
import struct
import zlib
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.unit.service.tiny_networks import CLASSES, N_CLASSES, encode, grey_picture

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("brightness")]

BOUNDARY = "a-boundary"
FORM_HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(*parts: tuple[str, bytes]) -> bytes:
    """A form of parts given as header lines and bytes."""
    chunks = [f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + data + b"\r\n" for headers, data in parts]
    return b"".join(chunks) + f"--{BOUNDARY}--\r\n".encode()


def disposition(name: str = "file", filename: str | None = "a.png") -> str:
    extra = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{extra}'


def cut_picture() -> bytes:
    """The first half of a picture that does not compress."""
    whole = encode(Image.effect_noise((64, 64), 90))
    return whole[: len(whole) // 2]


def png_header(width: int, height: int) -> bytes:
    """The beginning of a 1-bit PNG of this size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\1\0IDAT"


async def answer(response: httpx.Response) -> int:
    assert response.status_code == 200, response.text
    index = response.json()["predictions"][0]["class_index"]
    assert isinstance(index, int)
    return index


async def test_a_form_with_one_file_is_answered_as_the_contract_says(api: httpx.AsyncClient) -> None:
    response = await api.post("/predict", files={"file": ("boot.png", grey_picture(7))})
    assert response.status_code == 200
    body = response.json()
    assert (body["model"], body["version"]) == ("brightness", 1)
    (prediction,) = body["predictions"]
    assert prediction["filename"] == "boot.png"
    assert prediction["label"] == CLASSES[7]
    assert prediction["class_index"] == 7
    assert len(prediction["top_k"]) == 5
    assert prediction["top_k"][0] == {key: prediction[key] for key in ("label", "class_index", "probability")}
    shares = [entry["probability"] for entry in prediction["top_k"]]
    assert shares == sorted(shares, reverse=True)
    assert 0.5 < shares[0] <= 1


async def test_the_field_file_may_be_repeated_and_answers_keep_the_order(api: httpx.AsyncClient) -> None:
    files = [("file", (f"{tenth}.png", grey_picture(tenth))) for tenth in (3, 9, 0, 5)]
    predictions = (await api.post("/predict", files=files)).json()["predictions"]
    assert [(p["filename"], p["class_index"]) for p in predictions] == [
        ("3.png", 3),
        ("9.png", 9),
        ("0.png", 0),
        ("5.png", 5),
    ]


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "IMAGE/PNG; a=b", "application/octet-stream"])
async def test_the_body_may_be_the_picture_itself(api: httpx.AsyncClient, content_type: str) -> None:
    response = await api.post("/predict", content=grey_picture(4), headers={"Content-Type": content_type})
    assert await answer(response) == 4
    assert response.json()["predictions"][0]["filename"] is None


async def test_pictures_may_come_as_json(api: httpx.AsyncClient) -> None:
    images = [
        {"b64": base64.b64encode(grey_picture(2)).decode(), "filename": "two.png"},
        {"b64": base64.b64encode(grey_picture(8)).decode()},
    ]
    predictions = (await api.post("/predict", json={"images": images})).json()["predictions"]
    assert [(p["filename"], p["class_index"]) for p in predictions] == [("two.png", 2), (None, 8)]


async def test_a_part_without_a_filename_is_a_picture_too(api: httpx.AsyncClient) -> None:
    body = form((disposition(filename=None), grey_picture(6)))
    assert await answer(await api.post("/predict", content=body, headers=FORM_HEADERS)) == 6


async def test_a_form_may_come_byte_by_byte(api: httpx.AsyncClient) -> None:
    body = form((disposition(), grey_picture(1)), (disposition(), grey_picture(8)))

    async def bytewise() -> AsyncIterator[bytes]:
        for position in range(len(body)):
            yield body[position : position + 1]

    response = await api.post("/predict", content=bytewise(), headers=FORM_HEADERS)
    assert [p["class_index"] for p in response.json()["predictions"]] == [1, 8]


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP", "BMP"])
async def test_every_format_gives_the_same_answer(api: httpx.AsyncClient, picture_format: str) -> None:
    response = await api.post("/predict", files={"file": ("x", grey_picture(5, picture_format))})
    assert await answer(response) == 5


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16"])
async def test_every_colour_mode_gives_the_same_answer(api: httpx.AsyncClient, mode: str) -> None:
    if mode == "I;16":
        level = round(65535 * 5 / (N_CLASSES - 1))
        picture = encode(Image.fromarray(np.full((8, 8), level, np.uint16)))
    else:
        picture = grey_picture(5, mode=mode)
    assert await answer(await api.post("/predict", files={"file": ("x.png", picture)})) == 5


async def test_cmyk_gives_the_same_answer(api: httpx.AsyncClient) -> None:
    response = await api.post("/predict", files={"file": ("x.jpg", grey_picture(5, "JPEG", mode="CMYK"))})
    assert await answer(response) == 5


async def test_a_transparent_picture_lies_on_one_background(api: httpx.AsyncClient) -> None:
    clear_black = encode(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))
    clear_white = encode(Image.new("RGBA", (8, 8), (255, 255, 255, 0)))
    files = [("file", ("a.png", clear_black)), ("file", ("b.png", clear_white))]
    predictions = (await api.post("/predict", files=files)).json()["predictions"]
    assert predictions[0]["class_index"] == predictions[1]["class_index"]


async def test_exif_orientation_does_not_change_the_answer(api: httpx.AsyncClient) -> None:
    picture = Image.open(io.BytesIO(grey_picture(5)))
    files = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files.append(("file", (f"{orientation}.jpg", encode(picture, "JPEG", exif=exif))))
    predictions = (await api.post("/predict", files=files)).json()["predictions"]
    assert {p["class_index"] for p in predictions} == {5}


async def test_a_bad_picture_in_a_batch_gets_its_own_error_and_its_mates_their_answers(
    api: httpx.AsyncClient,
) -> None:
    files = [
        ("file", ("good.png", grey_picture(1))),
        ("file", ("text.png", b"not a picture")),
        ("file", ("cut.png", cut_picture())),
        ("file", ("large.bmp", encode(Image.new("RGB", (200, 200)), "BMP"))),
        ("file", ("also-good.png", grey_picture(9))),
    ]
    response = await api.post("/predict", files=files)
    assert response.status_code == 200
    good, text, cut, large, also_good = response.json()["predictions"]
    assert (good["class_index"], also_good["class_index"]) == (1, 9)
    assert (text["filename"], text["error"]["code"]) == ("text.png", "picture_format_unsupported")
    assert cut["error"]["code"] == "picture_invalid"
    assert large["error"]["code"] == "picture_too_large"
    assert "label" not in text


async def test_a_batch_of_bad_pictures_is_still_answered(api: httpx.AsyncClient) -> None:
    response = await api.post("/predict", files=[("file", ("a", b"x")), ("file", ("b", b""))])
    assert response.status_code == 200
    assert all("error" in prediction for prediction in response.json()["predictions"])


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        (b"not a picture", 415, "picture_format_unsupported"),
        (b"GIF89a" + bytes(40), 415, "picture_format_unsupported"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "picture_format_unsupported"),
        (cut_picture(), 422, "picture_invalid"),
        (encode(Image.new("RGB", (200, 200)), "BMP"), 413, "picture_too_large"),
        (png_header(50_000, 50_000), 413, "picture_too_large"),
    ],
    ids=["text", "gif", "eps", "cut png", "too many bytes", "too many pixels"],
)
async def test_a_single_bad_picture_is_the_error(
    api: httpx.AsyncClient, picture: bytes, status: int, code: str
) -> None:
    response = await api.post("/predict", files={"file": ("x.png", picture)})
    assert response.status_code == status, response.text
    assert response.json()["code"] == code


async def test_base64_that_is_none_belongs_to_its_picture(api: httpx.AsyncClient) -> None:
    good = base64.b64encode(grey_picture(1)).decode()
    images = [{"b64": "§§§", "filename": "bad"}, {"b64": good}]
    bad, fine = (await api.post("/predict", json={"images": images})).json()["predictions"]
    assert bad["error"]["code"] == "picture_invalid"
    assert fine["class_index"] == 1
    alone = await api.post("/predict", json={"images": images[:1]})
    assert alone.status_code == 422


@pytest.mark.parametrize(
    ("content_type", "came"),
    [
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("text/plain", "text/plain"),
        (None, "none"),
    ],
)
async def test_another_content_type_is_told_what_is_expected_and_what_came(
    api: httpx.AsyncClient, content_type: str | None, came: str
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await api.post("/predict", content=b"file=" + grey_picture(1), headers=headers)
    assert response.status_code == 415
    assert response.json()["code"] == "content_type_unsupported"
    for words in ("multipart/form-data", "'file'", "image/*", "application/json", f"got {came}"):
        assert words in response.json()["detail"]


@pytest.mark.parametrize("content_type", ["image/png", "application/json"])
async def test_an_empty_body_is_refused(api: httpx.AsyncClient, content_type: str) -> None:
    response = await api.post("/predict", content=b"", headers={"Content-Type": content_type})
    assert response.status_code == 422
    assert "empty" in response.json()["detail"]


async def test_compressed_bodies_are_refused(api: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    response = await api.post("/predict", content=b"\x1f\x8b", headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"images": []},
        {"images": "x"},
        {"images": [{}]},
        {"images": [{"b64": 5}]},
        {"images": [{"b64": "", "name": "x"}]},
        {"instances": []},
    ],
)
async def test_json_of_another_shape_is_refused_by_place(api: httpx.AsyncClient, body: object) -> None:
    response = await api.post("/predict", json=body)
    assert response.status_code == 422
    problem = response.json()
    assert problem["code"] == "validation_failed"
    assert problem["errors"][0]["loc"][0] == "body"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([(disposition("image"), b"x")], ["'image'", "'file'"]),
        ([(disposition("model", None), b"x"), (disposition(), b"x")], ["'model'", "query"]),
        ([("Content-Type: image/png", b"x")], ["'file'"]),
        ([(disposition() + "\r\nX-Long: " + "x" * 9000, b"x")], ["form"]),
        ([(disposition() + "".join(f"\r\nX-{n}: y" for n in range(2000)), b"x")], ["form"]),
        ([], ["'file'"]),
    ],
    ids=["other field", "text field", "no name", "long header", "many headers", "no part"],
)
async def test_a_form_that_does_not_fit_is_told_why(
    api: httpx.AsyncClient, parts: list[tuple[str, bytes]], words: list[str]
) -> None:
    response = await api.post("/predict", content=form(*parts), headers=FORM_HEADERS)
    assert response.status_code == 422
    assert response.json()["code"] == "upload_invalid"
    for word in words:
        assert word in response.json()["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 5000}"],
)
async def test_a_form_needs_a_usable_boundary(api: httpx.AsyncClient, content_type: str) -> None:
    response = await api.post("/predict", content=form(), headers={"Content-Type": content_type})
    assert response.status_code == 422
    assert "boundary" in response.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"garbage", form((disposition(), grey_picture(1)))[:-10]])
async def test_a_form_that_is_cut_short_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    response = await api.post("/predict", content=body, headers=FORM_HEADERS)
    assert response.status_code == 422
    assert response.json()["code"] == "upload_invalid"


async def test_more_pictures_than_allowed_are_refused(api: httpx.AsyncClient) -> None:
    files = [("file", ("x.png", grey_picture(1)))] * 9
    as_form = await api.post("/predict", files=files)
    encoded = base64.b64encode(grey_picture(1)).decode()
    as_json = await api.post("/predict", json={"images": [{"b64": encoded}] * 9})
    for response in (as_form, as_json):
        assert response.status_code == 413
        assert response.json()["code"] == "too_many_pictures"
        assert "8" in response.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "start", "code", "most"),
    [
        ("image/png", b"", "picture_too_large", 70_000),
        ("application/json", b'{"images": [{"b64": "', "body_too_large", 220_000),
        (FORM_HEADERS["Content-Type"], form((disposition(), b""))[:-16], "body_too_large", 220_000),
    ],
    ids=["raw", "json", "form"],
)
async def test_a_body_is_counted_whatever_its_length_claims(
    api: httpx.AsyncClient, content_type: str, start: bytes, code: str, most: int
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield start
        while True:
            sent += 10_000
            yield b"A" * 10_000

    headers = {"Content-Type": content_type, "Content-Length": "10"}
    response = await api.post("/predict", content=endless(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, code)
    assert sent <= most


async def test_an_announced_giant_is_refused_before_it_is_read(api: httpx.AsyncClient) -> None:
    was_read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal was_read
        was_read = True
        yield b"x"

    headers = {"Content-Type": "image/png", "Content-Length": "1000000000000"}
    response = await api.post("/predict", content=body(), headers=headers)
    assert response.status_code == 413
    assert not was_read


async def test_filenames_come_back_without_their_directories_or_control_characters(api: httpx.AsyncClient) -> None:
    files = [
        ("file", ("../../etc/passwd", grey_picture(1))),
        ("file", ("C:\\\\pictures\\\\boot.png", grey_picture(1))),
        ("file", ("x" * 400, grey_picture(1))),
    ]
    predictions = (await api.post("/predict", files=files)).json()["predictions"]
    assert [p["filename"] for p in predictions] == ["passwd", "boot.png", "x" * 255]
    images = [{"b64": base64.b64encode(grey_picture(1)).decode(), "filename": "a\u0000\u001b[31m\u202eb"}]
    (prediction,) = (await api.post("/predict", json={"images": images})).json()["predictions"]
    assert prediction["filename"] == "a[31mb"


async def test_nothing_behind_the_picture_is_looked_at(api: httpx.AsyncClient) -> None:
    polyglot = grey_picture(3, "JPEG") + b"PK\x03\x04<script>alert(1)</script>"
    response = await api.post("/predict", files={"file": ("x.jpg", polyglot)})
    assert await answer(response) == 3
    assert "script" not in response.text
    assert response.headers["X-Content-Type-Options"] == "nosniff"
