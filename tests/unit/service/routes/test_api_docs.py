"""The interactive documentation: no CDN, dark where the reader is, and a way back to the page."""

import re

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_the_documentation_is_dark_in_the_dark_and_leads_back(api: httpx.AsyncClient) -> None:
    page = (await api.get("/docs")).text
    assert "prefers-color-scheme: dark" in page
    assert '<a class="back" href="/">' in page


async def test_the_documentation_needs_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    page = (await api.get("/docs")).text
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", page)
    for asset in re.findall(r"""(?:src|href)\s*=\s*["'](/docs-assets/[^"']+)""", page):
        assert (await api.get(asset)).status_code == 200
