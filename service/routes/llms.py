"""The route of `llms.txt`, which tells language models what this server does."""

import hashlib

from fastapi import APIRouter, Request, Response

from service.agents.llms_text import llms_text
from service.deps import StateDep
from service.web.byte_ranges import ConditionsDep, answer_bytes

router = APIRouter(tags=["agents"])


@router.get(
    "/llms.txt",
    summary="What this server does, for language models",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Markdown, as llmstxt.org describes it."}},
)
async def get_llms_text(request: Request, state: StateDep, conditions: ConditionsDep) -> Response:
    """Title, summary, three commands and links in Markdown: the networks and datasets by name, and if a key is needed.

    It names nobody's models or uploads, so it is answered without a key.
    """
    text = llms_text(str(request.base_url).rstrip("/"), is_key_needed=state.keyring is not None).encode()
    etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    return answer_bytes(text, etag, "text/plain; charset=utf-8", conditions, {"Vary": "Host"})
