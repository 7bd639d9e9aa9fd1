"""What the API knows is where a person looks for it, and what a person says reaches the API whole."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.fake_server import ESTIMATE, ORIGIN, FakeServer, job, jobs_of, predicted, version

MODEL = f"{ORIGIN}/#/model/clothes"
LOOK = f"{ORIGIN}/#/look/clothes/1?dataset=fashion_mnist_sample&index=1"
LIMITS = {"jobs": 10, "waiting_s": None, "dataset_bytes": 20e9, "model_bytes": None, "predict_per_s": 50}
USED = {"jobs": 3, "waiting_s": 0.0, "dataset_bytes": 1_000_000, "model_bytes": 2_000_000}
STUDENT = {"name": "ada", "scopes": ["predict", "read", "train"], "limits": LIMITS, "used": USED}
DOUBTFUL = {
    "pictures": 1200,
    "total": 2,
    "labels": [
        {"index": n, "label": "Dress", "suggested": "Trouser", "label_probability": 0.1, "suggested_probability": 0.9}
        for n in (3, 8)
    ],
}


@pytest.fixture
def submitted(fake: FakeServer) -> list[dict[str, Any]]:
    """The jobs that the page submits, without dry runs."""
    bodies: list[dict[str, Any]] = []

    def answer(query: dict[str, list[str]], body: bytes) -> object:
        if "dry_run" in query:
            time = {"seconds": 60, "low": 30, "high": 90, "basis": "a constant"}
            return {"jobs": [{"estimate": ESTIMATE}], "time": time}
        bodies.append(json.loads(body))
        return 202, job(9, "running")

    fake.answers["POST /jobs"] = answer
    return bodies


def start(page: Page) -> None:
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run job000009")


def test_runs_of_one_grid_are_told_apart(page: Page, fake: FakeServer) -> None:
    fake.answers["/jobs"] = jobs_of(
        [job(n, setting=f"activation {name}, seed 1") for n, name in ((2, "relu"), (1, "tanh"))]
    )
    page.goto(f"{ORIGIN}/#/")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("activation relu, seed 1")
    page.get_by_label("Find").fill("tanh")
    expect(rows).to_have_count(1)


def test_a_version_that_is_passed_over_says_so_and_the_one_that_answers_is_shown(page: Page, fake: FakeServer) -> None:
    broken = version(3, accuracy=0.1) | {"passed_over": "diverged", "doctor": {"worst": "error"}}
    lines = [broken, version(2, accuracy=0.8), version(1, accuracy=0.9)]
    model = fake.record("/models/clothes") | {"versions": lines, "latest": 2, "best": 1, "passed_over": "diverged"}
    address = "/models/clothes/versions"
    fake.answers |= {"/models": {"models": [model]}, "/models/clothes": model, f"{address}/3": broken}
    fake.answers[f"{address}/3/files/evaluation.json"] = fake.answers[f"{address}/1/files/evaluation.json"]
    page.goto(f"{ORIGIN}/#/models")
    row = page.get_by_role("region", name="Models").locator("tbody tr")
    expect(row).to_contain_text("version 2")
    expect(row).to_contain_text("80.0 %")
    expect(row.get_by_role("link", name="best: version 1")).to_be_visible()
    row.get_by_role("link", name="version 3 is passed over").click()
    expect(page.get_by_role("region", name="Numbers")).to_contain_text("passed over: diverged")
    lines_shown = page.get_by_role("region", name="Versions and aliases").locator(".versions li")
    expect(lines_shown.nth(0)).to_contain_text("passed over: diverged")
    expect(lines_shown.nth(1)).to_contain_text("latest")
    expect(lines_shown.nth(2)).to_contain_text("best")
    page.goto(f"{ORIGIN}/#/look/clothes")
    expect(page.get_by_role("combobox", name="Version")).to_have_value("2")


def test_models_of_later_pages_are_shown_when_asked_for(page: Page, fake: FakeServer) -> None:
    clothes = fake.record("/models/clothes")
    first = {"models": [clothes], "total": 2, "next": "/models?limit=1&after=clothes"}
    last = {"models": [clothes | {"name": "shoes"}], "total": 2, "next": None}
    fake.answers["/models"] = lambda query, _: last if "after" in query else first
    fake.answers["/models/shoes"] = clothes | {"name": "shoes"}
    page.goto(f"{ORIGIN}/#/models")
    rows = page.get_by_role("region", name="Models").locator("tbody tr")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Show more models").click()
    expect(rows).to_have_count(2)
    expect(page.get_by_role("button", name="Show more models")).to_have_count(0)
    page.goto(f"{ORIGIN}/#/look/shoes")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("shoes")


def test_labels_that_may_be_wrong_are_shown_with_their_pictures(page: Page, fake: FakeServer) -> None:
    one = version(1)
    one["files"] = one["files"] | {"doubtful-labels.json": {"sha256": "0" * 64, "size_bytes": 1000}}
    fake.answers["/models/clothes/versions/1"] = one
    fake.answers["/models/clothes/versions/1/files/doubtful-labels.json"] = DOUBTFUL
    page.goto(f"{MODEL}/1")
    panel = page.get_by_role("region", name="Labels that may be wrong")
    expect(panel).to_contain_text("2 of 1,200 training pictures")
    pictures = panel.get_by_role("list", name="Doubtful labels").get_by_role("listitem")
    expect(pictures).to_have_count(2)
    expect(pictures.first).to_contain_text("labelled Dress, looks like Trouser 90 %")
    pictures.first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look inside clothes")
    assert fake.count("GET /datasets/fashion_mnist_sample/pictures/train/3.png") > 0


def test_an_answer_says_when_it_is_not_sure_and_when_the_picture_is_unusual(page: Page, fake: FakeServer) -> None:
    answer = predicted("Dress")
    answer["predictions"][0] |= {"label": None, "not_sure": True, "unusual": True, "set": ["Dress", "Trouser"]}
    asked: list[dict[str, list[str]]] = []

    def predict(query: dict[str, list[str]], _: bytes) -> object:
        asked.append(query)
        return answer

    fake.answers["POST /models/clothes/versions/1/predict"] = predict
    page.goto(LOOK)
    panel = page.get_by_role("region", name="Answer", exact=True)
    expect(panel).to_contain_text("Not sure; most likely Dress")
    expect(panel).to_contain_text("unlike those it was trained on")
    expect(panel).to_contain_text("the right class is in this set")
    expect(panel).to_contain_text("Dress, Trouser")
    assert (asked[0]["coverage"], asked[0]["not_sure_below"]) == (["0.95"], ["auto"])


def test_a_student_sees_what_is_used_and_allowed_but_no_keys(page: Page, fake: FakeServer) -> None:
    fake.answers["/me"] = STUDENT
    page.goto(f"{ORIGIN}/#/")
    page.get_by_role("button", name="ada").click()
    page.get_by_role("link", name="What you have used").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    rows = page.get_by_role("region", name="Your key").locator("tbody tr")
    expect(rows.filter(has_text="jobs that wait or run")).to_contain_text("310")
    expect(rows.filter(has_text="uploaded datasets")).to_contain_text("1.0 MB20 GB")
    expect(rows.filter(has_text="published versions")).to_contain_text("no limit")
    expect(page.get_by_role("region", name="Leaderboard")).to_be_visible()
    expect(page.get_by_role("region", name="Keys")).to_have_count(0)
    page.goto(f"{ORIGIN}/#/new")
    expect(page.get_by_role("region", name="What it takes")).to_contain_text("You may have 10 jobs that wait or run.")


def test_the_teacher_sees_who_waits_and_how_much_disk_each_owner_uses(page: Page, fake: FakeServer) -> None:
    waiting = [job(n, "queued", owner="ada") for n in (4, 5)]
    fake.answers["/jobs"] = jobs_of([*waiting, job(6, "running", owner="ben")])
    mine = [version(1) | {"owner": "ada"}, version(2) | {"owner": "ada"}]
    fake.answers["/models"] = {"models": [fake.record("/models/clothes") | {"versions": mine}]}
    page.goto(f"{ORIGIN}/#/class")
    rows = page.get_by_role("region", name="Owners").locator("tbody tr")
    expect(rows.filter(has_text="ada")).to_contain_text("ada02number 42 versions, 2.1 MB")
    expect(rows.filter(has_text="ben")).to_contain_text("ben10")


def test_a_run_shows_its_labels_and_can_end_early(page: Page, fake: FakeServer) -> None:
    labels: dict[str, Any] = {"priority": 3, "tags": ["week-3"], "note": "with my own pictures"}
    fake.answers["/jobs/job000009"] = job(9, "running") | labels
    fake.answers["POST /jobs/job000009/finish"] = job(9, "running") | labels
    page.goto(f"{ORIGIN}/#/run/job000009")
    head = page.locator("section", has=page.locator("#run-head"))
    for text in ("week-3", "with my own pictures", "priority3"):
        expect(head).to_contain_text(text)
    page.get_by_role("button", name="Finish now, keep the best epoch").click()
    expect(page.get_by_role("button", name="Finish now, keep the best epoch")).to_be_enabled()
    assert fake.count("POST /jobs/job000009/finish") == 1


def test_another_seed_is_asked_for_by_leaving_the_seed_out(page: Page, submitted: list[dict[str, Any]]) -> None:
    page.goto(f"{ORIGIN}/#/run/job000002")
    page.get_by_role("button", name="Run again with another seed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run job000009")
    assert "seed" not in submitted[0]
    assert submitted[0]["optimizer"] == {"name": "sgd", "learning_rate": 0.01}


def test_what_the_form_says_reaches_the_server(page: Page, submitted: list[dict[str, Any]]) -> None:
    page.goto(f"{ORIGIN}/#/new")
    page.get_by_text("Everything else").click()
    page.get_by_label("priority among your own").fill("5")
    page.get_by_label("tags").fill("week-3, warm-up")
    page.get_by_label("tell this address when it ends").fill("https://example.org/done")
    page.get_by_label("Further settings as JSON").fill('{"optimizer": {"momentum": 0.9}}')
    page.get_by_label("learning rate", exact=True).fill("0.1")
    start(page)
    assert submitted == [
        {
            "architecture": "lenet5-fashion",
            "dataset": "fashion_mnist_sample",
            "epochs": 8,
            "optimizer": {"learning_rate": 0.1, "momentum": 0.9},
            "priority": 5,
            "tags": ["week-3", "warm-up"],
            "notify": "https://example.org/done",
        }
    ]


@pytest.mark.usefixtures("fake")
def test_another_network_has_the_epochs_that_it_suggests(page: Page, submitted: list[dict[str, Any]]) -> None:
    page.goto(f"{ORIGIN}/#/new?architecture=lenet5-fashion")
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_attribute("placeholder", "10")
    start(page)
    assert "epochs" not in submitted[0]


def test_a_clone_keeps_the_settings_that_have_no_field(
    page: Page, fake: FakeServer, submitted: list[dict[str, Any]]
) -> None:
    settings = {
        "class_weights": {"Dress": 2.0},
        "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9, "beta_1": None},
        "augmentation": {"shift_pixels": 0, "padding": "reflect", "cutout_pixels": 4},
        "precision": "float32",
        "tags": ["week-3"],
    }
    record = job(2)
    fake.answers["/jobs/job000002"] = record | {"request": record["request"] | settings}
    page.goto(f"{ORIGIN}/#/new?clone=job000002")
    expect(page.get_by_text("As run job000002")).to_be_visible()
    start(page)
    (body,) = submitted
    assert body["class_weights"] == {"Dress": 2.0}
    assert body["optimizer"] == {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}
    assert body["augmentation"] == {"cutout_pixels": 4}
    assert (body["tags"], body["epochs"], body["seed"]) == (["week-3"], 8, 2)
    assert "precision" not in body


def test_what_the_doctor_suggests_is_two_clicks_away(page: Page, submitted: list[dict[str, Any]]) -> None:
    page.goto(f"{MODEL}/1")
    page.get_by_role("region", name="Doctor").get_by_role("link", name="Try it").click()
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("12")
    start(page)
    assert submitted == [
        {
            "architecture": "lenet5-fashion",
            "dataset": "fashion_mnist_sample",
            "epochs": 12,
            "note": "it's slow",
            "class_weights": "balanced",
        }
    ]


def test_the_runs_that_a_verdict_asks_for_start_by_a_button(page: Page, submitted: list[dict[str, Any]]) -> None:
    page.goto(f"{ORIGIN}/#/compare?jobs=job000001,job000002")
    page.get_by_role("button", name="Start these runs").click()
    page.wait_for_url("**/#/compare?jobs=job000001,job000002,job000003,job000004,job000009")
    assert submitted[0]["grid"] == {"seed": [3]}


@pytest.mark.parametrize(("file", "content_type"), [("My Pets.tar.gz", "application/gzip"), ("digits.csv", "text/csv")])
def test_other_archives_than_zips_are_sent_as_what_they_are(
    page: Page, fake: FakeServer, file: str, content_type: str
) -> None:
    fake.answers["POST /datasets"] = (202, {"name": "fashion_mnist_sample"})
    page.goto(f"{ORIGIN}/#/data")
    page.get_by_label("Zip", exact=True).set_input_files({"name": file, "mimeType": "", "buffer": b"archive"})
    page.get_by_label("Colour").select_option("grey")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Upload").click()
    assert sent.value.headers["content-type"] == content_type
    name = "my-pets" if file.startswith("My") else "digits"
    assert f"?name={name}&colour=greyscale" in sent.value.url


@pytest.mark.usefixtures("fake")
def test_photographs_are_trained_from_learned_weights(page: Page, fake: FakeServer) -> None:
    photos = fake.record("/datasets/fashion_mnist_sample") | {"name": "pets", "image_shape": [160, 160, 3]}
    fake.answers["/datasets/pets"] = photos
    page.goto(f"{ORIGIN}/#/data/pets")
    expect(page.get_by_role("link", name="Train on it")).to_have_attribute(
        "href", "#/new?dataset=pets&architecture=efficientnet-lite0"
    )


def test_nothing_is_said_about_trainings_before_the_server_has_answered(page: Page, fake: FakeServer) -> None:
    fake.answers["/jobs"] = (500, {"title": "Internal error", "detail": "an error", "code": "internal_error"})
    page.goto(f"{ORIGIN}/#/data")
    expect(page.get_by_role("region", name="Datasets").first).to_be_visible()
    expect(page.get_by_text("Nothing is training.")).to_have_count(0)
