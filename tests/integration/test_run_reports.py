"""What a run says of itself, through HTTP on the real stack: its numbers agree with each other and with the network."""

import io
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.paths import PROJECT
from tests.running import Stack, submit, wait_for
from worker.artifacts import DOUBTFUL_FILE, DOUBTFUL_PICTURE
from worker.datasets import Dataset, load_dataset

PICTURES = ("curves.png", "confusion-matrix.png", "calibration.png", "predictions.png", "mistakes.png")


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("fashion_mnist_sample", Path("unused"))


@pytest.fixture(scope="module")
def version(api: httpx.Client) -> str:
    """Address of a version that was trained just long enough to be right sometimes."""
    job = wait_for(api, submit(api, model="reports")["id"])
    assert job["state"] == "succeeded", job
    return f"/models/reports/versions/{job['model']['version']}"


@pytest.fixture(scope="module")
def evaluation(api: httpx.Client, version: str) -> dict[str, Any]:
    read: dict[str, Any] = api.get(f"{version}/files/evaluation.json").json()
    return read


def test_the_evaluation_agrees_with_itself(evaluation: dict[str, Any]) -> None:
    matrix = np.array(evaluation["confusion_matrix"])
    assert matrix.sum() == 1000
    assert [row["support"] for row in evaluation["per_class"]] == [100] * 10
    assert evaluation["accuracy"] == pytest.approx(np.trace(matrix) / 1000)
    assert evaluation["accuracy"] <= evaluation["top_3_accuracy"] <= 1
    assert evaluation["weighted_average"]["recall"] == pytest.approx(evaluation["accuracy"])
    # All classes have as many pictures, so both averages are one.
    assert evaluation["macro_average"] == pytest.approx(evaluation["weighted_average"])
    bins = [entry for entry in evaluation["calibration"]["bins"] if entry["count"]]
    assert sum(entry["count"] for entry in bins) == 1000
    right = sum(entry["count"] * entry["accuracy"] for entry in bins)
    assert right == pytest.approx(np.trace(matrix))


def test_a_mistake_is_made_again_when_its_picture_is_sent(
    api: httpx.Client, version: str, evaluation: dict[str, Any], sample: Dataset
) -> None:
    answer = api.get(f"{version}/mistakes", params={"limit": 20}).json()
    matrix = np.array(evaluation["confusion_matrix"])
    assert answer["pictures"] == 1000
    assert answer["total"] == answer["kept"] == 1000 - np.trace(matrix)
    probabilities = [mistake["probability"] for mistake in answer["mistakes"]]
    assert probabilities == sorted(probabilities, reverse=True)
    files = [("file", (f"{mistake['index']}.png", _png(sample, mistake["index"]))) for mistake in answer["mistakes"]]
    predictions = api.post(f"{version}/predict", params={"top_k": 10}, files=files).json()["predictions"]
    for mistake, prediction in zip(answer["mistakes"], predictions, strict=True):
        assert mistake["true"] == sample.info.classes[sample.test_labels[mistake["index"]]]
        assert prediction["label"] == mistake["predicted"]
        said = {entry["label"]: entry["probability"] for entry in prediction["top_k"]}
        assert said[mistake["predicted"]] == pytest.approx(mistake["probability"], abs=1e-4)
        assert said[mistake["true"]] == pytest.approx(mistake["true_probability"], abs=1e-4)


def test_the_mistakes_between_two_classes_are_as_many_as_the_matrix_says(
    api: httpx.Client, version: str, evaluation: dict[str, Any]
) -> None:
    matrix = np.array(evaluation["confusion_matrix"])
    np.fill_diagonal(matrix, 0)
    row, column = np.unravel_index(matrix.argmax(), matrix.shape)
    classes = evaluation["classes"]
    asked = {"true": classes[row], "predicted": classes[column], "limit": 1}
    answer = api.get(f"{version}/mistakes", params=asked).json()
    assert answer["matching"] == matrix[row, column]
    assert len(answer["mistakes"]) == 1


def test_the_history_says_where_the_time_went(api: httpx.Client, version: str) -> None:
    history = api.get(f"{version}/files/history.json").json()
    assert all(len(history[name]) == 2 for name in ("loss", "accuracy", "val_loss", "val_accuracy"))
    assert history["fit_seconds"] > 0
    assert 0 <= history["data_wait_share"] < 1


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_of_a_version_can_be_looked_at(api: httpx.Client, version: str, picture: str) -> None:
    answer = api.get(f"{version}/files/{picture}")
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as opened:
        assert opened.width > 500
        assert np.asarray(opened.convert("L")).std() > 5


def test_the_page_shows_files_that_a_version_has(api: httpx.Client, version: str) -> None:
    screen = (PROJECT / "service/page/screens/model.js").read_text()
    named = set(re.findall(r'"([a-z-]+\.(?:png|json|txt))"', screen))
    assert named >= set(PICTURES)
    of_learned_weights = {DOUBTFUL_FILE, DOUBTFUL_PICTURE}
    assert named - of_learned_weights <= set(api.get(version).json()["files"])


def test_the_layer_table_names_the_layers_and_the_parameters(api: httpx.Client, version: str) -> None:
    table = api.get(f"{version}/summary").text
    assert api.get(f"{version}/files/summary.txt").text == table
    assert "Total params: 61,610" in table
    assert table.count("(Conv2D)") == 3


def test_the_doctor_answers_for_the_job_and_for_its_version(api: httpx.Client, version: str) -> None:
    found = api.get(f"{version}/doctor").json()
    assert found["worst"] in {"none", "info", "warning"}
    published = api.get(version).json()
    assert (published["doctor"], published["passed_over"]) == ({"worst": found["worst"]}, None)
    assert api.get(f"/jobs/{published['job']}").json()["doctor"] == found


def test_the_training_was_filmed_and_the_network_is_drawn(api: httpx.Client, version: str) -> None:
    film = api.get(f"{version}/film").json()
    assert film["epochs"] == [0, 1, 2]
    assert len(film["pictures"]) == 12
    with Image.open(io.BytesIO(api.get(f"{version}/film.png").content)) as strip:
        assert strip.width > 500
    assert "61,610 parameters" in api.get(f"{version}/diagram.svg").text


def test_the_report_shows_every_picture_of_the_run(api: httpx.Client, version: str) -> None:
    page = api.get(f"{version}/report.html").text
    assert page.count("data:image/png;base64,") == 5
    assert "does not have it" not in page


def test_a_mistake_leads_to_its_picture(api: httpx.Client, version: str, sample: Dataset) -> None:
    (mistake,) = api.get(f"{version}/mistakes", params={"worst": 1}).json()["mistakes"]
    with Image.open(io.BytesIO(api.get(mistake["url"]).content)) as picture:
        assert np.array_equal(np.asarray(picture), sample.test_images[mistake["index"]].squeeze())
    assert api.post(mistake["explain"]).json()["label"] == mistake["predicted"]


def test_chosen_mistakes_are_drawn(api: httpx.Client, version: str) -> None:
    heights = []
    for worst in (5, 7):
        with Image.open(io.BytesIO(api.get(f"{version}/mistakes.png", params={"worst": worst}).content)) as gallery:
            heights.append(gallery.height)
    assert heights[1] > heights[0] + 160


def test_a_learning_rate_of_100_publishes_a_version_that_does_not_answer_by_default(api: httpx.Client) -> None:
    job = wait_for(api, submit(api, model="reports", epochs=1, optimizer={"name": "sgd", "learning_rate": 100})["id"])
    broken = job["model"]["version"]
    assert job["doctor"]["passed_over"] == "chance_level"
    assert {"learning_rate_high", "one_class"} <= {finding["code"] for finding in job["doctor"]["findings"]}
    model = api.get("/models/reports").json()
    assert model["latest"] < broken
    assert model["passed_over"] == "chance_level"
    picture = api.get("/datasets/fashion_mnist_sample/pictures/test/0.png").content
    assert api.post("/models/reports/predict", content=picture).json()["version"] == model["latest"]
    assert api.post(f"/models/reports/versions/{broken}/predict", content=picture).json()["version"] == broken


def _png(sample: Dataset, index: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(sample.test_images[index].squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_training_is_written_for_tensorboard(api: httpx.Client, stack: Stack, version: str) -> None:
    job = api.get(f"/jobs/{api.get(version).json()['job']}").json()
    (written,) = (stack.data_dir / "tensorboard" / f"reports-{job['id']}").iterdir()
    answer = api.get(f"/jobs/{job['id']}/tensorboard")
    assert re.search(rf'"events.out.tfevents.\d+.{job["id"]}"', answer.headers["content-disposition"])
    for content in (written.read_bytes(), answer.content):
        assert content.count(b"loss/validation") == len(job["history"]["val_loss"]) == 2
    assert written.read_bytes().count(b"images_per_second") == 2
