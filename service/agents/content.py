"""Turns what a route answers into what a tool returns: text, JSON or a picture, or an error that says what to do."""

import base64
import json
from typing import Any

from service.agents.loopback import Reply

LONGEST_ANSWER = 200_000
"""Bytes of text: 50,000 tokens or so, more than fits into the context of many models."""
LARGEST_ANSWER = 4_000_000
"""Bytes of any answer, such as a picture."""
END_OF_LOG = 20_000
"""Characters of a log; what went wrong stands at its end."""
PICTURES = ("image/png", "image/jpeg", "image/webp")
ADVICE = {
    "scope_missing": "Ask the person who runs the server for a key with that scope.",
    "not_owner": "Work with what this key owns; `whoami` says who that is.",
    "quota_exceeded": "Wait, or let a job of yours end; `whoami` says what the key allows and what is used.",
    "storage_exceeded": "Ask the owner of the key to delete versions or datasets.",
    "dataset_not_found": "`list_datasets` has the names.",
    "architecture_not_found": "`list_architectures` has the names.",
    "model_not_found": "`list_models` has the names.",
    "job_not_found": "`list_jobs` has the ids.",
    "picture_not_fetched": "Send the picture as `image` instead.",
}
"""What to do next, by the code of a problem."""

Result = dict[str, Any]


def result_of(reply: Reply, note: str = "") -> Result:
    """The result of a tool.

    Args:
        reply: of its route.
        note: said before the answer.
    """
    if reply.status >= 400:
        return failed(_said(reply))
    is_picture, is_log = reply.media_type in PICTURES, reply.media_type == "text/plain"
    if reply.is_cut or (len(reply.body) > LONGEST_ANSWER and not is_picture and not is_log):
        return failed(
            f"The answer is too long; expected at most {LONGEST_ANSWER:,} bytes of text or {LARGEST_ANSWER:,} of a "
            "picture. Ask for less: use a filter, a smaller `limit`, fewer jobs, or a picture instead of numbers."
        )
    if is_picture:
        data = base64.b64encode(reply.body).decode()
        return {"content": [*_notes(note), {"type": "image", "data": data, "mimeType": reply.media_type}]}
    if reply.media_type == "application/json":
        found = json.loads(reply.body)
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return {"content": [*_notes(note), _text(text)], **_structured(found)}
    text = reply.body.decode("utf-8", "replace")
    return {"content": [*_notes(note), _text(text[-END_OF_LOG:] if is_log else text)]}


def failed(text: str) -> Result:
    """The result of a tool that did not do what it was asked for."""
    return {"content": [_text(text)], "isError": True}


def _said(reply: Reply) -> str:
    try:
        problem = json.loads(reply.body)
    except ValueError:
        problem = {}
    parts = [f"{problem.get('title', 'Refused')} (HTTP {reply.status} {problem.get('code', '')}): "]
    parts.append(str(problem.get("detail", "the server says no more")))
    for error in problem.get("errors") or ():
        parts.append(f"\n- {'.'.join(map(str, error['loc']))}: {error['message']}")
    if wait := reply.headers.get("retry-after"):
        parts.append(f"\nTry again after {wait} s.")
    if advice := ADVICE.get(str(problem.get("code"))):
        parts.append(f"\n{advice}")
    return "".join(parts)


def _structured(found: object) -> Result:
    return {"structuredContent": found} if isinstance(found, dict) else {}


def _notes(note: str) -> list[Result]:
    return [_text(note)] if note else []


def _text(text: str) -> Result:
    return {"type": "text", "text": text}
