"""A real browser: the machine's chromium. Where it or the bundle is missing, these tests are skipped, and say so."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.browser.fake_server import ORIGIN, FakeServer
from tests.busy_machine import settings_when_busy
from tests.paths import PROJECT
from tests.running import Stack, running_stack

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is the same browser without windows: the tests take two thirds of the processor time in it."""
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
BUNDLE = PROJECT / "service" / "static" / "index.html"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
MISSING = "the page is NOT tested: {}"
THAT_TRAIN = {"test_page_flows.py", "test_page_lessons.py"}
DESK = (1400, 900)
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
    return browser_context_args | {"viewport": {"width": DESK[0], "height": DESK[1]}, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def base_url() -> str:
    return ORIGIN


class SharedContext:
    """The context, and in it the tab, of all tests that ask the server that exists only in a test.

    A browser takes a second of processor time for a new context, a tab in it, and the page's scripts; in a tab that is
    there it takes half of that. `leave` makes the tab as good as new.
    """

    def __init__(self, browser: Browser, arguments: dict[str, Any]) -> None:
        self._browser = browser
        self._arguments = arguments
        self.context: BrowserContext | None = None

    def enter(self) -> BrowserContext:
        """The context with its one tab."""
        if self.context is None:
            self.context = self._browser.new_context(**self._arguments)
            self.context.new_page()
        return self.context

    def leave(self, context: BrowserContext) -> None:
        """Forget everything that the test has left; a context that does not obey is closed."""
        try:
            tab, *others = context.pages
            for other in others:
                other.close()
            if tab.url.startswith(ORIGIN):
                tab.evaluate("localStorage.clear(); sessionStorage.clear()")
            tab.goto("about:blank")
            tab.emulate_media(color_scheme=None)
            tab.set_viewport_size({"width": DESK[0], "height": DESK[1]})
            tab.mouse.move(0, 0)
            context.clear_cookies()
        except (Error, ValueError):
            self.close()

    def close(self) -> None:
        """The next test gets another context."""
        if self.context is not None:
            with contextlib.suppress(Error):
                self.context.close()
            self.context = None


@pytest.fixture(scope="session")
def shared_context(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[SharedContext]:
    shared = SharedContext(browser, browser_context_args)
    yield shared
    shared.close()


@pytest.fixture
def context(request: pytest.FixtureRequest) -> BrowserContext:
    """A new one for tests with a real server."""
    if "fake" in request.fixturenames:
        shared: SharedContext = request.getfixturevalue("shared_context")
        return shared.enter()
    own: BrowserContext = request.getfixturevalue("new_context")()
    return own


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.pages[0] if context.pages else context.new_page()


@pytest.fixture(autouse=True)
def _patience(context: BrowserContext) -> None:
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture
def console(page: Page) -> Iterator[list[str]]:
    """What the page writes to the console, and its requests to other servers: nothing, normally."""
    messages: list[str] = []
    listeners: dict[Any, Callable[[Any], None]] = {
        "console": lambda message: messages.append(f"{message.type}: {message.text} {message.location['url']}"),
        "pageerror": lambda error: messages.append(f"error: {error}"),
        "request": lambda request: messages.extend([request.url] if _is_elsewhere(request.url) else []),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield messages
    for event, listener in listeners.items():
        page.remove_listener(event, listener)


def _is_elsewhere(url: str) -> bool:
    return not url.startswith((ORIGIN, "http://127.0.0.1", "blob:", "data:"))


@pytest.fixture
def fake(context: BrowserContext, shared_context: SharedContext) -> Iterator[FakeServer]:
    """The bundle, and answers that the test chooses. Nothing else runs."""
    server = FakeServer(BUNDLE.parent)
    context.route(f"{ORIGIN}/**", server.answer)
    yield server
    shared_context.leave(context)
    for route in [*server.streams, *(route for held in server.held.values() for route, _ in held)]:
        with contextlib.suppress(Error):
            route.abort()
    with contextlib.suppress(Error):
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
