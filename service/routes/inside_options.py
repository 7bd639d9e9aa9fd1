"""What a request asks of the routes that look inside: its picture, and its options from the query or the body."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from service.deps import DatasetChoiceDep, StateDep, chosen_pictures
from service.inside.changes import Changes
from service.inside.options import (
    ExplainOptions,
    Format,
    MapsOptions,
    Method,
    combined,
    query_changes,
    query_fill,
)
from service.predict.body_options import BodyOptions
from service.predict.uploads import Upload


class Asked:
    """The pictures of a request, and the options in its body."""

    def __init__(self, uploads: list[Upload], beside: BodyOptions) -> None:
        self.uploads = uploads
        self.options = beside.found


async def _asked(request: Request, state: StateDep, choice: DatasetChoiceDep) -> Asked:
    beside = BodyOptions()
    return Asked(await chosen_pictures(request, state, choice, beside.take), beside)


AskedDep = Annotated[Asked, Depends(_asked)]


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _option(model: type[MapsOptions] | type[ExplainOptions], name: str) -> Any:  # noqa: ANN401 - FastAPI's own type
    return Query(description=model.model_fields[name].description)


async def _maps_options(
    asked: AskedDep,
    layer: Annotated[str | None, _option(MapsOptions, "layer")] = None,
    values: Annotated[bool | None, _option(MapsOptions, "values")] = None,
    channel: Annotated[int | None, _option(MapsOptions, "channel")] = None,
    format: Annotated[Format | None, _option(MapsOptions, "format")] = None,
) -> MapsOptions:
    return combined(MapsOptions, _given(layer=layer, values=values, channel=channel, format=format), asked.options)


async def _explain_options(
    asked: AskedDep,
    method: Annotated[Method | None, _option(ExplainOptions, "method")] = None,
    label: Annotated[str | None, _option(ExplainOptions, "label")] = None,
    layer: Annotated[str | None, _option(ExplainOptions, "layer")] = None,
    patch: Annotated[int | None, _option(ExplainOptions, "patch")] = None,
    stride: Annotated[int | None, _option(ExplainOptions, "stride")] = None,
    fill: Annotated[str | None, _option(ExplainOptions, "fill")] = None,
    format: Annotated[Format | None, _option(ExplainOptions, "format")] = None,
) -> ExplainOptions:
    filled = None if fill is None else query_fill(fill)
    named = _given(method=method, label=label, layer=layer, patch=patch, stride=stride, fill=filled, format=format)
    return combined(ExplainOptions, named, asked.options)


def _amounts(name: str) -> Any:  # noqa: ANN401 - FastAPI's own type
    return Query(max_length=2000, description=Changes.model_fields[name].description)


async def _changes(
    asked: AskedDep,
    shift: Annotated[str | None, _amounts("shift")] = None,
    rotate: Annotated[str | None, _amounts("rotate")] = None,
    blur: Annotated[str | None, _amounts("blur")] = None,
    noise: Annotated[str | None, _amounts("noise")] = None,
    brightness: Annotated[str | None, _amounts("brightness")] = None,
    occlude: Annotated[str | None, _amounts("occlude")] = None,
    without: Annotated[str | None, _amounts("without")] = None,
) -> Changes:
    named = {"shift": shift, "rotate": rotate, "blur": blur, "noise": noise, "brightness": brightness}
    named |= {"occlude": occlude, "without": without}
    given = query_changes({name: text for name, text in named.items() if text is not None})
    return combined(Changes, given, asked.options)


MapsOptionsDep = Annotated[MapsOptions, Depends(_maps_options)]
ExplainOptionsDep = Annotated[ExplainOptions, Depends(_explain_options)]
ChangesDep = Annotated[Changes, Depends(_changes)]
