"""What `convserve train` sends, and what it says in the end."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from service.cli.errors import CommandFailed
from service.cli.train import curves_path, job_request, report_end
from worker.jobs.records import JobRecord

MakeJob = Callable[..., JobRecord]


def test_only_what_was_said_is_sent() -> None:
    request = job_request("lenet5-fashion", "fashion_mnist", None, None, None, epochs=10, seed=None)
    assert request == {"architecture": "lenet5-fashion", "dataset": "fashion_mnist", "epochs": 10}


def test_an_optimizer_carries_its_learning_rate() -> None:
    request = job_request("cnn", "cifar10", "sgd", 0.05, "test")
    assert request["optimizer"] == {"name": "sgd", "learning_rate": 0.05}
    assert request["validation"] == "test"


def test_an_optimizer_alone_is_a_name_and_a_share_is_a_number() -> None:
    request = job_request("cnn", "cifar10", "adam", None, "0.2")
    assert request["optimizer"] == "adam"
    assert request["validation"] == 0.2
    assert job_request("cnn", "cifar10", None, None, "validation")["validation"] == "validation"


def test_an_architecture_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    layers = {"layers": [{"type": "flatten"}]}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(layers))
    assert job_request(str(file), "cifar10", None, None, None)["architecture"] == layers


@pytest.mark.parametrize(
    ("architecture", "optimizer", "learning_rate", "validation", "message"),
    [
        ("cnn", None, 0.1, None, "--learning-rate needs an optimizer"),
        ("cnn", None, None, "half", "--validation must be a share"),
        ("/nowhere/net.json", None, None, None, "cannot read /nowhere/net.json: No such file"),
    ],
)
def test_words_that_make_no_request_are_refused(
    architecture: str, optimizer: str | None, learning_rate: float | None, validation: str | None, message: str
) -> None:
    with pytest.raises(CommandFailed, match=message):
        job_request(architecture, "cifar10", optimizer, learning_rate, validation)


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text("layers:")
    with pytest.raises(CommandFailed, match="is not JSON"):
        job_request(str(tmp_path / "net.json"), "cifar10", None, None, None)


def test_success_names_accuracy_and_version(make_job: MakeJob) -> None:
    model = {"name": "shoes", "version": 3, "test_loss": 0.5, "test_accuracy": 0.8174}
    written = io.StringIO()
    published = report_end(make_job(state="succeeded", model=model), Console(file=written, width=200))
    assert "Test accuracy 0.8174" in written.getvalue()
    assert "shoes, version 3" in written.getvalue()
    assert curves_path(published) == "/models/shoes/versions/3/files/curves.png"


def test_failure_names_the_reason_and_the_hint(make_job: MakeJob) -> None:
    error = {"code": "diverged", "message": "The loss is not a number.", "hint": "Try a smaller learning rate."}
    with pytest.raises(CommandFailed) as failure:
        report_end(make_job(state="failed", error=error), Console(file=io.StringIO()))
    assert str(failure.value).endswith("failed (diverged): The loss is not a number.\n  Try a smaller learning rate.")


def test_a_cancelled_job_is_no_success(make_job: MakeJob) -> None:
    with pytest.raises(CommandFailed, match="was cancelled"):
        report_end(make_job(state="cancelled"), Console(file=io.StringIO()))
