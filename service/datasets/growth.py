"""What an addition to a dataset needs: the version before, copied for the converter, and options that fit it."""

from pathlib import Path

from model_store import DatasetManifest, DatasetStore
from model_store.free_space import has_space_for
from service.errors import DiskFull
from worker.datasets.upload.messages import Base
from worker.datasets.upload.options import UploadOptions
from worker.datasets.uploaded import array_files

BASE_FOLDER = "base"


def options_for(manifest: DatasetManifest, encoding: str | None) -> UploadOptions:
    """Options that make pictures of the same size and colour, and a test split by the same rules.

    Args:
        manifest: of the version before.
        encoding: code page of names in the archive that are not UTF-8.
    """
    height, width, channels = manifest.image_shape
    kept = {name: manifest.options[name] for name in ("test_share", "seed") if name in manifest.options}
    return UploadOptions.model_validate(
        {
            **kept,
            "name": manifest.name,
            "image_size": (height, width),
            "colour": "greyscale" if channels == 1 else "rgb",
            "encoding": encoding,
            "title": manifest.title,
            "licence": manifest.licence,
            "source": manifest.source,
            "tags": manifest.tags,
            "note": manifest.note or "",
        }
    )


def copy_base(store: DatasetStore, manifest: DatasetManifest, folder: Path, min_free_bytes: int) -> Base:
    """Copy the arrays of a version into an upload's directory.

    Raises:
        DiskFull: the disk has too little free space.
        DatasetDamaged: the stored bytes are not the published ones.
    """
    target = folder / BASE_FOLDER
    target.mkdir()
    files = array_files(manifest.validation_per_class)
    if not has_space_for(folder, sum(manifest.files[file].size_bytes for file in files), min_free_bytes):
        raise DiskFull
    for file in files:
        with (target / file).open("wb") as copy:
            for chunk in store.stream(manifest, file):
                copy.write(chunk)
    return Base(folder=str(target.absolute()), version=manifest.version, classes=manifest.classes)
