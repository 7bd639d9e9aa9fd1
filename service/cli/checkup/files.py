"""Can the model store and the directories be written, is there space, and who else can read them?"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from model_store import StoreError, open_store
from model_store.free_space import has_space_for
from model_store.opening import open_objects
from model_store.whole import WholeStore
from service.cli.checkup.findings import Finding
from service.keys.issuing import has_admin
from service.settings import ApiSettings


def check_store(settings: ApiSettings) -> Iterator[Finding]:
    """Whether the store can be written and read, and whether it has room for another version."""
    url = settings.store_location
    if _is_missing(url):
        yield Finding("store", "ok", f"{url} will be created")
        return
    try:
        store = open_store(url, settings.min_free_bytes)
        store.check()
        models = len(store.models())
    except StoreError as error:
        fix = "Check the address, the credentials (AWS_… and the like), and who may write there."
        yield Finding("store", "error", str(error), fix)
        return
    if WholeStore(open_objects(url)).is_incomplete():
        fix = "Run convserve restore with --replace again."
        yield Finding("store", "error", f"a backup was not restored into {url} to its end", fix)
    yield Finding("store", "ok", f"{url} can be written and read; {models} models")
    try:
        store.require_free_space()
    except StoreError as error:
        yield Finding("store", "error", str(error), "Free space there, or delete versions: see CONVSERVE_KEEP_BEST.")


def has_admin_key(settings: ApiSettings) -> bool:
    """Whether the store has a key that may do everything; False if it cannot be read."""
    url = settings.store_location
    if _is_missing(url):
        return False
    try:
        return has_admin(open_store(url).keys)
    except StoreError:
        return False


def _is_missing(url: str) -> bool:
    """Whether it is a directory that does not exist; opening the store would create it."""
    return "://" not in url and not Path(url).exists()


def check_directories(settings: ApiSettings) -> Iterator[Finding]:
    """Whether the directories of this machine can be written, have free space, and are for one user alone."""
    for part, directory in (("data directory", settings.data_dir), ("datasets", settings.datasets_path)):
        yield from _directory(part, directory, settings)


def _directory(part: str, directory: Path, settings: ApiSettings) -> Iterator[Finding]:
    # The nearest directory that exists is where a missing one would be created.
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        fix = "Choose another with CONVSERVE_DATA_DIR or CONVSERVE_DATASETS_DIR, or change its owner."
        yield Finding(part, "error", f"{existing} is not a directory that this user can write", fix)
        return
    if not has_space_for(existing, 0, settings.min_free_bytes):
        limit = f"{settings.min_free_bytes / 2**20:,.0f} MiB"
        fix = "Free space there, or see CONVSERVE_MIN_FREE_BYTES."
        yield Finding(part, "error", f"less than {limit} are free in {existing}", fix)
        return
    if directory.exists() and directory.stat().st_mode & int(settings.umask, 8) & (stat.S_IRWXG | stat.S_IRWXO):
        fix = f"chmod -R go-rwx {directory}"
        yield Finding(part, "warning", f"other users of this machine can read {directory}", fix)
        return
    yield Finding(part, "ok", f"{directory} " + ("can be written" if directory.exists() else "will be created"))
