"""A full disk: new work is refused or fails as `disk_full`, predictions go on, and free space is enough to recover."""

import os
from pathlib import Path

import httpx
import pytest

from model_store import StoreFull, open_store
from tests.busy_machine import wait_until
from tests.promises.ledger import Ledger
from tests.promises.pictures import PNG
from tests.promises.processes import succeeds, train
from tests.promises.servers import Broker
from tests.running import running_stack, submit, wait_for
from tests.unit.model_store.published import publish

MB = 1_000_000
SMALL = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1, "train_samples": 100}


def fill(disk: Path, leave_bytes: int = 0) -> Path:
    """Take all free space except this many bytes."""
    filler = disk / "filler"
    facts = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(facts.f_bavail * facts.f_frsize - leave_bytes, 1))
    return filler


def predicts(api: httpx.Client) -> bool:
    answer = api.post("/models/small/predict", content=PNG, headers={"Content-Type": "image/png"})
    return answer.status_code == 200


def test_disk_full_while_publishing(small_disk: Path) -> None:
    store = open_store(str(small_disk / "store"))
    publish(store, files={"part-0.bin": b"0" * MB})
    filler = fill(small_disk, leave_bytes=MB // 2)
    with pytest.raises(StoreFull):
        publish(store, files={"part-0.bin": b"1" * MB})
    assert store.versions("shirts") == [1]
    assert store.read("shirts", 1, "part-0.bin") == b"0" * MB
    assert not list((small_disk / "store/staging").iterdir())
    filler.unlink()
    assert publish(store, files={"part-0.bin": b"2" * MB}).version > 1


def test_room_to_be_left_alone(small_disk: Path) -> None:
    store = open_store(str(small_disk / "store"), min_free_bytes=20 * MB)
    filler = fill(small_disk, leave_bytes=21 * MB)
    store.require_free_space()
    with pytest.raises(StoreFull, match="expected 22 MB, found 2"):
        store.require_free_space(2 * MB)
    filler.unlink()
    fill(small_disk, leave_bytes=19 * MB)
    with pytest.raises(StoreFull, match="too little free space"):
        publish(store, files={"part-0.bin": b"1"})
    assert store.models() == []


def test_store_below_its_floor(ledger: Ledger, small_disk: Path, broker: Broker, tmp_path: Path) -> None:
    with (
        ledger.promise(
            "store's disk below `CONVSERVE_MIN_FREE_BYTES`: jobs are refused with 507, one that is training fails as "
            "`disk_full` and leaves nothing, predicting goes on, everything works again once there is free space",
            few=0,
            many=2,
        ) as promise,
        running_stack(
            tmp_path / "data",
            tmp_path / "log.txt",
            CONVSERVE_REDIS_URL=broker.url,
            CONVSERVE_STORE_URL=str(small_disk / "store"),
            CONVSERVE_MIN_FREE_BYTES=str(20 * MB),
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        assert succeeds(api)
        for _ in promise:
            job = train(api)["id"]
            filler = fill(small_disk, leave_bytes=15 * MB)
            refused = api.post("/jobs", json=SMALL)
            promise.require(refused.status_code == 507, f"a job was answered {refused.status_code}")
            promise.require(refused.json()["code"] == "disk_full", refused.text)
            promise.require(predicts(api), "predicting stopped")
            ended = wait_for(api, job)
            promise.require(ended["state"] == "failed", f"ended as {ended['state']}")
            promise.require(bool(ended["error"]) and ended["error"]["code"] == "disk_full", f"{ended['error']}")
            promise.require(not list((small_disk / "store/staging").iterdir()), "temporary files were left")
            filler.unlink()
            promise.require(succeeds(api), "with free space again, a job did not succeed")


def test_data_directory_without_a_byte_left(ledger: Ledger, small_disk: Path, tmp_path: Path) -> None:
    with (
        ledger.promise(
            "not a byte left where everything is kept, the private server's file included, while a job trains: "
            "predictions go on, accepted jobs are kept, and everything works again without help once there is free "
            "space",
            few=0,
            many=2,
        ) as promise,
        running_stack(small_disk / "data", tmp_path / "log.txt", CONVSERVE_MIN_FREE_BYTES="0") as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        assert succeeds(api)
        for _ in promise:
            job = train(api)["id"]
            filler = fill(small_disk)
            answers = [api.post("/jobs", json=SMALL) for _ in range(5)]
            codes = {answer.status_code for answer in answers}
            promise.require(codes <= {202, 503, 507}, f"jobs were answered {codes}")
            promise.require(predicts(api), "predicting stopped")
            filler.unlink()
            wait_until(lambda: api.get("/jobs").status_code == 200, 40)
            ended = wait_for(api, job)
            is_honest = ended["state"] == "succeeded" or ended["error"]["code"] == "disk_full"
            promise.require(is_honest, f"ended as {ended['state']}: {ended['error']}")
            for answer in answers:
                if answer.status_code == 202:
                    kept = wait_for(api, answer.json()["id"])
                    promise.require(kept["state"] == "succeeded", f"accepted, and ended as {kept['state']}")
            promise.require(succeeds(api), "with free space again, a job did not succeed")


def test_trainer_without_room_for_temporary_files(ledger: Ledger, small_disk: Path, tmp_path: Path) -> None:
    with (
        ledger.promise(
            "no free space for a trainer's temporary files: the job fails as `disk_full`, the next job runs",
            few=0,
            many=2,
        ) as promise,
        running_stack(tmp_path / "data", tmp_path / "log.txt", TMPDIR=str(small_disk)) as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        assert succeeds(api)
        for _ in promise:
            job = submit(api, epochs=20, train_samples=600)["id"]
            wait_until(lambda: api.get(f"/jobs/{job}").json()["progress"]["epoch"] >= 1, 60)
            filler = fill(small_disk)
            ended = wait_for(api, job)
            promise.require(bool(ended["error"]) and ended["error"]["code"] == "disk_full", f"{ended}")
            filler.unlink()
            promise.require(succeeds(api), "with free space again, a job did not succeed")
