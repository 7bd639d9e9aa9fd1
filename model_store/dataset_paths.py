"""Where the store keeps the records and files of datasets.

The first version of a dataset is where versions of the program that know no others look for it. Files of later ones
have a folder of their own, which older processes neither read nor sweep.
"""

from model_store.names import MANIFEST_FILE

ROOT = "datasets/"
STATUS_FILE = "status.json"
_UPLOADS, _ADDITIONS, _VERSIONS, _NUMBERS = "uploads", "additions", "versions", "numbers"


def dataset_folder(name: str) -> str:
    """Everything of a dataset."""
    return f"{ROOT}{name}/"


def uploads_folder(name: str, version: int = 1) -> str:
    """Where the uploads are that become the first version, or those that become later ones."""
    return f"{ROOT}{name}/{_UPLOADS if version == 1 else _ADDITIONS}/"


def file_path(name: str, version: int, upload: str, file: str) -> str:
    """A file of an upload that becomes a version."""
    return f"{uploads_folder(name, version)}{upload}/{file}"


def versions_folder(name: str) -> str:
    """Where the manifests of later versions are."""
    return f"{ROOT}{name}/{_VERSIONS}/"


def numbers_folder(name: str) -> str:
    """Marks of the numbers that later versions have had, which are never given again."""
    return f"{ROOT}{name}/{_NUMBERS}/"


def manifest_path(name: str, version: int) -> str:
    """The manifest of a version."""
    return f"{ROOT}{name}/{MANIFEST_FILE}" if version == 1 else f"{versions_folder(name)}{version:06d}.json"


def version_at(path: str) -> int | None:
    """The version whose manifest has this path; None for other paths."""
    match path.split("/"):
        case [_, _, file] if file == MANIFEST_FILE:
            return 1
        case [_, _, folder, file] if folder == _VERSIONS and file.removesuffix(".json").isdecimal():
            return int(file.removesuffix(".json"))
    return None
