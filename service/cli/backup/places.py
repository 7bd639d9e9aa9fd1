"""What a backup is made of on this machine: the model store and Label Studio's projects."""

from pathlib import Path

from model_store import StoreError
from model_store.local_disk import LocalDisk
from model_store.opening import open_objects
from model_store.whole import WholeStore
from service.cli.backup.layout import PROJECTS, STORE
from service.cli.errors import CommandFailed
from service.labelling.projects import PROJECTS_DIRECTORY
from worker.settings import SharedSettings


def places(settings: SharedSettings, *, may_create: bool) -> dict[str, WholeStore]:
    """Each place, by what the names of its members begin with.

    Args:
        settings: where the places are.
        may_create: make directories that are missing; else a missing store is an error.

    Raises:
        CommandFailed: the store cannot be opened.
    """
    url = settings.store_location
    if not may_create and "://" not in url and not Path(url).exists():
        raise CommandFailed(
            f"there is no store {url}", "Name the data directory with --data-dir or CONVSERVE_DATA_DIR."
        )
    try:
        found = {STORE: WholeStore(open_objects(url))}
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    projects = settings.data_dir / PROJECTS_DIRECTORY
    if may_create or projects.exists():
        found[PROJECTS] = WholeStore(LocalDisk(projects))
    return found
