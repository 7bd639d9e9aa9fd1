"""Checks on how many devices a training is to run: what it rules out, and whether a worker has as many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.jobs.request import RequestInvalid

if TYPE_CHECKING:
    from worker.jobs.plan import TrainingPlan


def check_devices(plan: TrainingPlan) -> None:
    """Refuse several devices where they cannot be used.

    Raises:
        RequestInvalid: the batch has fewer pictures than there are devices, only a head is trained at first, or the
            loss is scaled for float16, which each device would do by itself.
    """
    if plan.devices == 1:
        return
    if plan.batch_size < plan.devices:
        message = f"each device needs a picture; expected at most the {plan.batch_size} pictures of a batch"
        raise RequestInvalid(("devices",), f"{message}, got {plan.devices}")
    if plan.head_epochs:
        message = "trainings on learned weights use one device; expected 1, or `train: all` without `weights`"
        raise RequestInvalid(("devices",), f"{message}, got {plan.devices}")
    if plan.precision == "mixed_float16":
        message = f"several devices do not train in it; expected float32 or mixed_bfloat16, got {plan.precision}"
        raise RequestInvalid(("precision",), message)


def check_workers(plans: list[TrainingPlan], most: int | None) -> None:
    """Refuse trainings for which no worker has enough devices.

    Args:
        plans: of the jobs.
        most: devices of the worker that has most; None while no worker is known, when jobs wait for one.

    Raises:
        RequestInvalid: a training needs more.
    """
    wanted = max((plan.devices for plan in plans), default=1)
    if most is not None and wanted > most:
        raise RequestInvalid(("devices",), f"no worker has so many; expected at most {most}, got {wanted}")
