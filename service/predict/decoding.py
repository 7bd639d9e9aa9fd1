"""Decodes the pictures of a request: small ones at once on the event loop, all others in threads.

Knows picture files and the shape that a version takes, and no networks.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.predict.rejection import Rejection
from service.predict.uploads import Upload
from service.telemetry.stages import Stages
from worker.pictures.headers import picture_area
from worker.pictures.pixels import PictureLimits, PictureRejected, decode_picture

T = TypeVar("T")

INLINE_AREA = 128 * 128
"""A picture with at most this many pixels is decoded on the event loop, in 30-530 µs. A thread would cost 50 µs more
and stop the loop for about as long, because Pillow's PNG decoder keeps Python's lock. A file of a few kilobytes may
hold millions of pixels, so the header decides and not the size of the file."""
INLINE_BYTES = 64 * 1024
PICTURES_IN_A_ROW = 16
"""This many pictures are decoded before other requests get a turn, in about 1 ms."""


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

    def __init__(self, stages: Stages, limits: PictureLimits, threads: int) -> None:
        """Start without threads; they start when they are needed.

        Args:
            stages: measures how long decoding takes.
            limits: how large a picture may be.
            threads: how many pictures are decoded at once.
        """
        self.limits = limits
        self._stages = stages
        self._threads = ThreadPoolExecutor(threads, "decode")

    async def decode(self, manifest: Manifest, uploads: Sequence[Upload]) -> Decoded:
        """Decode every upload into the shape that the version takes.

        Args:
            manifest: the version.
            uploads: at least one.
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
            await self._for_each(uploads, decode_one)
        for rejection in decoded.rejections.values():
            self._stages.rejected(rejection.code)
        return decoded

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do slow work without stopping the event loop; no more at once than pictures are decoded."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _for_each(self, uploads: Sequence[Upload], work: Callable[[int], None]) -> None:
        large = []
        for position, upload in enumerate(uploads):
            if upload.rejection is not None or is_small(upload.data):
                work(position)
                if position % PICTURES_IN_A_ROW == PICTURES_IN_A_ROW - 1:
                    await asyncio.sleep(0)
            else:
                large.append(position)
        if large:
            await asyncio.gather(*(self.in_thread(partial(work, position)) for position in large))


def is_small(data: bytes) -> bool:
    """Whether decoding a picture, or finding out that it is none, takes less time than handing it to a thread."""
    return len(data) <= INLINE_BYTES and picture_area(data) <= INLINE_AREA
