"""Trainers forked from a process that has imported Keras behave like trainers that were started directly."""

import contextlib
import ctypes
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.busy_machine import wait_until
from tests.paths import PROJECT
from tests.running import has_argument
from worker.settings import WorkerSettings
from worker.supervision import spare_trainer, trainer_template
from worker.supervision.spare_trainer import SpareTrainer
from worker.supervision.trainer_process import TrainerProcess
from worker.supervision.trainer_template import TemplateFailed, TrainerTemplate
from worker.training import trainer as trainer_module

ENVIRONMENT = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
NICENESS = 1
BROKEN = """
import os, sys
if "worker.training.template" in sys.orig_argv:
    os.write(2, b"no template today")
    os._exit(3)
"""
"""A module that Python runs when it starts."""

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def _orphans_of_others() -> Iterator[None]:
    """Orphans of later tests go to the first process of the machine again."""
    yield
    ctypes.CDLL(None).prctl(36, 0)


@pytest.fixture(scope="module")
def template() -> Iterator[TrainerTemplate]:
    made = TrainerTemplate(NICENESS, ENVIRONMENT)
    yield made
    made.stop()


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(data_dir=tmp_path, trainer_niceness=0)


@pytest.fixture
def start(template: TrainerTemplate) -> Iterator[Callable[[int], TrainerProcess]]:
    """Forks trainers that are stopped at the end of the test, however it ends."""
    with contextlib.ExitStack() as stack:

        def start_trainer(niceness: int) -> TrainerProcess:
            trainer = TrainerProcess(niceness, ENVIRONMENT, template)
            stack.callback(trainer.stop)
            return trainer

        yield start_trainer


@pytest.fixture
def spare(settings: WorkerSettings) -> Iterator[SpareTrainer]:
    made = SpareTrainer(settings)
    yield made
    made.close()


def children(module: str) -> list[psutil.Process]:
    """Children of this process that run a module. One that has only just begun may not show its arguments yet."""
    return [child for child in psutil.Process().children() if has_argument(child, f"worker.training.{module}")]


def wait_for_children(n_templates: int, n_trainers: int) -> None:
    wait_until(lambda: (len(children("template")), len(children("trainer"))) == (n_templates, n_trainers), 10)


def test_a_forked_trainer_is_a_child_of_its_worker_in_a_session_of_its_own(
    start: Callable[[int], TrainerProcess],
) -> None:
    trainer = start(NICENESS)
    process = psutil.Process(trainer.pid)
    assert process.ppid() == os.getpid()
    assert os.getpgid(trainer.pid) == os.getsid(trainer.pid) == trainer.pid
    wait_until(lambda: process.cmdline()[1:3] == ["-m", "worker.training.trainer"], 5)
    assert process.nice() == NICENESS
    assert Path(f"/proc/{trainer.pid}/oom_score_adj").read_text().strip() == "900"
    kinds = {str(Path(f"/proc/{trainer.pid}/fd/{number}").readlink()).partition(":")[0] for number in range(3)}
    assert kinds == {"pipe", str(trainer.work_dir / "output.log")}
    assert trainer.is_alive()
    os.kill(trainer.pid, signal.SIGTERM)
    assert trainer.exit_status() == -signal.SIGTERM
    assert psutil.pid_exists(trainer.pid), "its id could be another process's before its group is killed"
    trainer.stop()
    assert not psutil.pid_exists(trainer.pid)
    assert not trainer.work_dir.exists()
    with pytest.raises(EOFError):
        trainer.receive(timeout_s=5)


def test_a_trainer_outlives_its_template(template: TrainerTemplate, start: Callable[[int], TrainerProcess]) -> None:
    trainer = start(0)
    trainer.await_start()
    os.kill(template.pid, signal.SIGKILL)
    wait_until(lambda: not template.is_alive(), 5)
    assert trainer.is_alive()
    too_late = start(0)
    with pytest.raises(TemplateFailed):
        too_late.await_start()
    too_late.stop()
    assert not too_late.work_dir.exists()
    trainer.stop()
    assert not psutil.pid_exists(trainer.pid)


def test_where_no_template_can_run_trainers_are_started_directly(
    settings: WorkerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{PROJECT}")
    with contextlib.closing(SpareTrainer(settings)) as spare, contextlib.ExitStack() as stack:
        spare.prepare()
        trainer = spare.take()
        stack.callback(trainer.stop)
        assert trainer.is_alive()
        assert "no template today" in caplog.text
        spare.prepare()
        wait_for_children(0, 2)
    assert not children("trainer")


def test_a_template_that_hangs_is_replaced_by_a_trainer(
    spare: SpareTrainer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trainer_template, "PATIENCE_S", 0.1)
    spare.prepare()
    wait_for_children(1, 0)
    (hanging,) = children("template")
    hanging.suspend()
    with contextlib.ExitStack() as stack:
        trainer = spare.take()
        stack.callback(trainer.stop)
        assert trainer.is_alive()
        assert "did nothing for" in caplog.text
        assert not hanging.is_running()


def test_a_worker_that_ends_before_the_import_leaves_nothing(spare: SpareTrainer) -> None:
    spare.prepare()
    wait_for_children(1, 0)
    spare.close()
    assert (children("template"), children("trainer")) == ([], [])


@pytest.mark.parametrize(("setting", "n_trainers"), [("trainer_template", 1), ("spare_trainer", 0)])
def test_a_setting_turns_the_template_off(
    setting: str, n_trainers: int, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare_trainer, "TrainerTemplate", None)
    with contextlib.closing(SpareTrainer(settings.model_copy(update={setting: False}))) as spare:
        spare.prepare()
        wait_for_children(0, n_trainers)


def test_a_trainer_that_is_being_prepared_hurries_when_its_order_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    hurries = threading.Event()
    monkeypatch.setattr(trainer_module, "set_session_niceness", lambda _: hurries.set())
    read, write = os.pipe()
    with os.fdopen(read, "rb") as orders, os.fdopen(write, "wb", buffering=0) as worker:
        link = trainer_module.WorkerLink(orders, io.BytesIO())
        with trainer_module._hurrying(link, NICENESS):
            assert not hurries.wait(0.3)
            worker.write(b"an order")
            assert hurries.wait(60)
