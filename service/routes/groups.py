"""Routes of groups (a group is the jobs of one grid): list, get, cancel."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.deps import NAME_PATTERN, CallerDep, QueueDep
from service.jobs.group_answers import Group, GroupList, group_answer
from service.keys.ownership import require_owner
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from worker.jobs.errors import GroupNotFound, QueueUnavailable

router = APIRouter(prefix="/groups", tags=["jobs"])

GroupId = Annotated[str, Path(pattern=NAME_PATTERN, description="Id of the group.", examples=["k3v9x2m7qd"])]


@router.get("", summary="List groups", responses=problem_responses(QueueUnavailable))
async def list_groups(
    queue: QueueDep,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> GroupList:
    """Groups, newest first."""
    groups, total = await queue.call(queue.groups.page, offset, limit)
    return GroupList(groups=groups, total=total, offset=offset, limit=limit)


@router.get("/{group_id}", summary="One group", responses=problem_responses(GroupNotFound, QueueUnavailable))
async def get_group(group_id: GroupId, queue: QueueDep) -> Group:
    """A summary of its jobs, the number of jobs in each state, the best so far, and how long the rest will take.

    A group exists as long as at least one of its jobs does. `GET /compare?group=` compares its jobs.
    """
    return group_answer(await queue.call(queue.groups.get, group_id))


@router.post(
    "/{group_id}/cancel",
    summary="Cancel a group",
    responses=problem_responses(GroupNotFound, NotOwner, QueueUnavailable),
)
async def cancel_group(group_id: GroupId, queue: QueueDep, caller: CallerDep) -> Group:
    """Cancel all its jobs: queued ones at once, running ones within seconds. Models already published stay."""
    for job in (await queue.call(queue.groups.get, group_id)).jobs:
        require_owner(caller, job.owner, f"group {group_id!r}")
    return group_answer(await queue.call(queue.groups.cancel, group_id))
