"""Pictures of one's own on the command line: a folder is zipped and uploaded as a dataset, and trained on."""

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from rich.console import Console

from service.cli.client import Client, ServerRefused
from service.cli.dataset_list import await_dataset, sent_archive, show_when_ready
from service.cli.errors import CommandFailed

FOR_PHOTOS = "efficientnet-lite0"
"""The network that learns from few photographs."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".csv", ".csv.gz", ".parquet")
MOST_NAMES = 100
LONGEST_NAME = 50


def architecture_and_pictures(architecture: str, dataset: str | None) -> tuple[str, str, str | None]:
    """What the arguments of `convserve train` mean.

    Args:
        architecture: the first argument: a preset, a `.json` file, or a folder or a zip of pictures.
        dataset: the second argument: a dataset's name, or a folder or a zip of pictures.

    Returns:
        Architecture, name of the dataset, and path of the pictures; the name is empty if there is a path.

    Raises:
        BadParameter: there is neither a dataset nor a folder.
    """
    if dataset is not None:
        return (architecture, "", dataset) if _is_path(dataset) else (architecture, dataset, None)
    if _is_path(architecture) or Path(architecture).is_dir():
        return FOR_PHOTOS, "", architecture
    raise typer.BadParameter(
        f"Missing argument DATASET: expected the name of a dataset after {architecture!r} (`convserve datasets list` "
        "shows them), or a folder of pictures, such as `convserve train ./my-photos`"
    )


def upload_pictures(client: Client, path: Path, *, as_json: bool = False) -> str:
    """Upload a folder or a zip as a dataset, and return the dataset's name.

    The name is that of the folder; if a dataset has it already, a number is added.

    Args:
        client: of the server.
        path: of the folder or the file.
        as_json: leave the standard output to a command that prints JSON, and do not show the dataset.

    Raises:
        CommandFailed: there are no pictures, the server refuses them, or the conversion fails.
    """
    if not path.exists():
        raise CommandFailed(f"expected a folder or a zip of pictures, got {path}, which does not exist")
    name = _dataset_name(path.resolve().name.partition(".")[0] if path.is_file() else path.resolve().name)
    with as_archive(path) as archive:
        return _upload(client, archive, name, as_json)


@contextmanager
def as_archive(path: Path) -> Iterator[Path]:
    """The file itself, or a zip of the folder, which is deleted at the end; its size is told on the standard error.

    Raises:
        CommandFailed: the folder is empty, or one of its files cannot be read.
    """
    if not path.is_dir():
        yield path
        return
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "pictures.zip"
        n_files = pack_folder(path, archive)
        size = f"{n_files:,} files in {path}, {archive.stat().st_size / 1e6:.1f} MB"
        Console(stderr=True).print(size, highlight=False, markup=False, soft_wrap=True)
        yield archive


def pack_folder(folder: Path, archive: Path) -> int:
    """Write the files of a folder into a zip, without compression: pictures are compressed already.

    Hidden files and folders and symbolic links are left out. The server decides what is a picture, and says what it
    ignored.

    Returns:
        Number of files.

    Raises:
        CommandFailed: there are none, or one cannot be read.
    """
    n_files = 0
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED, strict_timestamps=False) as opened:
            for file in _files(folder):
                opened.write(file, file.relative_to(folder).as_posix())
                n_files += 1
    except OSError as error:
        raise CommandFailed(f"cannot read {error.filename or folder}: {error.strerror}") from error
    if not n_files:
        raise CommandFailed(f"expected pictures in folders, one for each class, got no file in {folder}")
    return n_files


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _upload(client: Client, archive: Path, name: str, as_json: bool) -> str:
    for number in range(1, MOST_NAMES + 1):
        tried = name if number == 1 else f"{name}-{number}"
        try:
            dataset = sent_archive(client, archive, {"name": tried})
        except ServerRefused as error:
            if error.code != "dataset_exists":
                raise
            continue
        (await_dataset if as_json else show_when_ready)(client, dataset, as_json=as_json)
        return tried
    raise CommandFailed(f"there are {MOST_NAMES} datasets called {name} already", "Delete some, or rename the folder.")


def _dataset_name(text: str) -> str:
    """A folder's name as that of a dataset: small letters, digits, `-` and `_`."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return name[:LONGEST_NAME] or "photos"


def _is_path(text: str) -> bool:
    return "/" in text or os.sep in text or text in {".", ".."} or text.endswith(ARCHIVES)
