"""The version that answers at addresses without a place for a model, such as `/invocations`."""

from service.errors import CallRejected
from service.models.index import Reference
from worker.jobs.lineage import parse_reference


def reference_of(word: str | None) -> Reference:
    """The version that `name`, `name/version` or `name@alias` names; without a word, the one published last.

    Raises:
        CallRejected: it is no such word.
    """
    if not word:
        return Reference()
    try:
        return Reference.to(parse_reference(word))
    except ValueError:
        raise CallRejected(
            "the name of the model is not valid; expected 'name', 'name/version' or 'name@alias'"
        ) from None
