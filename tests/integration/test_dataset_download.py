"""Downloads against a real server on this machine, well behaved and not."""

import base64
import dataclasses
import gzip
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.paths import PROJECT, SHARED_DATA
from tests.unit.worker.datasets.made_files import idx_gz
from worker.datasets import DATASETS, DatasetCorrupt, DatasetUnavailable, DownloadProgress, is_available, load_dataset
from worker.datasets.download import ABANDONED_AFTER_S, download
from worker.datasets.official import OFFICIAL, Official, OfficialFile

IMPATIENT = httpx.Timeout(0.3)
FIRST, SECOND = os.urandom(700_000), os.urandom(300_000)
Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Shelf:
    """A server, and what it says at each path."""

    url: str
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, path: str, data: bytes, **headers: str) -> None:
        self.replies[path] = lambda request: send(request, data, headers)


def send(request: BaseHTTPRequestHandler, data: bytes, headers: dict[str, str], length: int | None = None) -> None:
    request.send_response(200)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(data) if length is None else length))
    request.end_headers()
    request.wfile.write(data)


def send_without_length(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(data)


def redirect(request: BaseHTTPRequestHandler, target: str) -> None:
    request.send_response(302)
    request.send_header("Location", target)
    request.send_header("Content-Length", "0")
    request.end_headers()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            reply = here.replies.get(self.path)
            if reply is None:
                self.send_error(404)
            else:
                try:
                    reply(self)
                except ConnectionError:
                    self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here = Shelf(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield here
        server.shutdown()
        thread.join()


def known(name: str, data: bytes) -> OfficialFile:
    return OfficialFile(name, len(data), hashlib.sha256(data).hexdigest())


def two_files(shelf: Shelf) -> Official:
    return Official(
        folder="small",
        url=f"{shelf.url}/files/",
        mirror_setting="CONVSERVE_SMALL_URL",
        files=(known("first.gz", FIRST), known("second.gz", SECOND)),
    )


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def in_archive(shelf: Shelf, archive: bytes) -> Official:
    shelf.put("/small.tar.gz", archive)
    return Official(
        folder="small",
        url=f"{shelf.url}/small.tar.gz",
        mirror_setting="CONVSERVE_SMALL_URL",
        files=(known("first", FIRST), known("second", SECOND)),
        archive=OfficialFile("small.tar.gz", len(archive), hashlib.md5(archive).hexdigest(), "md5"),
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.glob("**/*") if not path.is_dir()}


def refuse(official: Official, datasets_dir: Path, **options: str) -> DatasetUnavailable:
    """The error of a download that must fail and leave nothing behind."""
    before = contents(datasets_dir)
    with pytest.raises(DatasetUnavailable) as refused:
        download("small", official, datasets_dir, timeout=IMPATIENT, mirror=options.get("mirror"))
    assert contents(datasets_dir) == before
    error = refused.value
    assert error.name == "small"
    assert str(datasets_dir / "small") in error.hint
    assert "CONVSERVE_SMALL_URL" in error.hint
    assert all(file.name in error.hint for file in official.files)
    return error


# What goes well


def test_files_are_fetched_whole_and_progress_is_told(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("/files/first.gz", FIRST)
    shelf.put("/files/second.gz", SECOND)
    told: list[DownloadProgress] = []
    download("small", two_files(shelf), tmp_path / "new" / "datasets", on_progress=told.append)
    assert contents(tmp_path) == {"new/datasets/small/first.gz": FIRST, "new/datasets/small/second.gz": SECOND}
    first = [progress.received_bytes for progress in told if progress.file == "first.gz"]
    assert len(first) > 1
    assert first == sorted(first)
    assert (first[-1], told[0].total_bytes, told[0].dataset) == (len(FIRST), len(FIRST), "small")
    assert str(told[-1]) == "second.gz: 0.3 of 0.3 MB"


def test_only_what_is_missing_is_fetched(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("/files/second.gz", SECOND)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "first.gz").write_bytes(b"put here by hand")
    download("small", two_files(shelf), tmp_path)
    assert contents(tmp_path / "small") == {"first.gz": b"put here by hand", "second.gz": SECOND}
    assert shelf.asked == ["/files/second.gz"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_takes_the_place_of_the_official_home(shelf: Shelf, tmp_path: Path, slash: str) -> None:
    shelf.put("/mirror/first.gz", FIRST)
    shelf.put("/mirror/second.gz", SECOND)
    download("small", two_files(shelf), tmp_path, mirror=f"{shelf.url}/mirror{slash}")
    assert set(shelf.asked) == {"/mirror/first.gz", "/mirror/second.gz"}


def test_a_mirrors_password_is_sent_and_never_logged(
    shelf: Shelf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sent: list[str | None] = []

    def reply(request: BaseHTTPRequestHandler) -> None:
        sent.append(request.headers["Authorization"])
        send(request, FIRST, {})

    shelf.replies["/files/first.gz"] = reply
    url = shelf.url.replace("://", "://reader:secret@") + "/files"
    official = Official("small", url, "CONVSERVE_SMALL_URL", (known("first.gz", FIRST),))
    download("small", official, tmp_path)
    assert sent == [f"Basic {base64.b64encode(b'reader:secret').decode()}"]
    assert "/files/first.gz" in caplog.text
    assert "secret" not in caplog.text


def test_redirects_are_followed(shelf: Shelf, tmp_path: Path) -> None:
    shelf.replies["/files/first.gz"] = lambda request: redirect(request, "/elsewhere")
    shelf.put("/elsewhere", FIRST)
    shelf.put("/files/second.gz", SECOND)
    download("small", two_files(shelf), tmp_path)
    assert contents(tmp_path / "small")["first.gz"] == FIRST


def test_a_server_that_calls_the_file_encoded_does_not_get_it_unpacked(shelf: Shelf, tmp_path: Path) -> None:
    data = gzip.compress(FIRST)
    shelf.put("/files/first.gz", data, Content_Encoding="gzip", Content_Type="application/octet-stream")
    official = Official("small", f"{shelf.url}/files", "CONVSERVE_SMALL_URL", (known("first.gz", data),))
    download("small", official, tmp_path)
    assert contents(tmp_path / "small") == {"first.gz": data}


def test_an_archive_is_unpacked_by_known_names_only(shelf: Shelf, tmp_path: Path) -> None:
    archive = packed(
        {
            "../../outside": b"evil",
            "/tmp/absolute": b"evil",
            "small/../../climbing": b"evil",
            "small/readme.html": b"not needed",
            "second": b"at another place",
            "small/first": FIRST,
            "small/second": SECOND,
        }
    )
    download("small", in_archive(shelf, archive), tmp_path / "data" / "sets")
    assert contents(tmp_path) == {"data/sets/small/first": FIRST, "data/sets/small/second": SECOND}


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs ../shared/data")
def test_fashion_mnist_is_fetched_from_a_mirror_and_loaded(shelf: Shelf, tmp_path: Path) -> None:
    for file in OFFICIAL["fashion_mnist"].files:
        shelf.put(f"/{file.name}", (SHARED_DATA / "fashion-mnist" / file.name).read_bytes())
    assert not is_available("fashion_mnist", tmp_path)
    fetched = load_dataset("fashion_mnist", tmp_path, mirror=shelf.url)
    assert is_available("fashion_mnist", tmp_path)
    assert fetched.fingerprint == load_dataset("fashion_mnist", SHARED_DATA).fingerprint
    assert len(shelf.asked) == 4


def test_a_broken_connection_goes_on_where_it_broke(shelf: Shelf, tmp_path: Path) -> None:
    """The server sends a third of the rest each time, and no byte twice."""
    sent = []

    def cut(request: BaseHTTPRequestHandler) -> None:
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        data = FIRST[start : start + 250_000]
        sent.append(len(data))
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(FIRST) - 1}/{len(FIRST)}")
        request.send_header("Content-Length", str(len(FIRST) - start))
        request.end_headers()
        request.wfile.write(data)

    shelf.replies["/files/first.gz"] = cut
    shelf.put("/files/second.gz", SECOND)
    told: list[int] = []
    download("small", two_files(shelf), tmp_path, on_progress=lambda now: told.append(now.received_bytes))
    assert contents(tmp_path / "small") == {"first.gz": FIRST, "second.gz": SECOND}
    assert sum(sent) == len(FIRST)
    assert max(told) == len(FIRST)


def test_a_server_without_ranges_sends_the_file_again(shelf: Shelf, tmp_path: Path) -> None:
    lengths = [400_000, len(FIRST)]
    shelf.replies["/files/first.gz"] = lambda request: send(request, FIRST[: lengths.pop(0)], {}, length=len(FIRST))
    shelf.put("/files/second.gz", SECOND)
    download("small", two_files(shelf), tmp_path)
    assert contents(tmp_path / "small") == {"first.gz": FIRST, "second.gz": SECOND}


@pytest.mark.parametrize("name", ["mnist", "cifar100"])
def test_files_that_are_not_the_official_ones_are_refused(name: str, shelf: Shelf, tmp_path: Path) -> None:
    for file in OFFICIAL[name].files:
        shelf.put(f"/{file.name}", b"other bytes")
    shelf.put("/archive.tar.gz", b"other bytes")
    with pytest.raises(DatasetUnavailable, match="too short"):
        load_dataset(name, tmp_path, mirror=f"{shelf.url}/archive.tar.gz" if name == "cifar100" else shelf.url)
    assert contents(tmp_path) == {}


def test_mnist_is_fetched_checked_and_read(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With files of the official shapes, since the official ones are not here."""
    info = DATASETS["mnist"]
    files = []
    for prefix, per_class in (("train", info.train_per_class), ("t10k", info.test_per_class)):
        labels = np.repeat(np.arange(10, dtype=np.uint8), per_class)
        pictures = np.broadcast_to(labels[:, None, None], (len(labels), 28, 28))
        for name, values in ((f"{prefix}-images-idx3-ubyte.gz", pictures), (f"{prefix}-labels-idx1-ubyte.gz", labels)):
            data = idx_gz(values)
            shelf.put(f"/{name}", data)
            files.append(known(name, data))
    made = dataclasses.replace(OFFICIAL["mnist"], files=tuple(files))
    monkeypatch.setattr("worker.datasets.loading.OFFICIAL", {**OFFICIAL, "mnist": made})
    found = load_dataset("mnist", tmp_path, mirror=shelf.url)
    assert tuple(np.bincount(found.train_labels)) == info.train_per_class
    assert found.test_images.shape == (10_000, 28, 28, 1)
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(idx_gz(np.zeros(10_000, np.uint8)))
    with pytest.raises(DatasetCorrupt, match=r"t10k-labels-idx1-ubyte\.gz: not as published"):
        load_dataset("mnist", tmp_path)


# What goes wrong


def test_no_server_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DatasetUnavailable, match=r"cifar10 is not available: no connection to 127\.0\.0\.1") as refused:
        load_dataset("cifar10", tmp_path, mirror=f"http://user:secret@127.0.0.1:{port}/cifar-10-python.tar.gz")
    assert "secret" not in str(refused.value)
    assert str(tmp_path / "cifar-10-batches-py") in refused.value.hint
    assert "data_batch_1" in refused.value.hint
    assert "CONVSERVE_CIFAR10_URL" in refused.value.hint
    assert contents(tmp_path) == {}


def test_a_missing_file_is_told(shelf: Shelf, tmp_path: Path) -> None:
    assert refuse(two_files(shelf), tmp_path).reason == "127.0.0.1 answered 404; expected 200"


@pytest.mark.parametrize(
    "address", ["not an address", "ftp://127.0.0.1/files", "http://127.0.0.1:port/", "", "file:///etc"]
)
def test_an_address_that_is_none_is_told(shelf: Shelf, tmp_path: Path, address: str) -> None:
    official = two_files(shelf)
    if address:
        assert "http://" in refuse(official, tmp_path, mirror=address).reason
    else:
        assert "404" in refuse(official, tmp_path, mirror=address).reason  # no mirror: the official address is asked


def test_a_cut_connection_leaves_nothing(shelf: Shelf, tmp_path: Path) -> None:
    shelf.replies["/files/first.gz"] = lambda request: send(request, FIRST[:500_000], {}, length=len(FIRST))
    assert refuse(two_files(shelf), tmp_path).reason == "the connection to 127.0.0.1 broke"


def test_a_cut_connection_of_unknown_length_leaves_nothing(shelf: Shelf, tmp_path: Path) -> None:
    shelf.replies["/files/first.gz"] = lambda request: send_without_length(request, FIRST[:500_000])
    assert refuse(two_files(shelf), tmp_path).reason == "first.gz is too short; expected 700000 bytes, got 500000"


def test_a_page_in_place_of_the_file_is_told(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("/files/first.gz", b"<html>Please log in to the network</html>")
    assert refuse(two_files(shelf), tmp_path).reason == "first.gz is too short; expected 700000 bytes, got 41"


def test_a_file_without_end_is_given_up(shelf: Shelf, tmp_path: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(FIRST)

    shelf.replies["/files/first.gz"] = endless
    assert refuse(two_files(shelf), tmp_path).reason == "first.gz is too long; expected 700000 bytes, got more"


def test_other_bytes_of_the_same_length_are_told(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("/files/first.gz", FIRST[:-1] + bytes([FIRST[-1] ^ 1]))
    reason = refuse(two_files(shelf), tmp_path).reason
    assert reason.startswith(f"first.gz is not the official file; expected sha256 {known('', FIRST).digest}, got ")


def test_a_silent_server_is_given_up(shelf: Shelf, tmp_path: Path) -> None:
    over = threading.Event()

    def say_nothing(_: BaseHTTPRequestHandler) -> None:
        over.wait(5)

    shelf.replies["/files/first.gz"] = say_nothing
    assert refuse(two_files(shelf), tmp_path).reason == "127.0.0.1 stopped responding"
    over.set()


def test_redirects_in_circles_are_given_up(shelf: Shelf, tmp_path: Path) -> None:
    shelf.replies["/files/first.gz"] = lambda request: redirect(request, "/files/first.gz")
    assert refuse(two_files(shelf), tmp_path).reason == "127.0.0.1 redirects in circles"


def test_what_came_whole_before_the_failure_stays(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("/files/first.gz", FIRST)
    with pytest.raises(DatasetUnavailable, match="404"):
        download("small", two_files(shelf), tmp_path)
    assert contents(tmp_path / "small") == {"first.gz": FIRST}


def test_an_archive_with_the_wrong_checksum_is_not_even_opened(shelf: Shelf, tmp_path: Path) -> None:
    official = in_archive(shelf, packed({"small/first": FIRST, "small/second": SECOND}))
    shelf.put("/small.tar.gz", bytes(official.archive.size_bytes if official.archive else 0))
    assert "small.tar.gz is not the official file; expected md5" in refuse(official, tmp_path).reason


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"small/first": SECOND + FIRST[len(SECOND) :]}, "first is not the official file; expected sha256"),
        ({"small/first": FIRST[:-1]}, "the archive lacks small/first, small/second"),
        ({}, "the archive lacks small/first, small/second"),
    ],
)
def test_an_archive_with_the_wrong_files_leaves_nothing(
    shelf: Shelf, tmp_path: Path, members: dict[str, bytes], reason: str
) -> None:
    assert reason in refuse(in_archive(shelf, packed(members)), tmp_path).reason


def test_links_in_an_archive_are_not_followed(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(FIRST)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        link = tarfile.TarInfo("small/first")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        tar.addfile(link)
    assert "the archive lacks small/first" in refuse(in_archive(shelf, buffer.getvalue()), tmp_path).reason


@pytest.mark.parametrize(
    "archive",
    [os.urandom(5000), packed({"small/first": FIRST})[:-1000], gzip.compress(b"x" * 999)],
    ids=["noise", "cut off", "no tar inside"],  # of their own: the bytes differ from process to process
)
def test_an_archive_that_is_none_is_told(shelf: Shelf, tmp_path: Path, archive: bytes) -> None:
    assert "cannot be unpacked" in refuse(in_archive(shelf, archive), tmp_path).reason


def test_a_directory_that_cannot_be_made_is_told(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetUnavailable, match="could not be written: Not a directory"):
        download("small", two_files(shelf), tmp_path / "file")


def test_a_full_disk_is_told_and_nothing_stays(shelf: Shelf, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk that is full: writing fails in the same place."""
    shelf.put("/files/first.gz", FIRST)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
    result = in_own_process(two_files(shelf), tmp_path, before=limit)
    assert result.communicate()[0].startswith("DatasetUnavailable the download could not be written: File too large")
    assert contents(tmp_path) == {}


def test_the_caller_that_watches_a_download_can_end_it(shelf: Shelf, tmp_path: Path) -> None:
    """Any error that it raises is passed on unchanged, including an error of the operating system."""
    shelf.put("/files/first.gz", FIRST)

    def cancel(_: DownloadProgress) -> None:
        raise BrokenPipeError("nobody listens")

    with pytest.raises(BrokenPipeError, match="nobody listens"):
        download("small", two_files(shelf), tmp_path, on_progress=cancel)
    assert contents(tmp_path) == {}


# Several processes


def in_own_process(official: Official, datasets_dir: Path, before: str = "") -> subprocess.Popen[str]:
    script = f"""
from pathlib import Path
from worker.datasets import DatasetUnavailable
from worker.datasets.download import download
from worker.datasets.official import Official, OfficialFile
{before}
try:
    download("small", {official!r}, Path({str(datasets_dir)!r}))
    print("done", flush=True)
except DatasetUnavailable as error:
    print("DatasetUnavailable", error.reason, flush=True)
"""
    return subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("is_packed", [False, True])
def test_two_processes_at_once_do_not_disturb_each_other(shelf: Shelf, tmp_path: Path, is_packed: bool) -> None:
    archive = packed({"small/first": FIRST, "small/second": SECOND})
    official = in_archive(shelf, archive) if is_packed else two_files(shelf)
    both_are_here = threading.Barrier(2)
    served = {"/small.tar.gz": archive, "/files/first.gz": FIRST, "/files/second.gz": SECOND}

    def half_by_half(data: bytes) -> Reply:
        def reply(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data[: len(data) // 2])
            both_are_here.wait(20)
            request.wfile.write(data[len(data) // 2 :])

        return reply

    shelf.replies = {path: half_by_half(data) for path, data in served.items()}
    processes = [in_own_process(official, tmp_path) for _ in range(2)]
    assert [process.communicate()[0] for process in processes] == ["done\n", "done\n"]
    assert sorted(contents(tmp_path / "small").values()) == sorted([FIRST, SECOND])
    assert len(shelf.asked) == (2 if is_packed else 4)


def test_what_a_killed_process_leaves_is_no_dataset_and_is_swept_later(shelf: Shelf, tmp_path: Path) -> None:
    half_sent, over = threading.Event(), threading.Event()

    def stall(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(FIRST)))
        request.end_headers()
        request.wfile.write(FIRST[:600_000])
        half_sent.set()
        over.wait(20)

    shelf.replies["/files/first.gz"] = stall
    official, folder = two_files(shelf), tmp_path / "small"
    process = in_own_process(official, tmp_path)
    assert half_sent.wait(20)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    over.set()
    assert official.missing(tmp_path) == official.files
    (part,) = folder.iterdir()
    assert part.name.endswith(".part")

    shelf.put("/files/first.gz", FIRST)
    shelf.put("/files/second.gz", SECOND)
    download("small", official, tmp_path)
    assert part.exists()  # another process could still be using it
    (folder / "second.gz").unlink()
    long_ago = time.time() - ABANDONED_AFTER_S - 1
    os.utime(part, (long_ago, long_ago))
    download("small", official, tmp_path)
    assert contents(folder) == {"first.gz": FIRST, "second.gz": SECOND}
