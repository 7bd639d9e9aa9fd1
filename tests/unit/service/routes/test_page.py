"""The web page: self-contained, and no other script can run on it."""

import re

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_the_page_needs_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    response = await api.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", response.text)
    assert "innerHTML" not in response.text


async def test_only_the_page_s_own_script_and_style_may_run(api: httpx.AsyncClient) -> None:
    response = await api.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2
    assert response.text.count("<script") == response.text.count("<style") == 1
    assert not re.search(r"\son\w+=|\sstyle=", response.text)
