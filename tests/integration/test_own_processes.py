"""Work that runs in a process of its own, started as the service starts it."""

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.archives import two_classes, zipped
from tests.unit.worker.datasets.conversion_orders import ordered
from worker.datasets.upload.messages import CONVERTER_MESSAGES, Refused
from worker.jobs.records import History


def test_the_module_draws_in_a_process_of_its_own() -> None:
    history = History(loss=(1.0, 0.5), accuracy=(0.5, 0.8), val_loss=(1.0, 0.6), val_accuracy=(0.5, 0.7))
    command = [sys.executable, "-m", "worker.reports.curves", "png", "title"]
    done = subprocess.run(command, input=history.model_dump_json().encode(), stdout=subprocess.PIPE, check=True)
    assert Image.open(io.BytesIO(done.stdout)).format == "PNG"


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "upload.zip").write_bytes(zipped(two_classes(300)))
    (tmp_path / "records.bin").symlink_to("/dev/full")
    order = ordered(tmp_path, image_size=64)
    command = [sys.executable, "-m", "worker.datasets.upload.convert"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        last = CONVERTER_MESSAGES.validate_json(process.stdout.readlines()[-1])
    assert isinstance(last, Refused)
    assert last.code == "disk_full"
    assert last.hint is not None
