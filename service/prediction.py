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
from service.catalog import Catalog, Damage, Reference
from service.errors import verdict_of
from service.inference import Engine
from service.stages import Stages
from service.uploads import Upload
from worker.pixels import PictureLimits, PictureRejected, decode_picture

T = TypeVar("T")


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
        self._limits = limits
        self._decoding = ThreadPoolExecutor(decode_threads, "decode")

    async def classify(self, reference: Reference, uploads: Sequence[Upload], top_k: int) -> Prediction:
        """Answer for every picture.

        Args:
            reference: the version to ask.
            uploads: at least one.
            top_k: how many classes to name; all of them when there are fewer.

        Raises:
            PictureRejected: there is only one picture, and it cannot be read.
            ArtifactCorrupt: the version asked for is damaged.
        """
        manifest = await self.serving(reference)
        pictures = await self.pixels(manifest, uploads)
        if isinstance(pictures[0], PictureRejected) and len(pictures) == 1:
            raise pictures[0]
        rows = iter(await self._probabilities(manifest, pictures))
        answers = [
            _failure(upload, picture)
            if isinstance(picture, PictureRejected)
            else _answer(upload, next(rows), manifest.classes, top_k)
            for upload, picture in zip(uploads, pictures, strict=True)
        ]
        return Prediction(model=manifest.model, version=manifest.version, predictions=answers)

    async def serving(self, reference: Reference) -> Manifest:
        """The version meant, loaded; an open reference passes over damaged ones."""
        while True:
            manifest = await self._catalog.resolve(reference)
            try:
                await self._engine.load(manifest)
            except ArtifactCorrupt as error:
                await self._catalog.mark_damaged(Damage(manifest.model, manifest.version, error.file))
                if not reference.is_open:
                    raise
            else:
                return manifest

    async def pixels(self, manifest: Manifest, uploads: Iterable[Upload]) -> list[NDArray[np.uint8] | PictureRejected]:
        """Every upload as the version takes it, or why it cannot be read."""
        found = list(uploads)
        with self._stages.decoding(manifest.model, len(found)):
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

    async def _decode(self, upload: Upload, manifest: Manifest) -> NDArray[np.uint8] | PictureRejected:
        if upload.fault is not None:
            return upload.fault
        loop = asyncio.get_running_loop()
        try:
            # Always in a thread: a file of a few kilobytes may hold millions of pixels.
            return await loop.run_in_executor(
                self._decoding, decode_picture, upload.data, manifest.input_shape, self._limits
            )
        except PictureRejected as error:
            return error

    async def _probabilities(
        self, manifest: Manifest, pictures: Sequence[NDArray[np.uint8] | PictureRejected]
    ) -> NDArray[np.float32] | tuple[()]:
        images = [picture for picture in pictures if not isinstance(picture, PictureRejected)]
        return await self._engine.predict(manifest, np.stack(images)) if images else ()


def ranked(probabilities: NDArray[np.float32], classes: Sequence[str], top_k: int) -> list[ClassProbability]:
    """The most probable classes, best first; of two equal ones the first comes first.

    Args:
        probabilities: float32, shape (n_classes,).
        classes: labels in the same order.
        top_k: how many, at least 1; all of them when there are fewer.
    """
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return [
        ClassProbability(label=classes[index], class_index=index, probability=float(probabilities[index]))
        for index in order.tolist()
    ]


def _answer(upload: Upload, row: NDArray[np.float32], classes: Sequence[str], top_k: int) -> PictureAnswer:
    best = ranked(row, classes, top_k)
    return PictureAnswer(filename=upload.filename, top_k=best, **best[0].model_dump())


def _failure(upload: Upload, error: PictureRejected) -> PictureFailure:
    return PictureFailure(filename=upload.filename, error=PictureFault(code=verdict_of(error).code, message=str(error)))
