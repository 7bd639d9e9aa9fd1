"""Dependencies of the routes as annotated aliases, so that a route's signature reads like a sentence.

Only this module turns an id in a path into the object it names, or into a 404.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError

from model_store import ModelStore
from model_store.names import ALIAS_PATTERN, FILE_PATTERN, MODEL_PATTERN, NUMBER_PATTERN, is_name
from service.datasets.conversions import Conversions
from service.datasets.listing import DatasetListing
from service.datasets.pictures import DatasetPictures
from service.drawing.comparison_pictures import ComparisonPictures
from service.drawing.contact_sheets import ContactSheets
from service.drawing.curve_pictures import CurvePictures
from service.inference.engine import Engine
from service.inside.looks import Looks
from service.jobs.queue import JobQueue
from service.keys.callers import Caller
from service.keys.keyring import Keyring
from service.keys.ownership import require_owner
from service.models.catalog import Catalog
from service.models.index import Index, Reference
from service.models.test_labels import FILES_WITHOUT_LABELS, require_test_labels
from service.predict.predictor import Predictor
from service.predict.uploads import TakeOptions, Upload, read_uploads
from service.quotas.usage import Usage
from service.settings import ApiSettings
from service.state import ServiceState
from service.web.streams import EventStreams
from service.web.strict_json import parse_json
from worker.artifacts import KERAS_FILE
from worker.datasets.unpacked import SplitName
from worker.jobs.records import JobRecord
from worker.pictures.hard_pixels import png_of

NAME_PATTERN = ALIAS_PATTERN
TOGETHER = "A picture of a dataset needs both; expected dataset=NAME and index=N"

ModelName = Annotated[
    str,
    Path(pattern=MODEL_PATTERN, description="Name of the model.", examples=["fashion_mnist-lenet5-fashion"]),
]
VersionNumber = Annotated[int, Path(ge=1, le=999_999_999, description="Number of the version.", examples=[1])]
AliasName = Annotated[str, Path(pattern=ALIAS_PATTERN, description="Name of the alias.", examples=["production"])]
FileName = Annotated[str, Path(pattern=FILE_PATTERN, description="Name of the file.", examples=[KERAS_FILE])]
JobId = Annotated[str, Path(pattern=NAME_PATTERN, description="Id of the job.", examples=["k3v9x2m7qd"])]


def state_of(request: Request) -> ServiceState:
    """The state of this process."""
    state = request.app.state.service
    assert isinstance(state, ServiceState)
    return state


async def get_state(request: Request) -> ServiceState:
    """The state of this process.

    A coroutine, as all dependencies here: FastAPI would run a plain function in a thread. The others take the request
    and not this dependency, because FastAPI resolves each level of dependencies anew, at the start for every route and
    later for every request.
    """
    return state_of(request)


StateDep = Annotated[ServiceState, Depends(get_state)]


async def _request_id(request: Request) -> str:
    return str(request.state.request_id)


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]


async def _usage(request: Request) -> Usage:
    return state_of(request).usage()


async def _keyring(request: Request) -> Keyring | None:
    return state_of(request).keyring


async def _store(request: Request) -> ModelStore:
    return state_of(request).store


async def _catalog(request: Request) -> Catalog:
    return state_of(request).catalog


async def _index(request: Request) -> Index:
    return await state_of(request).catalog.index()


async def _engine(request: Request) -> Engine:
    return state_of(request).engine


async def _predictor(request: Request) -> Predictor:
    return state_of(request).predictor


async def _settings(request: Request) -> ApiSettings:
    return state_of(request).settings


async def _queue(request: Request) -> JobQueue:
    return state_of(request).queue


async def _curves(request: Request) -> CurvePictures:
    return state_of(request).curves


async def _comparisons(request: Request) -> ComparisonPictures:
    return state_of(request).comparisons


async def _datasets(request: Request) -> DatasetListing:
    return state_of(request).datasets


async def _conversions(request: Request) -> Conversions:
    return state_of(request).conversions


async def _sheets(request: Request) -> ContactSheets:
    return state_of(request).sheets


async def _dataset_pictures(request: Request) -> DatasetPictures:
    return state_of(request).dataset_pictures


async def _looks(request: Request) -> Looks:
    return state_of(request).looks


async def _streams(request: Request) -> EventStreams:
    return state_of(request).streams


async def _job(job_id: JobId, request: Request) -> JobRecord:
    state = state_of(request)
    return await state.queue.call(state.queue.jobs.get, job_id)


async def _own_job(job: Annotated[JobRecord, Depends(_job)], caller: CallerDep) -> JobRecord:
    require_owner(caller, job.owner, f"job {job.id!r}")
    return job


async def _test_labels_of_version(request: Request, caller: CallerDep) -> None:
    state = state_of(request)
    hidden, path = state.settings.hidden_datasets(), request.path_params
    version = str(path.get("version", ""))
    if not hidden or path.get("file") in FILES_WITHOUT_LABELS or (version and not is_name(version, NUMBER_PATTERN)):
        return
    reference = Reference(path["name"], int(version) if version else None, path.get("alias"))
    require_test_labels(caller, (await state.catalog.resolve(reference)).dataset, hidden)


async def _require_free_space(request: Request) -> None:
    await asyncio.to_thread(state_of(request).store.require_free_space)


async def _uploads(request: Request) -> list[Upload]:
    return await _read(request, state_of(request), None)


async def _read(request: Request, state: ServiceState, take_options: TakeOptions | None) -> list[Upload]:
    limits = (state.settings.max_pictures, state.settings.max_picture_bytes)
    uploads = await read_uploads(request.headers, request.stream(), *limits, state.decoder.in_thread, take_options)
    return await state.fetcher.fetched(uploads)


@dataclass(frozen=True)
class DatasetChoice:
    """The picture of a dataset that the query of a request names.

    Attributes:
        dataset: its name.
        split: the split of the picture.
        index: its position there.
    """

    dataset: str
    split: SplitName
    index: int


async def _dataset_choice(
    dataset: Annotated[
        str | None,
        Query(max_length=100, description="Instead of a picture in the body: the dataset that it is taken from."),
    ] = None,
    split: Annotated[SplitName, Query(description="With `dataset`: the split of the picture.")] = "test",
    index: Annotated[
        int | None, Query(ge=0, le=10**9, description="With `dataset`: the picture's position in the split, from 0.")
    ] = None,
) -> DatasetChoice | None:
    if (dataset is None) != (index is None):
        missing = "dataset" if dataset is None else "index"
        raise RequestValidationError([{"type": "missing", "loc": ("query", missing), "msg": TOGETHER}])
    return None if dataset is None or index is None else DatasetChoice(dataset, split, index)


DatasetChoiceDep = Annotated[DatasetChoice | None, Depends(_dataset_choice)]


async def chosen_pictures(
    request: Request, state: ServiceState, choice: DatasetChoice | None, take_options: TakeOptions
) -> list[Upload]:
    """The picture of a dataset that the query names, as a PNG file with the same pixels; or those of the body.

    Args:
        request: where the query names the picture, its body has options only, or nothing.
        state: has the datasets.
        choice: what the query names.
        take_options: takes the options of the route out of a JSON body.

    Raises:
        DatasetError, DatasetPictureNotFound, DiskFull: the dataset's picture cannot be read.
        JsonRejected: the body beside it is not JSON.
        Exception: what `read_uploads` raises.
    """
    if choice is None:
        return await _read(request, state, take_options)
    picture = await state.dataset_pictures.one(choice.dataset, choice.split, choice.index)
    if body := await request.body():
        take_options(parse_json(body[: state.settings.max_json_bytes]))
    name = f"{choice.dataset}-{choice.split}-{choice.index}.png"
    return [Upload(name, await asyncio.to_thread(png_of, picture.pixels))]


UsageDep = Annotated[Usage, Depends(_usage)]
KeyringDep = Annotated[Keyring | None, Depends(_keyring)]
StoreDep = Annotated[ModelStore, Depends(_store)]
CatalogDep = Annotated[Catalog, Depends(_catalog)]
IndexDep = Annotated[Index, Depends(_index)]
EngineDep = Annotated[Engine, Depends(_engine)]
PredictorDep = Annotated[Predictor, Depends(_predictor)]
QueueDep = Annotated[JobQueue, Depends(_queue)]
SettingsDep = Annotated[ApiSettings, Depends(_settings)]
ComparisonsDep = Annotated[ComparisonPictures, Depends(_comparisons)]
CurvesDep = Annotated[CurvePictures, Depends(_curves)]
DatasetsDep = Annotated[DatasetListing, Depends(_datasets)]
ConversionsDep = Annotated[Conversions, Depends(_conversions)]
DatasetPicturesDep = Annotated[DatasetPictures, Depends(_dataset_pictures)]
SheetsDep = Annotated[ContactSheets, Depends(_sheets)]
LooksDep = Annotated[Looks, Depends(_looks)]
StreamsDep = Annotated[EventStreams, Depends(_streams)]
RequestIdDep = Annotated[str, Depends(_request_id)]
JobDep = Annotated[JobRecord, Depends(_job)]
OwnJobDep = Annotated[JobRecord, Depends(_own_job)]
"""A job that the caller may change."""
UploadsDep = Annotated[list[Upload], Depends(_uploads)]
REVEALS_TEST_LABELS = Depends(_test_labels_of_version)
"""For routes below a version that say more about its test than the score."""
REQUIRE_FREE_SPACE = Depends(_require_free_space)
"""For routes that add files to the store: without free space they answer 507 before any work is done."""
TopK = Annotated[
    int, Query(ge=1, description="How many classes to name for each picture; all of them when there are fewer.")
]
