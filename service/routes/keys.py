"""Routes of keys: make one, list them, revoke one. All need the scope `admin`."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response, status

from model_store import KeyNameTaken, KeyNotFound, StoreUnavailable
from model_store.names import MODEL_PATTERN
from service.deps import CallerDep, KeyringDep, StoreDep
from service.keys.answers import CreatedKey, Key, KeyList, KeyRequest, created_answer, key_answer
from service.keys.issuing import issue
from service.web.key_errors import ExpiryInvalid, KeyNameReserved
from service.web.problem_docs import problem_responses

router = APIRouter(prefix="/keys", tags=["keys"])

KeyName = Annotated[str, Path(pattern=MODEL_PATTERN, description="Name of the key.", examples=["ada"])]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a key",
    responses=problem_responses(KeyNameTaken, KeyNameReserved, ExpiryInvalid, StoreUnavailable),
)
async def create_key(
    request: KeyRequest, response: Response, caller: CallerDep, store: StoreDep, keyring: KeyringDep
) -> CreatedKey:
    """Make a key, and show it this once: only its SHA-256 is stored. Other processes know it within a second.

    A name has one key at a time. A key that was revoked or has expired leaves its name free for a new one, which then
    owns what the name owns. Keys can be made while none are needed, on a loopback address, too.
    """
    token, record = await asyncio.to_thread(
        issue,
        store.keys,
        request.name,
        request.scope,
        expires=request.expires,
        created_by=caller.name,
        limits={str(name): limit for name, limit in request.limits.items()},
    )
    if keyring is not None:
        await keyring.refresh()
    response.headers["Location"] = f"/keys/{record.name}"
    return created_answer(record, token, datetime.now(UTC))


@router.get("", summary="List keys", responses=problem_responses(StoreUnavailable))
async def list_keys(store: StoreDep) -> KeyList:
    """All keys by name, also those that were revoked or have expired, but never the keys themselves."""
    now = datetime.now(UTC)
    return KeyList(keys=[key_answer(record, now) for record in await asyncio.to_thread(store.keys.all)])


@router.delete("/{name}", summary="Revoke a key", responses=problem_responses(KeyNotFound, StoreUnavailable))
async def revoke_key(name: KeyName, store: StoreDep, keyring: KeyringDep) -> Key:
    """End a key: within two seconds it opens nothing in any process, and its event streams end.

    What was made with it stays and keeps its owner. Revoking a key again changes nothing.
    """
    record = await asyncio.to_thread(store.keys.revoke, name)
    if keyring is not None:
        await keyring.refresh()
    return key_answer(record, datetime.now(UTC))
