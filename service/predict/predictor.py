"""One prediction in a straight line: reference to version, bytes to pixels, pixels to probabilities, ranked classes.

A version that proves damaged is taken out of service on the way, and an older one answers whoever did not insist.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from model_store import ArtifactCorrupt, Manifest
from service.errors import verdict_of
from service.inference.batching import BatchQueue
from service.inference.engine import Engine
from service.models.catalog import Catalog
from service.models.index import Damage, Reference
from service.predict.answers import picture_answers, picture_failure, whole_answer
from service.predict.rollover import Rollover
from service.predict.uploads import Upload
from service.telemetry.stages import Stages
from worker.pictures.headers import picture_area
from worker.pictures.pixels import PictureLimits, PictureRejected, decode_picture

T = TypeVar("T")

INLINE_AREA = 128 * 128
"""A picture of so many pixels is decoded on the event loop, in 30-530 µs, where a thread's turn costs 50 µs here and
stops the loop about as long, for Pillow's PNG decoder keeps Python's lock. A file of a few kilobytes may hold millions,
so its header decides and not its size."""
INLINE_BYTES = 64 * 1024
PICTURES_IN_A_ROW = 16
"""So many are decoded before everybody else gets a turn, about 1 ms."""


class ClassProbability(BaseModel):
    """One class and how probable it is."""

    label: str = Field(examples=["Ankle boot"])
    class_index: int = Field(description="Position of the class in the model's `classes`.", examples=[9])
    probability: float = Field(description="From 0 to 1, not rounded.", examples=[0.9731])


class PictureAnswer(ClassProbability):
    """What one picture shows."""

    filename: str | None = Field(description="As it was sent; null for a raw body.", examples=["boot.png"])
    top_k: list[ClassProbability] = Field(description="The most probable classes, best first.")


class PictureFault(BaseModel):
    """Why one picture of several has no answer."""

    code: str = Field(examples=["picture_invalid"])
    message: str


class PictureFailure(BaseModel):
    """A picture of a batch that could not be read; its mates have their answers."""

    filename: str | None
    error: PictureFault


class Prediction(BaseModel):
    """Answers in the order in which the pictures came."""

    model: str = Field(examples=["fashion_mnist-lenet5-fashion"])
    version: int = Field(description="The very version that answered.", examples=[1])
    predictions: list[PictureAnswer | PictureFailure]


class Predictor:
    """Classifies uploaded pictures."""

    def __init__(
        self, catalog: Catalog, engine: Engine, stages: Stages, limits: PictureLimits, decode_threads: int
    ) -> None:
        self._catalog = catalog
        self._engine = engine
        self._stages = stages
        self.limits = limits
        self._decoding = ThreadPoolExecutor(decode_threads, "decode")
        self._rollover = Rollover(engine)
        self._previous: dict[str | None, Manifest] = {}  # by model: what answered last, of the latest versions

    async def classify(self, reference: Reference, uploads: Sequence[Upload], top_k: int) -> bytes:
        """Answer for every picture: a `Prediction` as JSON.

        Args:
            reference: the version to ask.
            uploads: at least one.
            top_k: how many classes to name; all of them when there are fewer.

        Raises:
            PictureRejected: there is only one picture, and it cannot be read.
            ArtifactCorrupt: the version asked for is damaged.
            Overloaded: too many pictures wait for the version.
        """
        manifest = await self.serving(reference)
        pictures = await self.pixels(manifest, uploads)
        if isinstance(pictures[0], PictureRejected) and len(pictures) == 1:
            raise pictures[0]
        images = [picture for picture in pictures if not isinstance(picture, PictureRejected)]
        names = [
            upload.filename
            for upload, picture in zip(uploads, pictures, strict=True)
            if not isinstance(picture, PictureRejected)
        ]
        answers = []
        if images:
            answers = picture_answers(names, await self._probabilities(manifest, images), manifest.classes, top_k)
        if len(images) < len(pictures):
            rows = iter(answers)
            answers = [
                picture_failure(upload.filename, verdict_of(picture).code, str(picture))
                if isinstance(picture, PictureRejected)
                else next(rows)
                for upload, picture in zip(uploads, pictures, strict=True)
            ]
        return whole_answer(manifest.model, manifest.version, answers)

    def cached(self, reference: Reference) -> tuple[Manifest, BatchQueue] | None:
        """The version meant and the queue before it, when it is known and in memory; None to ask `serving`."""
        manifest = self._catalog.cached(reference)
        queue = None if manifest is None else self._engine.cached(manifest)
        if manifest is None or queue is None:
            return None
        if reference.is_open:
            self._previous[reference.model] = manifest
        return manifest, queue

    async def serving(self, reference: Reference) -> Manifest:
        """The version meant, loaded; an open reference passes over damaged ones.

        While a new latest version is loading, the one before it answers most.
        """
        while True:
            manifest = self._catalog.cached(reference) or await self._catalog.resolve(reference)
            if self._engine.is_ready(manifest):
                break
            try:
                manifest = await self._loaded(reference, manifest)
            except ArtifactCorrupt as error:
                await self._catalog.mark_damaged(Damage(manifest.model, manifest.version, error.file))
                if not reference.is_open:
                    raise
            else:
                break
        if reference.is_open:
            self._previous[reference.model] = manifest
        return manifest

    async def pixels(self, manifest: Manifest, uploads: Iterable[Upload]) -> list[NDArray[np.uint8] | PictureRejected]:
        """Every upload as the version takes it, or why it cannot be read."""
        found = list(uploads)
        with self._stages.decoding(manifest.model, len(found)):
            if len(found) == 1:
                pictures = [await self._decode(found[0], manifest)]
            elif all(map(_is_small, found)):
                pictures = await self._decode_small(found, manifest)
            else:
                pictures = await asyncio.gather(*(self._decode(upload, manifest) for upload in found))
        for picture in pictures:
            if isinstance(picture, PictureRejected):
                self._stages.rejected(verdict_of(picture).code)
        return pictures

    async def in_decoding_thread(self, work: Callable[[], T]) -> T:
        """Do what takes long without stopping the event loop; no more at once than pictures are decoded."""
        return await asyncio.get_running_loop().run_in_executor(self._decoding, work)

    def close(self) -> None:
        """Let the threads go."""
        self._decoding.shutdown(wait=False, cancel_futures=True)

    async def _loaded(self, reference: Reference, manifest: Manifest) -> Manifest:
        """The version once it is loaded, or meanwhile the one before it. Raises like `Engine.load`."""
        previous = self._previous.get(reference.model) if reference.is_open else None
        if previous is not None and self._engine.is_ready(previous) and self._catalog.has(previous):
            return await self._rollover.either(previous, manifest)
        await self._engine.load(manifest)
        return manifest

    async def _decode_small(
        self, uploads: Sequence[Upload], manifest: Manifest
    ) -> list[NDArray[np.uint8] | PictureRejected]:
        pictures: list[NDArray[np.uint8] | PictureRejected] = []
        for upload in uploads:
            pictures.append(self._decoded(upload, manifest))
            if len(pictures) % PICTURES_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return pictures

    async def _decode(self, upload: Upload, manifest: Manifest) -> NDArray[np.uint8] | PictureRejected:
        if _is_small(upload):
            return self._decoded(upload, manifest)
        return await self.in_decoding_thread(lambda: self._decoded(upload, manifest))

    def _decoded(self, upload: Upload, manifest: Manifest) -> NDArray[np.uint8] | PictureRejected:
        if upload.fault is not None:
            return upload.fault
        try:
            return decode_picture(upload.data, manifest.input_shape, self.limits)
        except PictureRejected as error:
            return error

    async def _probabilities(self, manifest: Manifest, images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        return await self._engine.predict(manifest, images[0][np.newaxis] if len(images) == 1 else np.stack(images))


def is_small(data: bytes) -> bool:
    """Whether decoding a picture, or finding out that it is none, takes less time than a thread's turn."""
    return len(data) <= INLINE_BYTES and picture_area(data) <= INLINE_AREA


def _is_small(upload: Upload) -> bool:
    return upload.fault is not None or is_small(upload.data)
