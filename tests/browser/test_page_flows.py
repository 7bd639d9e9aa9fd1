"""What people do on the page, on a real server: from an empty one to a model that was looked into and deleted."""

import io
import json
import zipfile

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.running import Stack

TRAINING_MS = 300_000
"""A training of seconds, on a busy machine."""
PICTURES = 400
EPOCHS = 2


def make_it_short(route: Route) -> None:
    """The request of the page, with fewer pictures and epochs."""
    body = json.loads(route.request.post_data or "{}")
    route.continue_(post_data=json.dumps(body | {"epochs": EPOCHS, "train_samples": PICTURES, "model": "clothes"}))


def train(page: Page) -> None:
    """Wait on the run's screen until it has ended."""
    expect(page.get_by_role("link", name="Try it on a picture")).to_be_visible(timeout=TRAINING_MS)


def test_from_an_empty_server_to_a_model_and_back(
    page: Page, stack: Stack, api: httpx.Client, console: list[str]
) -> None:
    page.route("**/jobs", lambda route: make_it_short(route) if route.request.method == "POST" else route.continue_())

    # Three clicks to the first prediction.
    page.goto(f"{stack.url}/")
    page.get_by_role("button", name="Train a first network").click()
    expect(page.get_by_role("region", name="Accuracy", exact=True)).to_be_visible()
    train(page)
    page.get_by_role("region", name="Accuracy", exact=True).get_by_role("button", name="Table").click()
    expect(page.get_by_role("region", name="Accuracy", exact=True).locator("tbody tr")).to_have_count(EPOCHS)
    page.get_by_role("link", name="Try it on a picture").click()
    page.get_by_role("button", name="Test picture 0").click()
    expect(page.get_by_role("region", name="Answer", exact=True).locator(".said strong")).not_to_be_empty()

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
    expect(page.get_by_role("region", name="Answer", exact=True)).to_contain_text("it shows")

    # A second version: promoted, rolled back, deleted.
    page.goto(f"{stack.url}/#/model/clothes/1")
    versions = page.get_by_role("region", name="Versions and aliases")
    versions.get_by_role("button", name="Promote version 1").click()
    expect(versions).to_contain_text("champion is this version.")
    page.get_by_role("link", name="Its run").click()
    page.get_by_role("button", name="Run again with another seed").click()
    expect(page.get_by_text("Published as version 1")).to_have_count(0)
    train(page)
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


def test_a_messy_zip_becomes_a_dataset_with_a_report(page: Page, stack: Stack, api: httpx.Client) -> None:
    page.goto(f"{stack.url}/#/data")
    page.get_by_label("Zip", exact=True).set_input_files(
        {"name": "My Hats.zip", "mimeType": "application/zip", "buffer": messy_zip()}
    )
    expect(page.get_by_label("Name")).to_have_value("my-hats")
    page.get_by_role("button", name="Upload").click()
    report = page.get_by_role("region", name="Report of the upload")
    expect(report).to_contain_text("帽子/broken.png")
    expect(report).to_contain_text("damaged picture")
    expect(page.get_by_role("region", name="Pictures").get_by_role("img").first).to_be_visible()
    page.get_by_label("Class").select_option("靴")
    expect(page.get_by_role("region", name="Pictures").get_by_role("listitem").first).to_contain_text("靴")
    page.get_by_role("link", name="Train on it").click()
    expect(page.get_by_label("Dataset")).to_have_value("my-hats")
    page.goto(f"{stack.url}/#/data/my-hats")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete")
    dialog.get_by_label("Type my-hats to confirm").fill("my-hats")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="my-hats")).to_have_count(0)
    assert api.get("/datasets/my-hats").status_code == 404
