"""Jobs that train nothing, on the page: exports, feedback, many pictures at once, and models from elsewhere."""

from email import message_from_bytes
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.actions import drop
from tests.browser.fake_server import (
    CLASSES,
    DATASET,
    ORIGIN,
    PIXEL,
    FakeServer,
    exported,
    exporting,
    feedback,
    job,
    many,
    said,
)

MODEL = f"{ORIGIN}/#/model/clothes/1"
VERSION = "/models/clothes/versions/1"
ZIP = {"name": "many.zip", "mimeType": "application/zip", "buffer": b"archive"}


def fields(request: Request) -> dict[str, bytes]:
    """The fields of a form that the page sent."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = message_from_bytes(head + (request.post_data_buffer or b""))
    found: dict[str, bytes] = {}
    for part in list(form.walk())[1:]:
        name, content = part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        found[name] = content
    return found


def reload(page: Page, fake: FakeServer) -> None:
    """Reload, and wait for the new page's stream of events."""
    fake.streams.clear()
    page.reload()
    while not fake.streams:
        page.wait_for_timeout(20)


def test_a_version_is_exported_and_its_figures_stand_beside_those_of_keras(page: Page, fake: FakeServer) -> None:
    fake.answers[f"{VERSION}/exports"] = {"exports": []}
    fake.answers[f"POST {VERSION}/exports"] = (202, exporting("queued"))
    fake.answers["/jobs/job000004"] = exporting()
    page.goto(MODEL)
    panel = page.get_by_role("region", name="Other formats")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        panel.get_by_role("button", name="Make LiteRT").click()
    assert sent.value.post_data_json == {"format": "litert"}
    expect(panel.get_by_role("progressbar", name="Making LiteRT")).to_be_visible()
    expect(panel.get_by_role("button", name="Make OpenVINO")).to_be_disabled()
    reload(page, fake)  # the address knows the job
    expect(panel.get_by_role("progressbar", name="Making LiteRT")).to_be_visible()
    fake.answers["/jobs/job000004"] = exporting("succeeded")
    fake.answers[f"{VERSION}/exports"] = {"exports": [exported()]}
    fake.send_events(("state", {"id": "job000004", "state": "succeeded"}))
    link = panel.get_by_role("link", name="Download model.tflite, 250 kB")
    expect(link).to_have_attribute("href", f"{VERSION}/files/model.tflite")
    expect(panel.get_by_role("listitem").first).to_contain_text("test accuracy 84.9 %, Keras 85.0 %")
    expect(panel.get_by_role("listitem").first).to_contain_text("TensorFlow Lite 2.21.0")


def test_an_export_that_is_refused_says_why(page: Page, fake: FakeServer) -> None:
    failure = {"code": "parity", "message": "LiteRT is right for 70.0 %, Keras for 85.0 %", "hint": "Use ONNX."}
    fake.answers["/jobs/job000004"] = exporting("failed", error=failure)
    fake.answers[f"POST {VERSION}/exports"] = (422, {"title": "Invalid", "detail": "no worker can export to openvino"})
    page.goto(f"{MODEL}?export=job000004")
    panel = page.get_by_role("region", name="Other formats")
    expect(panel.get_by_role("alert")).to_contain_text("LiteRT is right for 70.0 %, Keras for 85.0 %")
    expect(panel.get_by_role("alert")).to_contain_text("Use ONNX.")
    panel.get_by_role("button", name="Make OpenVINO").click()
    expect(panel.get_by_role("alert").last).to_contain_text("no worker can export to openvino")


def test_a_wrong_answer_is_sent_back_with_the_right_label_by_keyboard(page: Page, fake: FakeServer) -> None:
    item = said(1, CLASSES[1], "Dress")
    fake.answers[f"POST {VERSION}/feedback"] = (201, {"model": "clothes", "version": 1, "feedback": [item]})
    fake.answers[f"DELETE /models/clothes/feedback/{item['id']}"] = {"deleted": 1, "freed_bytes": 500}
    page.goto(f"{ORIGIN}/#/look/clothes/1")
    expect(page.locator(".drop")).to_be_visible()
    drop(page, "mine.png", PIXEL)
    panel = page.get_by_role("region", name="Answer", exact=True)
    panel.get_by_role("button", name="No").focus()
    page.keyboard.press("Enter")
    label = panel.get_by_label("It shows")
    expect(panel.get_by_role("button", name="Send")).to_be_disabled()
    assert "Dress" not in label.locator("option").all_inner_texts()  # that is what it answered
    label.select_option(CLASSES[1])
    with page.expect_request(lambda request: request.url.endswith("/feedback")) as sent:
        label.press("Tab")
        page.keyboard.press("Enter")
    assert fields(sent.value) == {"file": PIXEL, "label": CLASSES[1].encode()}
    expect(panel).to_contain_text(f"Kept as feedback: {CLASSES[1]}.")
    expect(panel.get_by_role("link", name="All feedback")).to_have_attribute("href", "#/model/clothes/1?show=feedback")
    panel.get_by_role("button", name="Undo").click()
    expect(panel.get_by_role("button", name="Yes")).to_be_visible()
    assert fake.count(f"DELETE /models/clothes/feedback/{item['id']}") == 1


@pytest.mark.usefixtures("fake")
def test_nobody_is_asked_about_a_picture_whose_label_is_known(page: Page) -> None:
    page.goto(f"{ORIGIN}/#/look/clothes/1?dataset=fashion_mnist_sample&index=1")
    panel = page.get_by_role("region", name="Answer", exact=True)
    expect(panel.locator(".said")).to_be_visible()
    expect(page.get_by_text("It shows:")).to_be_visible()
    expect(panel.get_by_role("button", name="No")).to_have_count(0)


def test_feedback_is_seen_deleted_and_collected_into_a_dataset(page: Page, fake: FakeServer) -> None:
    waiting = [said(1, "Dress", "Trouser"), said(2, CLASSES[2], CLASSES[2])]
    fake.answers["/models/clothes/feedback"] = lambda query, _: feedback(
        *waiting, total=len(waiting) if "state" in query else 12
    )
    page.goto(MODEL)
    panel = page.get_by_role("region", name="Feedback")
    expect(panel.locator("tbody tr")).to_have_text(["version 112325.0 %"])
    items = panel.get_by_role("list", name="Feedback that waits").get_by_role("listitem")
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text("Dressnot Trouser, 61 %")
    fake.answers[f"DELETE /models/clothes/feedback/{waiting[1]['id']}"] = {"deleted": 1, "freed_bytes": 500}
    del waiting[1]
    items.last.get_by_role("button", name="Delete").click()
    expect(items).to_have_count(1)

    made = {"dataset": "clothes-feedback", "version": 1, "grown_from": "fashion_mnist_sample", "disagreeing": 0}
    fake.answers["POST /models/clothes/feedback/collect"] = (202, made | {"pictures": 1})
    fake.answers["/datasets/clothes-feedback"] = DATASET | {"name": "clothes-feedback", "state": "converting"}
    panel.get_by_role("button", name="Collect 1 picture into a dataset").click()
    expect(panel).to_contain_text(
        "1 picture goes into clothes-feedback, version 1, with those of fashion_mnist_sample."
    )
    expect(panel.get_by_role("progressbar", name="The dataset is being made")).to_be_visible()
    waiting.clear()  # the server counts it as collected once the dataset is there
    fake.answers["/datasets/clothes-feedback"] = DATASET | {"name": "clothes-feedback", "version": 1}
    expect(panel).to_contain_text("All of it is part of a dataset.")
    panel.get_by_role("link", name="Train clothes further on it").click()
    expect(page.get_by_role("combobox", name="Network")).to_have_value("")
    expect(page.get_by_role("region", name="Network")).to_contain_text("goes on from what clothes has learned")


def test_a_zip_of_pictures_becomes_a_table_also_after_a_reload(page: Page, fake: FakeServer) -> None:
    fake.answers[f"POST {VERSION}/predictions"] = (202, many("queued"))
    fake.answers["/jobs/job000007"] = many("running", step=300)
    page.goto(MODEL)
    page.get_by_label("Zip of pictures to classify").set_input_files(ZIP)  # type: ignore[arg-type]
    with page.expect_request(lambda request: request.url.endswith("/predictions")) as sent:
        page.get_by_role("button", name="Classify them").click()
    assert sent.value.headers["content-type"] == "application/zip"
    status = page.locator(".progress-line")
    expect(status).to_contain_text("Predicting: 300 of 1,200 pictures, about 4.0 s left.")
    expect(page.get_by_role("link", name="Download as a table (CSV)")).to_have_count(0)
    reload(page, fake)
    expect(status).to_contain_text("300 of 1,200 pictures")
    progress = {"job": "job000007", "phase": "predicting", "step": 900, "steps": 1200}
    fake.send_events(("progress", progress))
    expect(status).to_contain_text("900 of 1,200 pictures")
    for name in ("Finish now, keep the best epoch", "Change something and run"):
        expect(page.get_by_text(name)).to_have_count(0)  # that is for trainings
    fake.answers["/jobs/job000007"] = many()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(status).to_contain_text("Done ")
    expect(page.get_by_role("link", name="Try it on a picture")).to_have_count(0)  # it made no model
    panel = page.get_by_role("region", name="Answers")
    for text, kind in (("a table (CSV)", "csv"), ("JSON lines", "jsonl")):
        link = panel.get_by_role("link", name=f"Download as {text}")
        expect(link).to_have_attribute("href", f"/jobs/job000007/predictions?format={kind}")
    rows = panel.get_by_role("region", name="The first answers").locator("tbody tr")
    expect(rows).to_have_text(["mine/1.png帽子と靴91.0 %", "mine/broken.png! the file ends early"])


def test_a_split_of_a_dataset_is_classified_without_sending_it(page: Page, fake: FakeServer) -> None:
    fake.answers[f"POST {VERSION}/predictions"] = (202, many("queued"))
    page.goto(MODEL)
    panel = page.get_by_role("region", name="Classify many pictures")
    panel.get_by_label("Split").select_option("train")
    with page.expect_request(lambda request: request.url.endswith("/predictions")) as sent:
        panel.get_by_role("button", name="Classify the split").click()
    assert sent.value.post_data_json == {"dataset": "fashion_mnist_sample", "split": "train"}
    expect(page.get_by_role("heading", level=1)).to_have_text("Run job000007")


def test_a_model_from_elsewhere_is_imported(page: Page, fake: FakeServer) -> None:
    importing = job(6, "running", request=job(6)["request"] | {"imported": {}}, kind="import", history={})
    fake.answers |= {"POST /models": (202, importing), "/jobs/job000006": importing}
    page.goto(f"{ORIGIN}/#/models")
    panel = page.get_by_role("region", name="Bring a model that was trained elsewhere")
    file: Any = {"name": "My Boots.keras", "mimeType": "", "buffer": b"PK"}
    panel.get_by_label("Model file").set_input_files(file)
    expect(panel.get_by_label("Name")).to_have_value("my-boots")
    panel.get_by_label("Classes, in its order").fill("boot, shoe")
    panel.get_by_label("Test it on").select_option("fashion_mnist_sample")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        panel.get_by_role("button", name="Import it").click()
    asked = {"name": b"my-boots", "classes": b"boot, shoe", "dataset": b"fashion_mnist_sample", "file": b"PK"}
    assert fields(sent.value) == asked
    expect(page.get_by_role("heading", level=1)).to_have_text("Run job000006")
    expect(page.locator("section", has=page.locator("#run-head"))).to_contain_text("import of a model")


def test_what_can_be_downloaded_has_a_link(page: Page, fake: FakeServer) -> None:
    page.goto(MODEL)
    files = page.get_by_role("region", name="Downloads")
    for name in ("README.md", "MLmodel", "report.html"):
        expect(files.get_by_role("link", name=name)).to_have_attribute("href", f"{VERSION}/{name}")
    page.goto(f"{ORIGIN}/#/run/job000002")
    curves = page.get_by_role("link", name="Curves for TensorBoard")
    expect(curves).to_have_attribute("href", "/jobs/job000002/tensorboard")
    page.goto(f"{ORIGIN}/#/data/fashion_mnist_sample")
    croissant = page.get_by_role("link", name="Description (Croissant)")
    expect(croissant).to_have_attribute("href", "/datasets/fashion_mnist_sample/croissant.json")
    expect(croissant).to_have_attribute("download", "fashion_mnist_sample-croissant.json")


def test_runs_that_train_nothing_say_what_they_do(page: Page, fake: FakeServer) -> None:
    fake.answers["/jobs"] = lambda query, _: {
        "jobs": [] if query.get("state") == ["queued"] else [many("running", step=300), exporting()],
        "total": 2,
        "next": None,
    }
    page.goto(f"{ORIGIN}/#/")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("classifies pictures")
    expect(rows.nth(0)).to_contain_text("300 of 1,200 pictures")
    expect(rows.nth(1)).to_contain_text("export")
    expect(page.get_by_role("group", name="The server now")).to_contain_text("predicting, 300 of 1,200 pictures")
