"""Can this machine train: are the packages, a GPU and enough memory there?"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from service.cli.checkup.findings import Finding
from worker.supervision.host_memory import host_bytes

ENOUGH_MEMORY_BYTES = 3 * 2**30
"""A worker, its spare trainer and a small training hold about 2 GB together."""
CUDA_PACKAGE = "nvidia-cudnn-cu12"
DEVICES = Path("/dev")


def check_training() -> Iterator[Finding]:
    """Whether a worker can run here, and on what."""
    if not _is_installed("tensorflow"):
        fix = "Install the extra `worker` on machines that train."
        yield Finding("training", "warning", "TensorFlow is not installed: no worker can run here", fix)
        return
    yield from _memory()
    yield from _gpus()


def _memory() -> Iterator[Finding]:
    memory = host_bytes()
    said = f"{memory / 2**30:.1f} GiB of memory for this process and those beside it"
    if memory < ENOUGH_MEMORY_BYTES:
        yield Finding("memory", "warning", said, "Set CONVSERVE_SPARE_TRAINER=0, which saves 0.3 GB.")
    else:
        yield Finding("memory", "ok", said)


def _gpus() -> Iterator[Finding]:
    from worker.supervision.gpus import gpus  # noqa: PLC0415 - its package comes with TensorFlow

    found = gpus()
    has_device = any(DEVICES.glob("nvidia[0-9]*"))
    if not found and not has_device:
        yield Finding("GPU", "ok", "none: trainings run on the processor")
    elif not found:
        fix = "Run nvidia-smi. In a container: the NVIDIA container toolkit and `gpus: all`."
        yield Finding("GPU", "error", "there is an NVIDIA card, but its driver does not answer", fix)
    elif not _is_installed(CUDA_PACKAGE):
        fix = "Install the extra `gpu`."
        yield Finding(
            "GPU", "error", f"{found[0].name}: TensorFlow has no CUDA libraries, so it would not be used", fix
        )
    else:
        yield Finding("GPU", "ok", ", ".join(f"{gpu.name}, {gpu.total_bytes / 2**30:.0f} GiB" for gpu in found))


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
