"""Routes that list feedback, show its pictures, and delete it."""

import asyncio
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Path, Query, Response

from model_store import AliasNotFound, StoreUnavailable, VersionNotFound
from model_store.feedback import Feedback
from service.deps import AliasName, CallerDep, ModelName, StateDep, VersionNumber
from service.feedback.answers import FeedbackDeleted, FeedbackList, item_of, versions_of
from service.feedback.filters import FeedbackFilter, FeedbackFilterDep, state_of
from service.keys.ownership import require_owner
from service.routes.feedback import FINDING
from service.routes.feedback_collecting import collector_of
from service.state import ServiceState
from service.web.byte_ranges import ConditionsDep, answer_bytes
from service.web.feedback_errors import FeedbackNotFound
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from worker.patterns import FEEDBACK_ID_PATTERN
from worker.pictures.headers import picture_format

router = APIRouter(prefix="/models/{name}", tags=["feedback"])

FeedbackId = Annotated[str, Path(pattern=FEEDBACK_ID_PATTERN, description="Id of the feedback.")]


class Page(NamedTuple):
    """Which part of a list is wanted.

    Attributes:
        wanted: filters of the list.
        limit: pictures on a page.
        after: id of the last feedback of the page before.
    """

    wanted: FeedbackFilter
    limit: int
    after: str | None


async def _page(
    wanted: FeedbackFilterDep,
    limit: Annotated[int, Query(ge=1, le=1000, description="Pictures on a page.")] = 100,
    after: Annotated[str | None, Query(max_length=20, description="The page after the feedback with this id.")] = None,
) -> Page:
    return Page(wanted, limit, after)


PageDep = Annotated[Page, Depends(_page)]


@router.get("/feedback", summary="Feedback on a model", responses=problem_responses(*FINDING))
async def list_feedback(name: ModelName, state: StateDep, page: PageDep) -> FeedbackList:
    """Every picture with its right label, the newest first, and how often each version was right."""
    (await state.catalog.index()).model(name)
    return await _listed(state, name, None, page)


@router.get(
    "/versions/{version}/feedback",
    summary="Feedback on a version",
    responses=problem_responses(*FINDING, VersionNotFound),
)
async def list_feedback_on_version(
    name: ModelName, version: VersionNumber, state: StateDep, page: PageDep
) -> FeedbackList:
    """The same for one version."""
    (await state.catalog.index()).model(name).version(version)
    return await _listed(state, name, version, page)


@router.get(
    "/aliases/{alias}/feedback",
    summary="Feedback on the version of an alias",
    responses=problem_responses(*FINDING, AliasNotFound),
)
async def list_feedback_on_alias(name: ModelName, alias: AliasName, state: StateDep, page: PageDep) -> FeedbackList:
    """The same for the version that an alias points at."""
    version = (await state.catalog.index()).model(name).alias(alias)
    return await _listed(state, name, version, page)


@router.get(
    "/feedback/{feedback_id}/picture",
    summary="The picture of some feedback",
    response_class=Response,
    responses={
        200: {"description": "The file as it was sent.", "content": {"image/*": {"schema": {"type": "string"}}}},
        **problem_responses(FeedbackNotFound, StoreUnavailable),
    },
)
async def get_feedback_picture(
    name: ModelName, feedback_id: FeedbackId, state: StateDep, conditions: ConditionsDep
) -> Response:
    """The file as it was sent."""
    entry = _only(await state.feedback.on(name), name, feedback_id)
    try:
        picture = await asyncio.to_thread(state.feedback.store.picture, entry)
    except FileNotFoundError:
        raise FeedbackNotFound(name, feedback_id) from None
    kind = (picture_format(picture) or "octet-stream").lower()
    media_type = "application/octet-stream" if kind == "octet-stream" else f"image/{kind}"
    return answer_bytes(picture, f'"{entry.id}"', media_type, conditions, {"Content-Security-Policy": "sandbox"})


@router.delete(
    "/feedback",
    summary="Delete feedback",
    responses=problem_responses(*FINDING, NotOwner),
)
async def delete_feedback(
    name: ModelName, state: StateDep, caller: CallerDep, wanted: FeedbackFilterDep
) -> FeedbackDeleted:
    """Forget all feedback that the filters match; without filters all on the model.

    What a sender sent may be deleted by that sender, by the owner of the model, and by an admin.
    """
    owner = (await state.catalog.index()).model(name).owner
    collections = await asyncio.to_thread(collector_of(state).collections, name)
    found = wanted.of(await state.feedback.on(name), collections)
    own = [entry for entry in found if caller.may_change(owner) or caller.may_change(entry.owner)]
    if found and not own:
        require_owner(caller, found[0].owner, f"feedback on model {name!r}")
    await state.feedback.delete(own)
    return FeedbackDeleted(deleted=len(own), freed_bytes=sum(entry.size_bytes for entry in own))


@router.delete(
    "/feedback/{feedback_id}",
    summary="Delete the feedback on one picture",
    responses=problem_responses(*FINDING, FeedbackNotFound, NotOwner),
)
async def delete_one_feedback(
    name: ModelName, feedback_id: FeedbackId, state: StateDep, caller: CallerDep
) -> FeedbackDeleted:
    """Forget one picture."""
    owner = (await state.catalog.index()).model(name).owner
    entry = _only(await state.feedback.on(name), name, feedback_id)
    if not caller.may_change(owner):
        require_owner(caller, entry.owner, f"feedback {feedback_id!r}")
    await state.feedback.delete([entry])
    return FeedbackDeleted(deleted=1, freed_bytes=entry.size_bytes)


async def _listed(state: ServiceState, name: str, version: int | None, page: Page) -> FeedbackList:
    collections = await asyncio.to_thread(collector_of(state).collections, name)
    found = page.wanted.of(await state.feedback.on(name), collections, version)[::-1]
    states = [state_of(entry, collections) for entry in found]
    start = 0 if page.after is None else found.index(_only(found, name, page.after)) + 1
    shown = found[start : start + page.limit]
    keys = {entry.classes for entry in shown}
    labels = {key: await asyncio.to_thread(state.feedback.store.classes, name, key) for key in keys}
    return FeedbackList(
        model=name,
        total=len(found),
        pending=states.count("pending"),
        collected=states.count("collected"),
        size_bytes=sum(entry.size_bytes for entry in found),
        versions=versions_of(found),
        feedback=[item_of(entry, labels, collections) for entry in shown],
        next=_next(name, version, page, shown[-1].id) if len(found) > start + page.limit else None,
    )


def _next(name: str, version: int | None, page: Page, last: str) -> str:
    path = f"/models/{name}/feedback" if version is None else f"/models/{name}/versions/{version}/feedback"
    return f"{path}?{page.wanted.query}limit={page.limit}&after={last}"


def _only(entries: list[Feedback], name: str, feedback_id: str) -> Feedback:
    found = next((entry for entry in entries if entry.id == feedback_id), None)
    if found is None:
        raise FeedbackNotFound(name, feedback_id)
    return found
