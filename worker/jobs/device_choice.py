"""Checks the number of devices of a training: what it cannot be combined with, and whether a worker has as many."""

from worker.jobs.request import RequestInvalid
from worker.recipe.options import Precision


def check_devices(devices: int, batch_size: int, head_epochs: int, precision: Precision) -> None:
    """Refuse several devices where they cannot be used.

    Args:
        devices: of the plan.
        batch_size: of the plan.
        head_epochs: epochs that train only the head.
        precision: of the plan.

    Raises:
        RequestInvalid: the batch has fewer pictures than there are devices, only a head is trained at first, or the
            loss is scaled for float16, which each device would do by itself.
    """
    if devices == 1:
        return
    if batch_size < devices:
        message = f"each device needs a picture; expected at most the {batch_size} pictures of a batch"
        raise RequestInvalid(("devices",), f"{message}, got {devices}")
    if head_epochs:
        message = "trainings on learned weights use one device; expected 1, or `train: all` without `weights`"
        raise RequestInvalid(("devices",), f"{message}, got {devices}")
    if precision == "mixed_float16":
        message = f"cannot be used on several devices; expected float32 or mixed_bfloat16, got {precision}"
        raise RequestInvalid(("precision",), message)


def check_workers(wanted: int, most: int | None) -> None:
    """Refuse a training for which no worker has enough devices.

    Args:
        wanted: devices of the training.
        most: devices of the worker that has most; None while no worker is known, when jobs wait for one.

    Raises:
        RequestInvalid: it needs more.
    """
    if most is not None and wanted > most:
        raise RequestInvalid(("devices",), f"no worker has so many; expected at most {most}, got {wanted}")
