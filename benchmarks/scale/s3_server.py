"""A small S3 server in memory that is filled with versions before it listens, and counts the requests that it is sent.

    python -m benchmarks.scale.s3_server --port PORT --versions 2000 --files 4 [--snapshot]

`GET /-/requests` answers how many there were. It knows what the store uses: objects, conditional reads and writes,
uploads in parts, listings with a delimiter and in pages. Unlike moto's server, which goes through all objects for every
page of a listing, it finds a page by bisection, as a storage service does, so that a big store can be measured.
"""

import argparse
import json
import threading
from bisect import bisect_left, insort
from collections import Counter
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from benchmarks.scale.versions import BUCKET, PREFIX, objects_of

COUNT = "/-/requests"
PAGE = 1000
LAST = chr(0x10FFFF)
MODIFIED = "2026-01-01T00:00:00.000Z"


class StoredObjects:
    """Paths in order, and their bytes. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: list[str] = []
        self._data: dict[str, bytes] = {}
        self._parts: dict[str, dict[int, bytes]] = {}

    def fill(self, path: str, data: bytes) -> None:
        """Add one of many objects; `sort` comes after the last."""
        self._paths.append(path)
        self._data[path] = data

    def sort(self) -> None:
        """Put the paths in order."""
        self._paths.sort()

    def get(self, path: str) -> bytes | None:
        """The bytes of an object; None if there is none."""
        return self._data.get(path)

    def put(self, path: str, data: bytes, *, if_absent: bool) -> bool:
        """Store an object; False if there is one and only a missing one was to be written."""
        with self._lock:
            if path not in self._data:
                insort(self._paths, path)
            elif if_absent:
                return False
            self._data[path] = data
            return True

    def put_part(self, upload: str, number: int, data: bytes) -> None:
        """Keep a part of an upload."""
        self._parts.setdefault(upload, {})[number] = data

    def complete(self, path: str, upload: str) -> None:
        """Make an object of the parts of an upload."""
        self.put(path, b"".join(data for _, data in sorted(self._parts.pop(upload).items())), if_absent=False)

    def delete(self, path: str) -> None:
        """Remove an object, if there is one."""
        with self._lock:
            if self._data.pop(path, None) is not None:
                del self._paths[bisect_left(self._paths, path)]

    def page(self, prefix: str, delimiter: str, after: str) -> tuple[list[tuple[str, int]], list[str], str]:
        """Objects with their sizes, common prefixes, and where the next page begins; empty if this is the last."""
        found: list[tuple[str, int]] = []
        folders: list[str] = []
        with self._lock:
            at = bisect_left(self._paths, max(prefix, after))
            while at < len(self._paths) and self._paths[at].startswith(prefix):
                path = self._paths[at]
                if len(found) + len(folders) == PAGE:
                    return found, folders, path
                head, cut, _ = path[len(prefix) :].partition(delimiter) if delimiter else (path, "", "")
                if cut:
                    folders.append(prefix + head + cut)
                    at = bisect_left(self._paths, folders[-1] + LAST)
                else:
                    found.append((path, len(self._data[path])))
                    at += 1
        return found, folders, ""


class Handler(BaseHTTPRequestHandler):
    """Answers the requests that obstore sends."""

    protocol_version = "HTTP/1.1"
    stored = StoredObjects()
    counts: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """An object, a page of a listing, or how many requests there were."""
        if self.path == COUNT:
            self._answer(200, json.dumps(self.counts).encode())
            return
        self.counts["GET"] += 1
        key, query = self._asked()
        if "list-type" in query:
            self._answer(200, self._listing(query))
            return
        data = self.stored.get(key)
        if data is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("If-None-Match") == _tag(data):
            self._answer(304, b"", _tag(data))
        else:
            self._answer(200, data, _tag(data))

    def do_HEAD(self) -> None:
        """The size of an object."""
        self.counts["HEAD"] += 1
        data = self.stored.get(self._asked()[0])
        self._answer(404 if data is None else 200, data or b"", _tag(data or b""))

    def do_PUT(self) -> None:
        """Store an object or a part of one."""
        self.counts["PUT"] += 1
        key, query = self._asked()
        data = self._body()
        if "uploadId" in query:
            self.stored.put_part(query["uploadId"][0], int(query["partNumber"][0]), data)
        elif not self.stored.put(key, data, if_absent=self.headers.get("If-None-Match") == "*"):
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        self._answer(200, b"", _tag(data))

    def do_DELETE(self) -> None:
        """Remove an object."""
        self.counts["DELETE"] += 1
        self.stored.delete(self._asked()[0])
        self._answer(204, b"")

    def do_POST(self) -> None:
        """Begin or complete an upload in parts, or remove many objects."""
        self.counts["POST"] += 1
        key, query = self._asked()
        body = self._body()
        if "uploads" in query:
            self._answer(200, _xml("InitiateMultipartUploadResult", f"<UploadId>{uuid4().hex}</UploadId>"))
        elif "uploadId" in query:
            self.stored.complete(key, query["uploadId"][0])
            self._answer(200, _xml("CompleteMultipartUploadResult", f"<ETag>{_tag(body)}</ETag>"))
        else:
            keys = [
                unquote(str(found.text)) for found in ElementTree.fromstring(body).iter() if found.tag == _named("Key")
            ]
            for each in keys:
                self.stored.delete(each)
            self._answer(200, _xml("DeleteResult", "".join(f"<Deleted><Key>{escape(k)}</Key></Deleted>" for k in keys)))

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        asked = {name: query.get(name, [""])[0] for name in ("prefix", "delimiter", "continuation-token")}
        found, folders, following = self.stored.page(*asked.values())
        parts = [
            f"<Contents><Key>{escape(path)}</Key><LastModified>{MODIFIED}</LastModified>"
            f'<ETag>"0"</ETag><Size>{size}</Size></Contents>'
            for path, size in found
        ]
        parts += [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        parts.append(f"<IsTruncated>{'true' if following else 'false'}</IsTruncated>")
        if following:
            parts.append(f"<NextContinuationToken>{escape(following)}</NextContinuationToken>")
        return _xml("ListBucketResult", "".join(parts))

    def _asked(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        return unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/"), parse_qs(parts.query, keep_blank_values=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, body: bytes, tag: str = '"0"') -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _tag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


def _named(name: str) -> str:
    return "{http://s3.amazonaws.com/doc/2006-03-01/}" + name


def _xml(root: str, inside: str) -> bytes:
    return f'<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</{root}>'.encode()


class Server(ThreadingHTTPServer):
    """Sends small answers at once."""

    daemon_threads = True
    disable_nagle_algorithm = True


def main() -> None:
    """Fill, then serve until the process is ended."""
    parser = argparse.ArgumentParser(description="An S3 server filled with versions.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--versions", type=int, required=True)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--snapshot", action="store_true", help="with what a process that has read it all leaves there")
    options = parser.parse_args()
    for path, data in objects_of(options.versions, options.files, snapshot=options.snapshot):
        Handler.stored.fill(f"{PREFIX}/{path}", data)
    Handler.stored.sort()
    Server(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
