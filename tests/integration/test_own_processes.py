"""Work that runs in a process of its own, started as the service starts it."""

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.archives import two_classes, zipped
from tests.unit.worker.datasets.conversion_orders import ordered
from worker.datasets.upload.messages import CONVERTER_MESSAGES, ConversionOrder, ConverterMessage, Refused
from worker.jobs.records import History


def test_the_module_draws_in_a_process_of_its_own() -> None:
    history = History(loss=(1.0, 0.5), accuracy=(0.5, 0.8), val_loss=(1.0, 0.6), val_accuracy=(0.5, 0.7))
    command = [sys.executable, "-m", "worker.reports.curves", "png", "title"]
    done = subprocess.run(command, input=history.model_dump_json().encode(), stdout=subprocess.PIPE, check=True)
    assert Image.open(io.BytesIO(done.stdout)).format == "PNG"


def last_message(order: ConversionOrder) -> ConverterMessage:
    """The last message of a real converter process."""
    command = [sys.executable, "-m", "worker.datasets.upload.convert"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        return CONVERTER_MESSAGES.validate_json(process.stdout.readlines()[-1])


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "upload.zip").write_bytes(zipped(two_classes(300)))
    (tmp_path / "records.bin").symlink_to("/dev/full")
    last = last_message(ordered(tmp_path, image_size=64))
    assert isinstance(last, Refused)
    assert last.code == "disk_full"
    assert last.hint is not None


def test_a_conversion_that_needs_more_memory_than_allowed_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "upload.zip").write_bytes(zipped(two_classes(300)))
    order = ordered(tmp_path)
    last = last_message(
        order.model_copy(update={"limits": order.limits.model_copy(update={"max_memory_bytes": 2**20})})
    )
    assert isinstance(last, Refused)
    assert last.code == "out_of_memory"
    assert "CONVSERVE_MAX_DATASET_MEMORY_BYTES" in str(last.hint)
