"""One short training for all test processes: the first that needs a version trains it, the others publish its files."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from model_store import ModelStore, VersionFacts, open_store
from tests.busy_machine import PATIENCE_S, wait_until
from tests.running import Stack, submit, wait_for

MODEL = "small"


def small_version(stack: Stack, api: httpx.Client, shared: Path) -> None:
    """Have version 1 of the model `small` on a stack.

    Args:
        stack: whose store gets it.
        api: a client of that stack.
        shared: a directory that all test processes of this run share.
    """
    store, kept = open_store(str(stack.data_dir / "store")), open_store(str(shared / "store"))
    with _alone(shared / "lock"):
        if kept.models():
            published(kept, store, MODEL, MODEL)
        else:
            job = submit(api, model=MODEL, epochs=1, validation=0.2)
            assert wait_for(api, job["id"])["state"] == "succeeded"
            published(store, kept, MODEL, MODEL)
    wait_until(
        lambda: api.get(f"/models/{MODEL}").status_code == 200, PATIENCE_S
    )  # the API lists the store now and then


def published(
    source: ModelStore, target: ModelStore, model: str, name: str, without: frozenset[str] = frozenset()
) -> None:
    """Publish version 1 of a model in another store, or under another name, perhaps without some of its files."""
    manifest = source.manifest(model, 1)
    umask = os.umask(0o077)  # as the stack does: test_uploaded_dataset.py looks at the modes of all files in its store
    try:
        with target.draft(name) as draft:
            for file in set(manifest.files) - without:
                draft.add(file, source.read(model, 1, file))
            draft.commit(VersionFacts.model_validate(manifest.model_dump(include=set(VersionFacts.model_fields))))
    finally:
        os.umask(umask)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
