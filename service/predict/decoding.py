"""Decodes the pictures of a request: small ones at once on the event loop, all others in threads, in fair turns.

Knows picture files and the shape that a version takes, and no networks.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.errors import TooManyPixels
from service.predict.decode_queue import DecodeQueue, DecodeRules, Work
from service.predict.rejection import Rejection
from service.predict.uploads import Upload
from service.telemetry.stages import Stages
from service.web.client_presence import while_client_stays
from worker.pictures.cost import Cost, is_costly, picture_cost
from worker.pictures.headers import picture_area
from worker.pictures.pixels import PictureLimits, PictureRejected, decode_picture, decode_whole, is_affordable

T = TypeVar("T")

INLINE_AREA = 128 * 128
"""A picture with at most this many pixels is decoded on the event loop, in 30-530 µs. A thread would cost 50 µs more
and stop the loop for about as long, because Pillow's PNG decoder keeps Python's lock. A file of a few kilobytes may
hold millions of pixels, so the header decides and not the size of the file."""
ALWAYS_INLINE_AREA = 64 * 64
"""A WebP or a progressive JPEG takes three times as long, and a JPEG with a hundred scans longer still."""
INLINE_BYTES = 64 * 1024
PICTURES_IN_A_ROW = 16
"""This many pictures are decoded before other requests get a turn, in about 1 ms."""
MEMORY_PER_JSON_BYTE = 10
"""A number of four bytes becomes an object of 24 and a pointer of 8."""


@dataclass
class Decoded:
    """The pictures of one request, by their position in it.

    Attributes:
        images: uint8, shape (height, width, channels) of the version.
        rejections: why the others cannot be read.
    """

    images: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    rejections: dict[int, Rejection] = field(default_factory=dict)

    def stacked(self) -> NDArray[np.uint8]:
        """The images in the order of their positions, shape (n, height, width, channels); there is at least one."""
        if len(self.images) == 1:
            (image,) = self.images.values()
            return image[np.newaxis]
        return np.stack([self.images[position] for position in sorted(self.images)])


class Decoder:
    """Turns uploads into pixels.

    Attributes:
        limits: how large a picture may be.
    """

    def __init__(self, stages: Stages, limits: PictureLimits, rules: DecodeRules, max_request_pixels: int) -> None:
        """Start without threads; they start when they are needed.

        Args:
            stages: measures how long decoding takes.
            limits: how large a picture may be.
            rules: how much is decoded at once.
            max_request_pixels: of all large pictures of a request, in the size in which they are decoded.
        """
        self.limits = limits
        self._stages = stages
        self._queue = DecodeQueue(rules)
        self._max_request_pixels = max_request_pixels

    async def decode(self, manifest: Manifest, uploads: Sequence[Upload]) -> Decoded:
        """Decode every upload into the shape that the version takes.

        Args:
            manifest: the version.
            uploads: at least one.

        Raises:
            TooManyPixels: the pictures have too many pixels together.
            Overloaded: decoding them would take too long beside the other requests.
            ClientLeft: the client disconnected, and what was not decoded is dropped.
        """
        decoded = Decoded()

        def decode_one(position: int) -> None:
            """Run in any thread."""
            try:
                data = uploads[position].read()
                decoded.images[position] = decode_picture(data, manifest.input_shape, self.limits)
            except PictureRejected as error:
                decoded.rejections[position] = Rejection.of(error)

        with self._stages.decoding(manifest.model, len(uploads)):
            large = await _decode_small(uploads, decode_one)
            if large:
                await self._decode_large({at: uploads[at].data for at in large}, manifest.input_shape, decode_one)
        for rejection in decoded.rejections.values():
            self._stages.rejected(rejection.code)
        return decoded

    async def decode_whole(self, upload: Upload, max_side: int) -> NDArray[np.uint8]:
        """A picture upright, uncropped and in its own colours, reduced to a longest side; in a thread, in its turn.

        Args:
            upload: the picture.
            max_side: longest side, in pixels.

        Returns:
            uint8, shape (height, width, 1 or 3).

        Raises:
            PictureRejected: it cannot be read.
            TooManyPixels, Overloaded, ClientLeft: like `decode`.
        """
        data = upload.read()
        cost = self._cost(data, (max_side, max_side, 3))
        if cost.pixels > self._max_request_pixels:
            raise TooManyPixels(self._max_request_pixels)
        decoded: list[NDArray[np.uint8]] = []
        work = Work(cost, lambda: decoded.append(decode_whole(data, max_side, self.limits)))
        await while_client_stays(self._queue.run([work]))
        return decoded[0]

    async def in_thread(self, work: Callable[[], T], n_bytes: int) -> T:
        """Read or write JSON of many bytes without stopping the event loop; takes its turn like pictures do.

        Args:
            work: what to do.
            n_bytes: of the JSON.

        Raises:
            Overloaded: it would take too long beside the other requests.
            ClientLeft: the client disconnected before it began.
        """
        results: list[T] = []
        cost = Cost("JSON", 0, 0, 0, MEMORY_PER_JSON_BYTE * n_bytes, n_bytes)
        await while_client_stays(self._queue.run([Work(cost, lambda: results.append(work()))]))
        return results[0]

    def close(self) -> None:
        """Stop the threads."""
        self._queue.close()

    async def _decode_large(
        self, files: Mapping[int, bytes], shape: tuple[int, int, int], decode_one: Callable[[int], None]
    ) -> None:
        costs = {position: self._cost(data, shape) for position, data in files.items()}
        if sum(cost.pixels for cost in costs.values()) > self._max_request_pixels:
            raise TooManyPixels(self._max_request_pixels)
        works = [Work(cost, partial(decode_one, position)) for position, cost in costs.items()]
        await while_client_stays(self._queue.run(works))

    def _cost(self, data: bytes, shape: tuple[int, int, int]) -> Cost:
        """What a picture will cost; nothing if it will be refused by its header."""
        cost = picture_cost(data, shape)
        return cost if is_affordable(cost, self.limits) else cost.of_nothing()


async def _decode_small(uploads: Sequence[Upload], decode_one: Callable[[int], None]) -> list[int]:
    """Decode the small pictures at once; the positions of the others."""
    large = []
    for position, upload in enumerate(uploads):
        if upload.rejection is not None or is_small(upload.data):
            decode_one(position)
        else:
            large.append(position)
        if position % PICTURES_IN_A_ROW == PICTURES_IN_A_ROW - 1:
            await asyncio.sleep(0)
    return large


def is_small(data: bytes) -> bool:
    """Whether decoding a picture, or finding out that it is none, takes less time than handing it to a thread."""
    if len(data) > INLINE_BYTES:
        return False
    area = picture_area(data)
    return area <= ALWAYS_INLINE_AREA or (area <= INLINE_AREA and not is_costly(data))
