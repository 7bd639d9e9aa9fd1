"""The behaviour of every store, through a server that speaks S3."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from model_store import ModelStore, StoreUnavailable, open_store
from model_store.bucket import Bucket
from model_store.objects import Objects
from model_store.opening import open_objects
from model_store.whole import WholeStore
from service.cli.backup.making import run_backup
from service.cli.backup.restoring import run_restore
from tests.s3 import s3_environment
from tests.unit.model_store.published import publish
from tests.unit.model_store.store_behaviour import StoreBehaviour
from worker.settings import SharedSettings


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server on a free port, with one bucket.

    moto's own ThreadedMotoServer answers several requests at once and checks `If-None-Match` without a lock, so two
    rivals could both win now and then. S3 itself decides atomically; here one request at a time does.
    """
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=False, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    httpx.put(f"{url}/bucket").raise_for_status()
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator sets for an S3 server of their own."""
    for name, value in s3_environment(endpoint).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def objects(environment: None) -> Objects:
    return open_objects(f"s3://bucket/{uuid4().hex}/deeper")


@pytest.fixture
def store(objects: Objects) -> ModelStore:
    return ModelStore(objects)


class TestStoreOnS3(StoreBehaviour):
    """Every behaviour of the store, through HTTP."""


@pytest.mark.usefixtures("environment")
def test_two_openings_of_one_prefix_are_one_store_and_another_prefix_is_another() -> None:
    publish(open_store("s3://bucket/one"))

    assert open_store("s3://bucket/one/").models() == ["shirts"]
    assert open_store("s3://bucket/on").models() == []


def test_a_backup_of_a_bucket_is_restored_into_a_directory_and_into_another_bucket(
    objects: Objects, store: ModelStore, tmp_path: Path
) -> None:
    publish(store)
    publish(store, files={"model.onnx": bytes(9 * 2**20)})
    store.set_alias("shirts", "champion", 1)
    before = {stored.path: objects.read(stored.path) for stored in WholeStore(objects).list()}
    archive = tmp_path / "backup.tar.gz"
    run_backup(
        SharedSettings(data_dir=tmp_path, store_url=objects.url), str(archive), with_jobs=True, may_replace=False
    )
    for url in (str(tmp_path / "directory"), f"s3://bucket/{uuid4().hex}"):
        target = SharedSettings(data_dir=tmp_path / "new", store_url=url, min_free_bytes=0)
        run_restore(target, archive, with_jobs=True, may_replace=False)
        restored = open_objects(url)
        assert {stored.path: restored.read(stored.path) for stored in restored.list("")} == before


@pytest.mark.usefixtures("environment")
def test_a_bucket_that_does_not_exist_is_unavailable_and_not_empty() -> None:
    store = open_store("s3://missing/store")

    for call in (store.check, store.models, lambda: store.versions("shirts"), lambda: publish(store)):
        with pytest.raises(StoreUnavailable, match="s3://missing/store"):
            call()


@pytest.mark.usefixtures("environment")
def test_a_server_that_does_not_answer_is_unavailable_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = open_store("s3://bucket/store")

    for call in (store.check, store.models, lambda: store.manifest("shirts", 1)):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1
        assert caught.value.__cause__ is not None


@pytest.mark.parametrize(("n_objects", "page"), [(25, 10), pytest.param(1102, 1000, marks=pytest.mark.long)])
def test_more_objects_than_one_page_of_a_listing_are_all_found(
    objects: Objects, endpoint: str, n_objects: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(page))  # of the server, which is a thread of this process
    assert isinstance(objects, Bucket)
    for number in range(1, n_objects + 1):
        objects.put(f"models/shirts/numbers/{number}", b"")

    prefix = objects.url.removeprefix("s3://bucket/")
    listed = httpx.get(f"{endpoint}/bucket", params={"list-type": "2", "prefix": prefix}).text
    assert listed.count("<Key>") == page
    assert publish(ModelStore(objects)).version == n_objects + 1
