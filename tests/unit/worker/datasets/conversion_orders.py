"""Orders to convert an upload, with small limits."""

from pathlib import Path

from worker.datasets.upload.messages import ConversionOrder
from worker.datasets.upload.options import UploadLimits, UploadOptions

MIB = 1024 * 1024
LIMITS = UploadLimits(
    max_files=5000,
    max_unpacked_bytes=64 * MIB,
    max_picture_bytes=MIB,
    max_picture_pixels=1_000_000,
    max_picture_side=4000,
    max_pixels=10**9,
    max_cpu_s=600,
    max_memory_bytes=2 * 2**30,
)


def ordered(folder: Path, **options: object) -> ConversionOrder:
    """To convert the upload that lies in a folder."""
    return ConversionOrder(
        archive=str(folder / "upload.zip"),
        folder=str(folder),
        options=UploadOptions.model_validate({"name": "pets", **options}),
        limits=LIMITS,
    )
