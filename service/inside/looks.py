"""Everything that can be asked about the inside of a version: what the routes call."""

import base64
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from model_store import Manifest
from service.errors import NotRecorded, TooManyPictures
from service.inference.engine import Engine
from service.inside.answers import (
    Kernels,
    LayerList,
    LayerMapsAnswer,
    MapsAnswer,
    MapSummary,
    layer_list,
)
from service.inside.changes import Changes
from service.inside.drawing.sheets import draw_kernels, draw_layer, draw_overview
from service.inside.explaining import Question, drawn, explain
from service.inside.maps import LayerMaps, kernel_of_layer, layer_with_maps, read_kernel, read_maps
from service.inside.numbers import rounded, rounded_one
from service.inside.options import ExplainOptions, MapsOptions, refused
from service.inside.records import Records, layers_not_recorded
from service.inside.sessions import InsideSessions
from service.inside.trying import check_filters, what_if, without_filters
from service.predict.decoding import Decoder
from service.predict.uploads import Upload
from worker.inside.record import KernelTensor, LayerRecord, NetworkRecord, Tails
from worker.pictures.hard_pixels import png_of
from worker.pictures.pixels import to_unit_range

MOST_VALUES = 500_000
"""Numbers in one answer: about 5 MB of JSON."""
MOST_MAPS = 50_000
"""Channels of all layers in one answer."""


class Looks:
    """Looks inside published networks."""

    def __init__(self, sessions: InsideSessions, records: Records, engine: Engine, decoder: Decoder) -> None:
        """Nothing is opened before it is asked for.

        Args:
            sessions: networks that are open to look inside.
            records: what versions recorded about their layers.
            engine: has the networks that predict.
            decoder: reads pictures.
        """
        self._sessions = sessions
        self._records = records
        self._engine = engine
        self._decoder = decoder

    async def layers(self, manifest: Manifest) -> LayerList:
        """A version's layers. Raises `NotRecorded`."""
        return layer_list(manifest.model, manifest.version, await self._records.layers(manifest))

    async def kernels(self, manifest: Manifest, layer: str, number: int | None) -> bytes:
        """A layer's kernels, as JSON; one of them if `number` says which.

        Raises:
            NotRecorded, LayerNotFound: there is nothing to show.
            RequestValidationError: no such filter, or more numbers than an answer may have.
        """
        record = await self._records.layers(manifest)
        kernel = kernel_of_layer(record, layer)
        n_filters = kernel.shape[3]
        if number is not None and number >= n_filters:
            raise refused("filter", f"{layer} has no such filter; expected 0 to {n_filters - 1}, got {number}")
        if number is None and np.prod(kernel.shape) > MOST_VALUES:
            raise refused("filter", f"too many numbers for one answer; expected filter=0 to filter={n_filters - 1}")

        def read() -> bytes:
            values = read_kernel(self._sessions, manifest, record, kernel)
            values = values if number is None else values[..., number : number + 1]
            answer = Kernels.model_construct(
                layer=layer,
                shape=values.shape,
                values=rounded(values).tolist(),
                mean=rounded_one(values.mean()),
                deviation=rounded_one(values.std()),
            )
            return to_json(answer)

        return await self._run(manifest, read)

    async def kernels_png(self, manifest: Manifest, layer: str) -> bytes:
        """A layer's kernels, drawn. Raises `NotRecorded`, `LayerNotFound`."""
        record = await self._records.layers(manifest)
        kernel = kernel_of_layer(record, layer)
        return await self._run(manifest, partial(self._draw_kernels, manifest, record, layer, kernel))

    async def maps(self, manifest: Manifest, uploads: Sequence[Upload], options: MapsOptions) -> bytes:
        """What the layers make of a picture, as JSON or drawn.

        Raises:
            NotRecorded, LayerNotFound: there is nothing to show.
            RequestValidationError: the options do not fit the version, or the answer would have too many numbers.
            PictureRejected: the picture cannot be read.
        """
        record = await self._records.layers(manifest)
        layers = _chosen(record, options)
        pixels = await self._pixels(manifest, uploads)

        def look() -> bytes:
            maps, probabilities = read_maps(self._sessions, manifest, record, to_unit_range(pixels[np.newaxis]), layers)
            best = int(probabilities.argmax())
            label, probability = manifest.classes[best], float(probabilities[best])
            if options.format == "json":
                return _maps_json(manifest, maps, pixels, (label, probability), options)
            if options.layer is not None:
                return draw_layer(maps[0], pixels, _subject(manifest))
            return draw_overview(maps, pixels, f"{label} {probability:.1%}", _subject(manifest))

        return await self._run(manifest, look)

    async def explain(self, manifest: Manifest, uploads: Sequence[Upload], options: ExplainOptions) -> bytes:
        """Where the evidence for a class is, as JSON or drawn.

        Raises:
            NotRecorded, LayerNotFound: there is nothing to look at.
            RequestValidationError: the options do not fit the version.
            PictureRejected: the picture cannot be read.
        """
        record: NetworkRecord | None = None
        tails: Tails | None = None
        try:
            record, tails = await self._records.layers(manifest), await self._records.tails(manifest)
        except NotRecorded:
            # Occlusion needs nothing from the inside but the colour of its patch.
            if options.fill is None or options.method == "gradcam" or options.layer is not None:
                raise
        pixels = await self._pixels(manifest, uploads)
        network = await self._engine.network(manifest)
        question = Question(manifest, network, pixels, options, record, tails)

        def look() -> bytes:
            explained = explain(question, self._sessions)
            if options.format == "png":
                return drawn(explained, pixels)
            return explained.answer.model_dump_json().encode()

        return await self._run(manifest, look)

    async def what_if(self, manifest: Manifest, uploads: Sequence[Upload], changes: Changes) -> bytes:
        """How the answer changes with the picture, as JSON.

        Raises:
            NotRecorded, LayerNotFound: a filter cannot be switched off.
            RequestValidationError: the changes do not fit the version.
            PictureRejected: the picture cannot be read.
        """
        record = await self._records.layers(manifest) if changes.without or changes.occlude else None
        tails = await self._records.tails(manifest) if changes.without else None
        if record is not None:
            check_filters(record, changes)
        pixels = await self._pixels(manifest, uploads)
        network = await self._engine.network(manifest)
        images = to_unit_range(pixels[np.newaxis])

        def without() -> NDArray[np.float32]:
            if record is None or tails is None:
                raise layers_not_recorded(manifest)
            return without_filters(self._sessions, manifest, record, tails, images, changes.without)

        def look() -> bytes:
            return what_if(manifest, network, pixels, changes, record, without).model_dump_json().encode()

        return await self._run(manifest, look)

    def forget(self, model: str, version: int | None = None) -> None:
        """Close what is open of one version, or of all versions of a model."""
        self._sessions.forget(model, version)

    def close(self) -> None:
        """Stop the thread."""
        self._sessions.close()

    async def _run(self, manifest: Manifest, work: Callable[[], bytes]) -> bytes:
        self._engine.refuse_unloaded(manifest.model)
        return await self._sessions.run(work)

    async def _pixels(self, manifest: Manifest, uploads: Sequence[Upload]) -> NDArray[np.uint8]:
        if len(uploads) != 1:
            raise TooManyPictures(1)
        decoded = await self._decoder.decode(manifest, uploads)
        if decoded.rejections:
            raise decoded.rejections[0].error()
        return decoded.images[0]

    def _draw_kernels(self, manifest: Manifest, record: NetworkRecord, layer: str, kernel: KernelTensor) -> bytes:
        return draw_kernels(read_kernel(self._sessions, manifest, record, kernel), layer, _subject(manifest))


def _chosen(record: NetworkRecord, options: MapsOptions) -> list[LayerRecord]:
    """The layers to show. Raises `LayerNotFound`, `RequestValidationError`."""
    if options.layer is None:
        if options.values or options.channel is not None:
            name = "values" if options.values else "channel"
            raise refused("layer", f"{name} is for one layer; expected layer=… with it, got none")
        layers = [layer for layer in record.layers if layer.n_maps]
        n_maps = sum(layer.n_maps for layer in layers)
        if n_maps > MOST_MAPS and options.format == "json":
            raise refused("layer", f"too many maps for one answer; expected layer=… for {n_maps:,}")
        return layers
    layer = layer_with_maps(record, options.layer)
    if options.channel is not None and options.channel >= layer.n_maps:
        raise refused("channel", f"{layer.name} has no such channel; expected 0 to {layer.n_maps - 1}")
    n_values = int(np.prod(layer.output_shape if options.channel is None else layer.output_shape[:-1]))
    if options.values and n_values > MOST_VALUES:
        expected = f"expected at most {MOST_VALUES:,}, got {n_values:,}; ask for one channel with channel=…"
        raise refused("values", f"too many numbers for one answer; {expected}")
    return [layer]


def _maps_json(
    manifest: Manifest,
    maps: Sequence[LayerMaps],
    pixels: NDArray[np.uint8],
    answer: tuple[str, float],
    options: MapsOptions,
) -> bytes:
    seen = base64.b64encode(png_of(pixels)).decode()
    answered = MapsAnswer.model_construct(
        model=manifest.model,
        version=manifest.version,
        seen=f"data:image/png;base64,{seen}",
        label=answer[0],
        probability=rounded_one(answer[1]),
        layers=[_layer_json(each, options) for each in maps],
    )
    return to_json(answered)


def _layer_json(maps: LayerMaps, options: MapsOptions) -> LayerMapsAnswer:
    first = options.channel or 0
    values = maps.values if options.channel is None else maps.values[..., first : first + 1]
    rows = values.reshape(-1, values.shape[-1])
    columns = [rounded(found).tolist() for found in (rows.min(0), rows.max(0), rows.mean(0), rows.std(0))]
    return LayerMapsAnswer.model_construct(
        name=maps.layer.name,
        shape=values.shape,
        maps=[
            MapSummary.model_construct(channel=first + at, min=low, max=high, mean=mean, deviation=deviation)
            for at, (low, high, mean, deviation) in enumerate(zip(*columns, strict=True))
        ],
        values=rounded(values).tolist() if options.values else None,
    )


def _subject(manifest: Manifest) -> str:
    return f"{manifest.model}, version {manifest.version}"
