"""The fast lane: one piece of code that answers a simple prediction instead of FastAPI's layers and routes.

FastAPI's layers, dependencies and validation take 300 µs of one core here, where decoding a picture and running the
network take 70. So the most frequent requests take this lane: a few small pictures, or a binary UINT8 tensor, for a
version in memory. The lane never refuses. It leaves every request that is not simple, and everything that goes wrong,
to the routes, which answer as if there were no lane.
"""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from model_store import Manifest
from service.fast.simple_requests import Call
from service.inference.batch import Answer
from service.inference.batch_queue import BatchQueue
from service.inference.network import Pixels
from service.keys.gate import Gate
from service.predict.answers import picture_answers, whole_answer
from service.predict.decoding import is_small
from service.predict.picture_forms import FIELD
from service.predict.uploads import shown_filename
from service.protocols.encodings import chosen_encoding
from service.protocols.infer_answers import write_infer_answer
from service.protocols.infer_calls import InferCall, KnownHeads
from service.state import ServiceState
from service.web.doors import Doors
from service.web.multipart import read_whole_form
from worker.pictures.pixels import decode_pictures

_JSON = b"content-type: application/json\r\n"
LANE = "fast_lane"
"""Key of the lane in the lifespan state of the application; without it, all requests take the routes."""
MAX_PICTURES = 64
"""Most pictures in a tensor; the route gives larger tensors to the network in parts."""
Headers = dict[bytes, bytes]
"""Headers of a request: names in lower case, each once."""


class NotSimple(Exception):
    """This request goes to the routes."""


class Reply(NamedTuple):
    """An answer without the headers that all answers share.

    Attributes:
        headers: of this answer, as lines.
        content: its body.
        timing: value of the header `Server-Timing`.
    """

    headers: bytes
    content: bytes
    timing: bytes


class Asked(NamedTuple):
    """A prediction that waits for its batch.

    Attributes:
        answer: the batch's result; cancelling it removes the request from the queue.
        finish: writes the reply from that result.
    """

    answer: asyncio.Future[Answer]
    finish: Callable[[Answer], Reply]


class FastLane:
    """Puts simple predictions into the batch queues, and writes their replies.

    Attributes:
        capacity: each request takes a slot here before it asks.
        metrics: counts each answer.
    """

    def __init__(self, state: ServiceState, doors: Doors, gate: Gate) -> None:
        self._doors = doors
        self._gate = gate
        self._keyring = state.keyring
        self.capacity = state.capacity
        self.metrics = state.metrics
        self._predictor = state.predictor
        self._limits = state.decoder.limits
        self._max_pictures = state.settings.max_pictures
        self._heads = KnownHeads()

    def lets_in(self, headers: Headers) -> bool:
        """Whether a request may be answered at once: by its host, its origin and its key."""
        return self._doors.may_take_short_way(headers) and self._gate.knows(self._keyring, headers)

    def ask(self, call: Call, headers: Headers, body: bytes) -> Asked:
        """Put a simple prediction into its queue.

        Raises:
            NotSimple: the request is not simple, or its version is not in memory.
            Exception: any error that the routes will meet as well.
        """
        found = self._predictor.cached(call.reference)
        if found is None or len(body) != int(headers[b"content-length"]):
            raise NotSimple
        manifest, queue = found
        if call.top_k is None:
            return self._ask_tensor(manifest, queue, headers, body)
        return self._ask_pictures(manifest, queue, call.top_k, headers.get(b"content-type", b""), body)

    def _ask_pictures(
        self, manifest: Manifest, queue: BatchQueue, top_k: int, content_type: bytes, body: bytes
    ) -> Asked:
        names, files = self._files(content_type, body)
        if not all(map(is_small, files)):
            raise NotSimple
        decoding_s = 0.0

        def decoded(start: int, end: int) -> Pixels:
            nonlocal decoding_s
            began_at = time.perf_counter()
            pixels = decode_pictures(files[start:end], manifest.input_shape, self._limits)
            decoding_s += time.perf_counter() - began_at
            return pixels

        def finish(answer: Answer) -> Reply:
            pictures = picture_answers(names, answer.probabilities, manifest.classes, top_k, unusual=answer.unusual)
            self.metrics.pictures_decoded(manifest.model, decoding_s)
            content = whole_answer(manifest.model, manifest.version, pictures)
            timing = b"decode;dur=%.3f, %b" % (decoding_s * 1000, _timing(answer))
            return Reply(_JSON, content, timing)

        return Asked(queue.ask_prepared(len(files), decoded), finish)

    def _files(self, content_type: bytes, body: bytes) -> tuple[list[str | None], list[bytes]]:
        kind = _kind(content_type)
        if kind == "raw":
            return [None], [body]
        if kind != "form":
            raise NotSimple
        files = read_whole_form(content_type.decode("latin-1"), body, FIELD, self._max_pictures)
        if files is None:
            raise NotSimple
        return [shown_filename(name) for name, _ in files], [data for _, data in files]

    def _ask_tensor(self, manifest: Manifest, queue: BatchQueue, headers: Headers, body: bytes) -> Asked:
        length = headers.get(b"inference-header-content-length")
        if length is None or _encoding_for(headers.get(b"accept-encoding", b"")) is not None:
            raise NotSimple
        call = self._heads.read(body, length.decode("latin-1"), manifest.input_shape)
        pixels = call.pixels
        if pixels.dtype != np.uint8 or not 0 < len(pixels) <= MAX_PICTURES or not _is_simple(call):
            raise NotSimple

        def finish(answer: Answer) -> Reply:
            written = write_infer_answer(call, manifest, answer.probabilities)
            told = {**written.headers, "content-type": written.media_type}
            lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in told.items())
            return Reply(lines.encode(), written.content, _timing(answer))

        asked = queue.ask_prepared(len(pixels), lambda start, end: pixels[start:end], is_scored=False)
        return Asked(asked, finish)


def _is_simple(call: InferCall) -> bool:
    return call.coverage is None and all(wish.is_binary and not wish.n_classes for wish in call.outputs)


def _timing(answer: Answer) -> bytes:
    return b"queue;dur=%.3f, compute;dur=%.3f" % (answer.queue_s * 1000, answer.compute_s * 1000)


@lru_cache(256)
def _encoding_for(accept_encoding: bytes) -> str | None:
    return chosen_encoding(accept_encoding.decode("latin-1"))


def _kind(content_type: bytes) -> str:
    """`form`, `raw`, or an empty string for any other body."""
    if content_type.startswith(b"multipart/form-data;"):
        return "form"
    if content_type.startswith(b"image/") or content_type == b"application/octet-stream":
        return "raw"
    return ""
