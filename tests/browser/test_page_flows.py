"""What people do on the page, on a real server: from an empty one to a model that was looked into and deleted."""

import json
import signal
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.actions import EPOCHS, TRAINING_MS, drop, make_it_short, train
from tests.browser.fake_server import PIXEL
from tests.busy_machine import exit_code, is_within, settings_when_busy
from tests.running import STOP_TIMEOUT_S, Stack, running_stack, submit

TABS = 8
EPOCH_S = 1.0
"""From an event to the screen."""
ADMIN_KEY = "a-key-of-the-teacher"


class SentEpochs(threading.Thread):
    """When the server sent the event of each epoch, by its number."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.at: dict[int, float] = {}

    def run(self) -> None:
        kind = ""
        with httpx.stream("GET", f"{self._url}/events", timeout=None) as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(":")
                kind = value.strip() if name == "event" else kind
                if name == "data" and kind == "epoch":
                    self.at.setdefault(json.loads(value)["epoch"], time.time())
                    if len(self.at) == EPOCHS:
                        return


WATCH_EPOCHS = """() => {
  window.shownAt = {};
  const look = () => {
    const label = document.querySelector("[aria-labelledby=panel-accuracy] [role=img]")?.ariaLabel ?? "";
    const shown = Number(/, (\\d+) epoch/.exec(label)?.[1] ?? 0);
    for (let epoch = 1; epoch <= shown; epoch++) window.shownAt[epoch] ??= Date.now();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def assert_epochs_were_live(page: Page, sent: SentEpochs) -> None:
    sent.join(timeout=10)
    shown = {int(epoch): at / 1000 for epoch, at in page.evaluate("window.shownAt").items()}
    assert shown.keys() == sent.at.keys() == {*range(1, EPOCHS + 1)}
    for epoch, at in shown.items():
        assert is_within(at - sent.at[epoch], EPOCH_S), f"epoch {epoch} was shown {at - sent.at[epoch]:.2f} s later"


def test_from_an_empty_server_to_a_model_and_back(
    page: Page, context: BrowserContext, stack: Stack, api: httpx.Client, console: list[str]
) -> None:
    make_it_short(page, model="clothes")
    sent = SentEpochs(stack.url)
    sent.start()

    # Three clicks to the first prediction; every epoch is on the screen as it comes.
    page.goto(f"{stack.url}/")
    page.evaluate(WATCH_EPOCHS)
    page.get_by_role("button", name="Train a first network").click()
    expect(page.get_by_role("region", name="Accuracy", exact=True)).to_be_visible()
    train(page)
    assert_epochs_were_live(page, sent)
    page.get_by_role("region", name="Accuracy", exact=True).get_by_role("button", name="Table").click()
    expect(page.get_by_role("region", name="Accuracy", exact=True).locator("tbody tr")).to_have_count(EPOCHS)
    page.get_by_role("link", name="Try it on a picture").click()
    answer = page.get_by_role("region", name="Answer", exact=True)
    drop(page, "mine.png", PIXEL)
    expect(page.get_by_role("img", name="Your picture: mine.png")).to_be_visible()
    expect(answer.locator(".said strong")).not_to_be_empty()
    page.get_by_role("button", name="Test picture 0").click()
    expect(page.get_by_role("img", name="test picture 0", exact=False).first).to_be_visible()
    expect(answer.locator(".said strong")).not_to_be_empty()

    # Inside: why, the maps of a layer, and the answer without one of its filters.
    expect(page.get_by_role("img", name="rests on")).to_be_visible()
    page.get_by_role("button", name="Filter 0 of conv2d: on").click()
    expect(page.get_by_text("Without conv2d 0:").locator("strong")).to_contain_text("%")

    # Exactly the mistakes of one cell of the matrix; one of them, looked into.
    page.get_by_role("link", name="About this version").click()
    cell = page.get_by_role("region", name="Confusion matrix").locator("td.wrong button").first
    count = int(cell.inner_text())
    cell.click()
    mistakes = page.get_by_role("list", name="Mistakes").get_by_role("listitem")
    expect(mistakes).to_have_count(count)
    mistakes.first.get_by_role("link").click()
    expect(answer).to_contain_text("it shows")

    # A second version, watched in eight tabs: promoted, rolled back, deleted.
    page.goto(f"{stack.url}/#/model/clothes/1")
    versions = page.get_by_role("region", name="Versions and aliases")
    versions.get_by_role("button", name="Promote version 1").click()
    expect(versions).to_contain_text("champion is this version.")
    page.get_by_role("link", name="Its run").click()
    page.get_by_role("button", name="Run again with another seed").click()
    expect(page.get_by_text("Published as version 1")).to_have_count(0)
    tabs = [context.new_page() for _ in range(TABS - 1)]
    for tab in tabs:
        tab.goto(page.url)
    train(page)
    for tab in tabs:
        train(tab)
        tab.close()
    page.get_by_role("link", name="See the model").click()
    expect(versions).to_contain_text("changes the test accuracy by")
    versions.get_by_role("button", name="Promote version 2").click()
    expect(versions).to_contain_text("champion is this version.")
    assert api.get("/models/clothes/aliases/champion").json()["version"] == 2
    versions.get_by_role("button", name="Roll champion back to version 1").click()
    expect(versions).to_contain_text("champion is version 1 now")
    page.get_by_role("button", name="Delete version 2").click()
    dialog = page.get_by_role("dialog", name="Delete version 2")
    expect(dialog.get_by_role("button", name="Delete version 2")).to_be_disabled()
    dialog.get_by_label("Type clothes to confirm").fill("clothes")
    dialog.get_by_role("button", name="Delete version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    assert api.get("/models/clothes/versions/2").status_code == 404
    assert console == []


def test_a_server_that_was_killed_comes_back_with_keys_for_a_class(
    page: Page, browser: Browser, browser_context_args: dict[str, Any], stack: Stack, api: httpx.Client
) -> None:
    api.post(f"/jobs/{submit(api)['id']}/cancel")
    page.goto(f"{stack.url}/#/")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    expect(rows.first).to_be_visible()
    count = rows.count()
    stack.process.send_signal(signal.SIGKILL)
    exit_code(stack.process, STOP_TIMEOUT_S)
    banner = page.get_by_text("The server does not answer.")
    expect(banner).to_be_visible()
    expect(rows).to_have_count(count)

    port = urlsplit(stack.url).port
    again = settings_when_busy() | {"CONVSERVE_ADMIN_KEY": ADMIN_KEY, "CONVSERVE_PORT": str(port)}
    with running_stack(stack.data_dir, stack.log.with_name("again.txt"), **again):
        sign_in(page, ADMIN_KEY)
        expect(banner).to_have_count(0)
        expect(rows).to_have_count(count)

        # The teacher makes a key, and the student's browser trains with it.
        page.get_by_role("link", name="Class").click()
        page.get_by_label("Name", exact=True).fill("ada")
        page.get_by_role("button", name="Create a key").click()
        key = page.get_by_role("region", name="New key").inner_text()
        student = browser.new_context(**browser_context_args).new_page()
        make_it_short(student, epochs=1000)
        student.goto(f"{stack.url}/#/new")
        sign_in(student, key)
        student.get_by_role("button", name="Start the run").click()
        expect(student.get_by_role("heading", level=1)).to_contain_text("Run ")
        ada = page.get_by_role("region", name="Owners").locator("tbody tr").filter(has_text="ada")
        expect(ada.get_by_role("cell").first).to_have_text("1")
        expect(page.get_by_role("group", name="The server now")).to_contain_text("by ada")
        student.locator("main").get_by_role("button", name="Cancel").click()
        expect(student.locator(".progress-line")).to_contain_text("Cancelled", timeout=TRAINING_MS)
        student.get_by_role("link", name="Class").click()
        expect(student.get_by_role("region", name="Your key")).to_contain_text("You are ada")
        expect(student.get_by_role("region", name="Keys")).to_have_count(0)

        # A key that was revoked opens nothing any more; the stream of events tells the page.
        page.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog", name="Revoke").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("region", name="Keys").last.get_by_text("revoked")).to_be_visible()
        expect(student.get_by_role("dialog", name="Sign in")).to_contain_text("does not know this key")
        student.context.close()


def sign_in(page: Page, key: str) -> None:
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_contain_text("This server asks for a key.")
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
