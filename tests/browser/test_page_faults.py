"""Faults that the page before this one had: each is a test of the new one. The server exists only in the test."""

import re
import time

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.fake_server import LONG_NAME, ORIGIN, PIXEL, FakeServer, job, jobs_of, predicted, version
from tests.busy_machine import is_within

LOOK = f"{ORIGIN}/#/look/clothes/1"


def give(page: Page, name: str) -> None:
    page.get_by_label("Picture file").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": PIXEL + name.encode()}
    )


def test_a_slow_answer_for_an_earlier_picture_never_replaces_a_later_one(page: Page, fake: FakeServer) -> None:
    fake.answers["POST /models/clothes/versions/1/predict"] = lambda _, body: predicted(
        "Trouser" if b"slow" in body else "Dress"
    )
    fake.to_hold = lambda path, body: path.endswith("/predict") and b"slow" in body
    page.goto(LOOK)
    give(page, "slow.png")
    held = fake.held["/models/clothes/versions/1/predict"]
    while not held:
        page.wait_for_timeout(20)
    give(page, "fast.png")
    answer = page.get_by_role("region", name="Answer", exact=True)
    expect(answer.locator(".said")).to_contain_text("Dress")
    while held:
        fake.release("/models/clothes/versions/1/predict")
    page.wait_for_timeout(100)
    expect(answer.locator(".said")).to_contain_text("Dress")


def test_another_model_classifies_the_same_picture_at_once(page: Page, fake: FakeServer) -> None:
    fake.answers["POST /models/clothes/versions/2/predict"] = predicted("Trouser", number=2)
    page.goto(LOOK)
    give(page, "a.png")
    answer = page.get_by_role("region", name="Answer", exact=True)
    expect(answer.locator(".said")).to_contain_text("Dress")
    page.get_by_role("combobox", name="Version").select_option("2")
    expect(answer.locator(".said")).to_contain_text("Trouser")


def test_the_running_job_is_on_the_page_when_200_wait(page: Page, fake: FakeServer) -> None:
    waiting = [job(number, "queued") for number in range(200, 0, -1)]
    fake.answers["/jobs"] = jobs_of([*waiting, job(500, "running", LONG_NAME)])
    page.goto(f"{ORIGIN}/#/")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    expect(rows.first).to_contain_text(LONG_NAME)
    expect(rows).to_have_count(201)
    strip = page.get_by_role("group", name="The server now")
    expect(strip).to_contain_text(LONG_NAME)
    expect(strip).to_contain_text("200 waiting")


def test_focus_selection_and_ticks_survive_what_comes_in(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/")
    search = page.get_by_label("Find")
    search.fill("clothes")
    search.select_text()
    page.get_by_label("Choose clothes, job000002").check()
    search.focus()
    before = fake.count("GET /jobs?view=row&limit")
    fake.answers["/jobs"] = jobs_of([job(11, "running", "clothes-new"), *(job(n) for n in (2, 1))])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    runs = page.get_by_role("region", name="Runs")
    expect(runs.get_by_role("link", name="clothes-new")).to_be_visible()
    assert fake.count("GET /jobs?view=row&limit") > before
    assert page.evaluate("document.activeElement.type") == "search"
    expect(page.get_by_label("Choose clothes, job000002")).to_be_checked()
    assert page.evaluate("document.activeElement.selectionEnd - document.activeElement.selectionStart") == len(
        "clothes"
    )


def epoch(number: int, accuracy: float, loss: float = 0.5) -> tuple[str, dict[str, object]]:
    numbers = {"loss": 0.5, "accuracy": accuracy, "val_loss": loss, "val_accuracy": accuracy}
    return "epoch", {"job": "job000009", "epoch": number, **numbers}


def test_every_epoch_is_shown_also_those_that_come_together(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/run/job000009")
    panel = page.get_by_role("region", name="Accuracy", exact=True)
    panel.get_by_role("button", name="Table").click()
    expect(panel.locator("tbody tr")).to_have_count(4)
    strip = page.get_by_role("group", name="The server now")
    expect(strip).to_contain_text("epoch 4 of 8")
    fake.to_hold = lambda path, _: path in ("/jobs", "/jobs/job000009")  # only the stream can bring what comes now
    began = time.monotonic()
    fake.send_events(epoch(5, 0.91), epoch(6, 0.92), epoch(7, 0.93))
    expect(panel.locator("tbody tr")).to_have_count(7)
    assert is_within(time.monotonic() - began, 1.0)
    expect(panel).to_contain_text("93.0 %")
    expect(strip).to_contain_text("epoch 7 of 8")


def test_the_best_epoch_is_marked_as_it_comes(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/run/job000009")
    panel = page.get_by_role("region", name="Loss", exact=True)
    expect(panel).to_contain_text("Best epoch: 4, by validation loss.")
    fake.to_hold = lambda path, _: path == "/jobs/job000009"  # only the stream can bring what comes now
    fake.send_events(epoch(5, 0.91, loss=0.4), epoch(6, 0.92, loss=0.3), epoch(7, 0.93, loss=0.45))
    expect(panel).to_contain_text("Best epoch: 6, by validation loss. Its validation loss: 0.300.")


def test_the_version_that_is_read_stays_when_a_newer_one_is_published(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/model/clothes/1")
    expect(page.get_by_role("region", name="Numbers")).to_contain_text("85.0 %")
    fake.answers["/models/clothes"] = {
        "name": "clothes",
        "latest": 3,
        "versions": [version(3, accuracy=0.99), version(2), version(1)],
        "damaged": [],
        "aliases": {"champion": 1},
    }
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name="version 3")).to_be_visible()
    expect(page.get_by_role("region", name="Numbers")).to_contain_text("85.0 %")
    expect(page.get_by_role("heading", level=1)).to_have_text("clothes, version 1")


def test_an_alias_that_moved_since_the_model_was_read_is_not_asked_for_again_and_again(
    page: Page, fake: FakeServer
) -> None:
    """The page shows the version that the model names; it reads the model anew every 15 s."""
    address = "/models/clothes/aliases/champion"
    fake.answers[address] = {
        "alias": "champion",
        "version": 2,
        "history": [{"version": 2, "at": "2026-01-02T10:00:00Z"}],
    }
    page.goto(f"{ORIGIN}/#/model/clothes/1")
    expect(page.get_by_text("champion → version 1, changed 1 time")).to_be_visible()
    page.wait_for_timeout(500)
    assert fake.count(f"GET {address}") == 1


@pytest.mark.usefixtures("fake")
def test_the_class_sees_who_is_ahead(page: Page) -> None:
    page.goto(f"{ORIGIN}/#/class")
    rows = page.get_by_role("region", name="Leaderboard").locator("tbody tr")
    expect(rows).to_have_text([re.compile("1.*ada.*clothes, version 2.*88.0 %")])


@pytest.mark.usefixtures("fake")
def test_a_failure_comes_with_its_hint(page: Page) -> None:
    page.goto(f"{ORIGIN}/#/run/job000003")
    expect(page.get_by_role("region", name="What went wrong")).to_contain_text("Try a learning rate of 0.001.")


def test_a_training_that_failed_before_its_first_epoch_promises_nothing_and_is_not_praised(
    page: Page, fake: FakeServer
) -> None:
    failure = {"code": "diverged", "message": "the loss is not a number", "hint": None}
    doctor = {"worst": "none", "findings": []}
    fake.answers["/jobs/job000003"] = job(3, "failed", error=failure, history={}, doctor=doctor)
    page.goto(f"{ORIGIN}/#/run/job000003")
    expect(page.get_by_role("region", name="Accuracy", exact=True)).to_contain_text("No epoch has ended.")
    expect(page.get_by_text("Nothing to object to.")).to_have_count(0)


def test_a_server_that_is_gone_leaves_the_data_and_says_so(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    expect(rows).to_have_count(5)
    fake.is_down = True
    for stream in fake.streams:
        stream.abort("connectionrefused")
    fake.streams.clear()
    banner = page.get_by_text("The server does not answer.")
    expect(banner).to_be_visible()
    expect(rows).to_have_count(5)
    assert "Failed to fetch" not in page.locator("body").inner_text()
    fake.is_down = False
    fake.answers["/jobs"] = jobs_of([job(12)])
    expect(banner).to_have_count(0)
    expect(rows).to_have_count(1)


def test_a_hidden_tab_asks_for_nothing(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/data/fashion_mnist_sample")  # asks again every two seconds
    expect(page.get_by_role("region", name="Pictures")).to_be_visible()
    page.evaluate(HIDE)
    page.wait_for_timeout(300)
    before = len(fake.asked)
    page.evaluate("for (let n = 0; n < 3; n++) document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(2500)
    assert fake.asked[before:] == []


HIDE = """() => {
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_eight_tabs_share_one_stream_and_all_are_live(context: BrowserContext, fake: FakeServer) -> None:
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto(f"{ORIGIN}/#/run/job000009")
        expect(tab.get_by_role("region", name="Accuracy", exact=True)).to_be_visible()
    assert fake.count("GET /events") == 1
    fake.send_events(epoch(5, 0.91))
    for tab in tabs:
        expect(tab.get_by_role("progressbar", name="Epochs", exact=True)).to_have_attribute("value", "5")


def test_the_keyboard_alone_chooses_runs_compares_them_and_hides_a_curve(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/")
    expect(page.get_by_role("region", name="Runs")).to_be_visible()
    for name in ("Choose clothes, job000002", "Choose clothes, job000001"):
        tab_to(page, name)
        page.keyboard.press("Space")
    page.get_by_role("searchbox").focus()
    tab_to(page, "Compare 2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.get_by_role("region", name="Verdict")).to_contain_text("No clear difference")
    tab_to(page, "relu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="relu").first).to_have_attribute("aria-pressed", "false")


def test_a_server_that_asks_for_a_key_gets_it_and_the_tab_keeps_it(page: Page, fake: FakeServer) -> None:
    fake.key = "cvs_right"
    page.goto(f"{ORIGIN}/#/")
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_contain_text("This server asks for a key.")
    dialog.get_by_label("Key").fill("cvs_right")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Runs")).to_be_visible()
    expect(page.get_by_role("button", name="teacher")).to_be_visible()
    page.get_by_role("button", name="curl", exact=True).first.click()
    expect(page.get_by_role("region", name="curl for this panel")).to_contain_text("Bearer $CONVSERVE_API_KEY")
    page.reload()
    expect(page.get_by_role("region", name="Runs")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0
    assert not any("cvs_right" in request for request in fake.asked)


def test_a_stranger_to_the_word_finds_its_meaning_with_mouse_and_keyboard(page: Page, fake: FakeServer) -> None:
    page.goto(f"{ORIGIN}/#/")
    term = page.get_by_role("button", name=re.compile("^validation: "))
    meaning = term.locator(".meaning")
    expect(meaning).to_be_hidden()
    term.hover()
    expect(meaning).to_be_visible()
    page.get_by_label("Find").focus()
    page.mouse.move(0, 0)
    expect(meaning).to_be_hidden()
    tab_to(page, term.get_attribute("aria-label") or "")
    expect(meaning).to_be_visible()


def tab_to(page: Page, name: str, steps: int = 80) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(steps):
        page.keyboard.press("Tab")
        if (
            page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent || '').trim()")
            == name
        ):
            return
    raise AssertionError(f"{name} cannot be reached by Tab")
