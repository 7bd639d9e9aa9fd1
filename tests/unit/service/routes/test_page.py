"""The web page: self-contained, no other script can run on it, and the API works without it."""

import gzip
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.routes import page

pytestmark = pytest.mark.anyio

START = """<!doctype html>
<link rel="stylesheet" href="page/style-AB12.css">
<script type="module" src="page/page-AB12.js"></script>
"""
SCRIPT = b"console.log('a page');" * 20


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small bundle in the place of the one that `make page` builds."""
    for name, content in {"index.html": START.encode(), "page-AB12.js": SCRIPT, "style-AB12.css": b"p{}"}.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(page, "BUNDLE", tmp_path)
    page.bundle.cache_clear()
    yield tmp_path
    page.bundle.cache_clear()


@pytest.mark.usefixtures("bundle")
async def test_the_page_needs_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    response = await api.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", response.text)
    assert "innerHTML" not in response.text


@pytest.mark.usefixtures("bundle")
async def test_only_scripts_and_styles_of_this_server_may_run(api: httpx.AsyncClient) -> None:
    response = await api.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"\son\w+=|\sstyle=|<script>|<style>", response.text)


def test_no_source_of_the_page_parses_text_as_markup_or_names_another_server() -> None:
    sources = Path(page.__file__).parents[1] / "page"
    files = {path: path.read_text() for kind in ("*.js", "*.css", "*.html") for path in sources.rglob(kind)}
    assert files
    for path, text in files.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), path
        assert not re.search(r"https?://(?!www\.w3\.org)", text), path


@pytest.mark.usefixtures("bundle")
async def test_a_file_with_a_hash_in_its_name_is_kept_for_ever(api: httpx.AsyncClient) -> None:
    script = await api.get("/page/page-AB12.js")
    assert script.content == SCRIPT
    assert script.headers["Content-Encoding"] == "gzip"
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["Cache-Control"]
    assert (await api.get("/")).headers["Cache-Control"] == "no-cache"


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("path", ["/", "/page/page-AB12.js"])
async def test_what_a_browser_has_is_not_sent_again(api: httpx.AsyncClient, path: str) -> None:
    etag = (await api.get(path)).headers["ETag"]
    again = await api.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert (await api.get(path, headers={"If-None-Match": '"another"'})).status_code == 200


@pytest.mark.usefixtures("bundle")
async def test_a_client_without_gzip_gets_the_file_as_it_is(api: httpx.AsyncClient) -> None:
    script = await api.get("/page/page-AB12.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in script.headers
    assert script.content == SCRIPT


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("file", ["nothing.js", "..%2Fpage.py", "index.html.gz"])
async def test_nothing_but_the_bundle_is_served(api: httpx.AsyncClient, file: str) -> None:
    assert (await api.get(f"/page/{file}")).status_code == 404


async def test_without_a_bundle_the_api_says_so_and_works(
    bundle: Path, api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    (bundle / "index.html").unlink()
    page.bundle.cache_clear()
    with caplog.at_level(logging.WARNING):
        response = await api.get("/")
    assert response.status_code == 200
    assert "make page" in response.text
    assert len([record for record in caplog.records if "make page" in record.message]) == 1
    assert (await api.get("/models")).status_code == 200
