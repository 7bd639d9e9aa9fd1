"""The `convserve` command against a real server: train, watch, classify, look, cancel; and the demo, start to end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from tests.busy_machine import PATIENCE_S, exit_code, settings_when_busy
from tests.command_line import convserve
from tests.running import Stack, submit, wait_for
from worker.datasets import load_dataset


def convserve_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=os.environ | {"COLUMNS": "160"} | environment,
    )


@pytest.fixture(scope="module")
def trained(stack: Stack) -> subprocess.CompletedProcess[str]:
    """`convserve train` from submission to the end of the job."""
    return convserve_process(
        *("train", "lenet5-fashion", "fashion_mnist_sample", "--epochs", "2", "--train-samples", "600"),
        *("--optimizer", "adam", "--learning-rate", "0.002", "--validation", "test", "--seed", "3"),
        *("--model", "from-the-shell", "--url", stack.url),
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "boot.png"
    Image.fromarray(load_dataset("fashion_mnist_sample", tmp_path).test_images[0].squeeze()).save(path)
    return path


def test_what_is_inside_a_trained_network_is_drawn(
    stack: Stack, trained: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    assert trained.returncode == 0, trained.stderr
    Image.fromarray(load_dataset("fashion_mnist_sample", tmp_path).test_images[0, :, :, 0]).save(tmp_path / "boot.png")
    chosen = ("--model", "from-the-shell", "--url", stack.url)

    look = convserve("look", str(tmp_path / "boot.png"), *chosen)
    explain = convserve(
        "explain", str(tmp_path / "boot.png"), "--version", "1", "-o", str(tmp_path / "why.png"), *chosen
    )

    assert (look.returncode, explain.returncode) == (0, 0), look.stderr + explain.stderr
    assert "boot-look.png: from-the-shell/versions/1" in look.stdout
    for name in ("boot-look.png", "why.png"):
        with Image.open(tmp_path / name) as drawn:
            assert drawn.width > 400
    refused = convserve("explain", str(tmp_path / "boot.png"), "--layer", "flatten", *chosen)
    assert refused.returncode == 1
    assert "average_pooling2d_1" in refused.stderr


def test_train_follows_a_job_to_its_published_model(trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stderr
    lines = trained.stdout.splitlines()
    assert re.fullmatch(r"Job \w+: lenet5-fashion on fashion_mnist_sample", lines[0])
    assert [line[:9] for line in lines if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert "Published as from-the-shell, version 1" in lines
    assert re.search(r"Test accuracy 0\.\d{4}", trained.stdout)


def test_train_says_where_the_curves_are(trained: subprocess.CompletedProcess[str]) -> None:
    found = re.search(r"Curves: (http\S+)", trained.stdout)
    assert found is not None
    assert httpx.get(found[1]).content.startswith(b"\x89PNG")


@pytest.mark.usefixtures("trained")
def test_predict_shows_the_most_probable_classes(stack: Stack, picture: Path) -> None:
    shown = convserve("predict", str(picture), "--model", "from-the-shell", "--top-k", "2", "--url", stack.url)
    assert shown.returncode == 0, shown.stderr
    assert "from-the-shell, version 1" in shown.stdout
    assert len(re.findall(r"\d\.\d{4}", shown.stdout)) == 2


@pytest.mark.usefixtures("trained")
def test_predict_answers_for_the_good_pictures_and_fails_for_the_bad(stack: Stack, picture: Path) -> None:
    bad = picture.with_name("bad.png")
    bad.write_bytes(b"not a picture")
    shown = convserve("predict", str(picture), str(bad), "--json", "--url", stack.url)
    assert shown.returncode == 1
    assert "1 of 2 pictures" in shown.stderr
    assert ["error" in prediction for prediction in json.loads(shown.stdout)["predictions"]] == [False, True]


@pytest.mark.usefixtures("trained")
def test_models_lists_models_and_versions(stack: Stack) -> None:
    assert "from-the-shell" in convserve("models", "--url", stack.url).stdout
    versions = convserve("models", "from-the-shell", "--url", stack.url).stdout
    assert "fashion_mnist_sample" in versions
    assert "61,610" in versions


def test_jobs_lists_and_shows_jobs(stack: Stack, trained: subprocess.CompletedProcess[str]) -> None:
    job = trained.stdout.split()[1].rstrip(":")
    assert job in convserve("jobs", "--state", "succeeded", "--url", stack.url).stdout
    shown = convserve("jobs", job, "--url", stack.url).stdout
    assert "from-the-shell, version 1" in shown
    assert "learning_rate 0.002" in shown


def test_a_request_that_cannot_work_is_refused_in_words(stack: Stack, tmp_path: Path) -> None:
    network = tmp_path / "network.json"
    layers = [{"type": "conv2d", "filters": 4, "kernel_size": 32}, {"type": "flatten"}]
    output = {"type": "dense", "units": "classes", "activation": "softmax"}
    network.write_text(json.dumps({"layers": [*layers, output]}))
    refused = convserve("train", str(network), "fashion_mnist_sample", "--url", stack.url)
    assert refused.returncode == 1
    assert "layer 0 (conv2d)" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_is_not_there_is_one_line(stack: Stack) -> None:
    for arguments in (["jobs", "nosuchjob"], ["models", "no-such-model"]):
        refused = convserve(*arguments, "--url", stack.url)
        assert refused.returncode == 1
        assert refused.stderr.startswith("convserve: ")
        assert refused.stderr.count("\n") == 1


def test_a_server_that_is_not_running_is_one_line_and_a_hint() -> None:
    refused = convserve_process("jobs", CONVSERVE_PORT="9")
    assert refused.returncode == 1
    assert refused.stderr == (
        "convserve: no server answers at http://127.0.0.1:9\n"
        "  Start one with `convserve up`, or choose another with --url.\n"
    )


def test_a_job_is_cancelled(stack: Stack, api: httpx.Client) -> None:
    job = submit(api, epochs=500)
    assert "cancelled" in convserve("jobs", job["id"], "--cancel", "--url", stack.url).stdout
    assert wait_for(api, job["id"])["state"] == "cancelled"
    assert f"Job {job['id']} is cancelled." in convserve("jobs", job["id"], "--cancel", "--url", stack.url).stdout


def test_a_job_that_has_ended_is_not_cancelled(stack: Stack, trained: subprocess.CompletedProcess[str]) -> None:
    job = trained.stdout.split()[1].rstrip(":")
    assert "had already ended: succeeded" in convserve("jobs", job, "--cancel", "--url", stack.url).stdout


@pytest.mark.parametrize(
    ("options", "said", "state"),
    [((), "continues. Cancel it with:", "running"), (("--cancel-on-interrupt",), "is being cancelled", "cancelled")],
)
def test_ctrl_c_leaves_the_job_or_cancels_it(
    options: tuple[str, ...], said: str, state: str, stack: Stack, api: httpx.Client
) -> None:
    arguments = ("train", "lenet5-fashion", "fashion_mnist_sample", "--epochs", "500", "--url", stack.url, *options)
    with subprocess.Popen(
        [sys.executable, "-m", "service.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        job = process.stdout.readline().split()[1].rstrip(":")
        wait_for(api, job, "running")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert exit_code(process, 10) == 130
    assert said in rest
    wait_for(api, job, state)
    api.post(f"/jobs/{job}/cancel")


def test_the_demo_trains_classifies_and_leaves_only_its_files(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    shown = convserve_process("demo", "--dir", str(directory), **settings_when_busy())
    assert shown.returncode == 0, shown.stderr
    accuracy = re.search(r"Test accuracy (0\.\d{4})", shown.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) >= 0.75
    with Image.open(directory / "curves.png") as curves:
        assert curves.width > 600
    assert len(list((directory / "pictures").glob("*.png"))) == 6
    assert len(re.findall(r"│ [a-z-]+\.png +│", shown.stdout)) == 6
    assert f"curl http://127.0.0.1:8000/predict -F file=@{directory}/pictures/" in shown.stdout
    assert not processes_in(directory)


@pytest.mark.parametrize("delay_s", [0.5, 2.0, 6.0])
def test_ctrl_c_ends_the_demo_at_any_moment(delay_s: float, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "demo", "--dir", str(tmp_path / "demo")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    assert exit_code(process, 20) != 0
    assert not processes_in(tmp_path / "demo")


def processes_in(directory: Path) -> list[str]:
    """Command lines of the processes that work on a data directory."""

    def works_there(process: psutil.Process) -> bool:
        try:
            variables = process.environ()
            return directory in {Path(variables.get("CONVSERVE_DATA_DIR", "")), Path(process.cwd()).parent}
        except psutil.Error:
            return False

    return [" ".join(process.cmdline()) for process in psutil.process_iter() if works_there(process)]
