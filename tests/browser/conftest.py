"""A real browser: the machine's chromium. Where it or the bundle is missing, these tests are skipped, and say so."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.browser.fake_server import ORIGIN, FakeServer
from tests.busy_machine import settings_when_busy
from tests.paths import PROJECT
from tests.running import Stack, running_stack

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BUNDLE = PROJECT / "service" / "static" / "index.html"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
MISSING = "the page is NOT tested: {}"
THAT_TRAIN = {"test_page_flows.py", "test_page_lessons.py"}
TIMEOUT_MS = 20_000
"""For a busy machine; what is fast is measured by the tests themselves."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the page last: the event loop of Playwright stays, and other tests could not start theirs."""
    here = Path(__file__).parent
    # Of these, those first that train: they take longest, and several processes share the files.
    items.sort(
        key=lambda item: (here in item.path.parents, here in item.path.parents and item.path.name not in THAT_TRAIN)
    )
    reason = None
    if CHROMIUM is None:
        reason = MISSING.format("there is no chromium (`apt-get install chromium`)")
    elif not BUNDLE.exists():
        reason = MISSING.format("there is no bundle (`make page`)")
    if reason is None:
        return
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return browser_type_launch_args | {"executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def base_url() -> str:
    return ORIGIN


@pytest.fixture(autouse=True)
def _patience(context: BrowserContext) -> None:
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture
def console(page: Page) -> list[str]:
    """What the page writes to the console, and its requests to other servers: nothing, normally."""
    messages: list[str] = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text} {message.location['url']}"))
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    page.on("request", lambda request: messages.extend([request.url] if _is_elsewhere(request.url) else []))
    return messages


def _is_elsewhere(url: str) -> bool:
    return not url.startswith((ORIGIN, "http://127.0.0.1", "blob:", "data:"))


@pytest.fixture
def fake(context: BrowserContext) -> Iterator[FakeServer]:
    """The bundle, and answers that the test chooses. Nothing else runs."""
    server = FakeServer(BUNDLE.parent)
    context.route(f"{ORIGIN}/**", server.answer)
    yield server
    for route in [*server.streams, *(route for held in server.held.values() for route, _ in held)]:
        with contextlib.suppress(Error):
            route.abort()
    context.unroute_all(behavior="ignoreErrors")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A real server, empty at first; each file has one, so that they can run side by side."""
    data_dir = tmp_path_factory.mktemp("browser")
    with running_stack(data_dir / "data", log=data_dir / "log.txt", **settings_when_busy()) as running:
        yield running


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client
