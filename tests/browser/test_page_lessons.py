"""What people learn from on the page, on a real server: their own pictures, and the lesson."""

import io
import zipfile

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.actions import TRAINING_MS, drop, make_it_short, train
from tests.browser.fake_server import PIXEL
from tests.running import Stack


def messy_zip() -> bytes:
    """Two classes with names that are not Latin, a damaged picture, a text and a hidden file."""
    chance = np.random.default_rng(1)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for label in ("帽子", "靴"):
            for number in range(25):
                picture = io.BytesIO()
                Image.fromarray(chance.integers(0, 255, (16, 16), dtype=np.uint8)).save(picture, "PNG")
                file.writestr(f"{label}/{number}.png", picture.getvalue())
        file.writestr("帽子/broken.png", b"\x89PNG\r\n\x1a\nnothing more")
        file.writestr("靴/notes.txt", "not a picture")
        file.writestr("帽子/.DS_Store", "hidden")
    return archive.getvalue()


def test_a_messy_zip_becomes_a_dataset_with_a_report_and_a_model(
    page: Page, stack: Stack, api: httpx.Client, console: list[str]
) -> None:
    page.goto(f"{stack.url}/#/data")
    page.get_by_label("Zip", exact=True).set_input_files(
        {"name": "My Hats.zip", "mimeType": "application/zip", "buffer": messy_zip()}
    )
    expect(page.get_by_label("Name", exact=True)).to_have_value("my-hats")
    page.get_by_role("button", name="Upload").click()
    report = page.get_by_role("region", name="Report of the upload")
    expect(report).to_contain_text("帽子/broken.png")
    expect(report).to_contain_text("damaged picture")
    expect(page.get_by_role("region", name="Pictures").get_by_role("img").first).to_be_visible()
    page.get_by_role("combobox", name="Class").select_option("靴")
    expect(page.get_by_role("region", name="Pictures").get_by_role("listitem").first).to_contain_text("靴")
    page.get_by_role("link", name="Train on it").click()
    expect(page.get_by_role("combobox", name="Dataset")).to_have_value("my-hats")
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    page.get_by_role("button", name="Start the run").click()
    train(page)
    page.get_by_role("link", name="See the model").click()
    matrix = page.get_by_role("region", name="Confusion matrix")
    expect(matrix.get_by_role("rowheader")).to_have_text(["帽子", "靴"])
    page.goto(f"{stack.url}/#/data/my-hats")
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete")
    dialog.get_by_label("Type my-hats to confirm").fill("my-hats")
    dialog.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{stack.url}/#/data")
    expect(page.get_by_role("link", name="my-hats")).to_have_count(0)
    assert api.get("/datasets/my-hats").status_code == 404
    assert console == []


def test_the_lesson_from_a_kernel_to_a_verdict(page: Page, stack: Stack, console: list[str]) -> None:
    make_it_short(page)
    page.goto(f"{stack.url}/#/learn")
    drop(page, "mine.png", PIXEL)
    expect(page.get_by_role("img", name="mine.png")).to_be_visible()

    # A convolution answers while its kernel is typed.
    convolution = page.get_by_role("region", name="Convolution", exact=True)
    after = convolution.get_by_role("img", name="After the convolution")
    expect(convolution).to_contain_text("8 × 8 × 1 → 8 × 8 × 1")  # noqa: RUF001
    before = after.get_attribute("src")
    convolution.get_by_label("Row 2, column 2").fill("5")
    expect(after).not_to_have_attribute("src", before or "")
    convolution.get_by_label("stride", exact=True).select_option("2")
    convolution.get_by_label("padding", exact=True).select_option("valid")
    expect(convolution).to_contain_text("8 × 8 × 1 → 3 × 3 × 1")  # noqa: RUF001
    expect(convolution).to_contain_text("(8 + 0 - 3) / 2, rounded down, + 1 = 3")
    convolution.get_by_label("Row 1, column 1").fill("much")
    expect(convolution).to_contain_text("Each of the nine fields needs a number.")
    convolution.get_by_role("button", name="blur").click()
    expect(convolution.get_by_role("alert")).to_have_count(0)
    page.get_by_role("region", name="Pooling", exact=True).get_by_label("of squares of").select_option("4")
    expect(page.get_by_role("region", name="Pooling", exact=True)).to_contain_text("8 × 8 × 1 → 2 × 2 × 1")  # noqa: RUF001
    page.get_by_label("kernel side k").fill("5")
    arithmetic = page.get_by_role("region", name="How large is what comes out?")
    expect(arithmetic).to_contain_text("⌊(28 − 5) / 1⌋ + 1 = 24")  # noqa: RUF001

    # An experiment answers the question, and the comparison says more.
    question = page.get_by_role("region", name="tanh or ReLU?")
    question.get_by_role("button", name="Run the experiment").click()
    expect(question.get_by_role("status")).to_contain_text("2 of 2 runs ended", timeout=TRAINING_MS)
    expect(question.locator(".verdict")).to_contain_text("One run each: cannot tell.")
    question.get_by_role("link", name="All of the comparison").click()
    expect(page.get_by_role("region", name="Verdict")).to_contain_text("cannot tell")
    settings = page.get_by_role("region", name="Settings", exact=True).first.locator("tbody tr")
    expect(settings).to_have_count(2)
    expect(page.get_by_role("region", name="Only what differs")).to_contain_text("activation")
    curves = page.get_by_role("region", name="Validation accuracy", exact=True)
    curves.get_by_role("button", name="relu").click()
    expect(curves.get_by_role("button", name="relu")).to_have_attribute("aria-pressed", "false")
    assert console == []
