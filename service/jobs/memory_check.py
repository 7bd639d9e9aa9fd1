"""Estimates the memory of trainings, and refuses one that needs more than any worker allows a trainer.

Only workers know their memory, and they may run on other machines: each announces in Redis what it allows. The largest
one counts, since a job may wait for it; a smaller worker that takes the job ends it as `out_of_memory`. While no worker
runs, only a setting of the API can say; without one, everything is accepted.
"""

import asyncio
from collections.abc import Sequence

from service.jobs.queue import JobQueue
from worker.datasets import FindDataset
from worker.estimates import Estimate, estimate
from worker.jobs.grids import PlannedJob
from worker.jobs.plan import TrainingPlan
from worker.jobs.request import RequestInvalid

GIGABYTE = 1e9


async def with_memory(
    jobs: Sequence[PlannedJob], queue: JobQueue, setting_bytes: int | None, find_dataset: FindDataset
) -> list[PlannedJob]:
    """Estimate the memory of jobs, and their time, before they are queued.

    Args:
        jobs: planned.
        queue: knows what the workers announce.
        setting_bytes: of the API, used while no worker is known.
        find_dataset: tells the facts of their datasets.

    Returns:
        The jobs with their estimates.

    Raises:
        RequestInvalid: a training needs more than there is.
        QueueUnavailable: Redis does not answer.
    """
    most_bytes = await queue.call(queue.jobs.most_memory) or setting_bytes
    return await asyncio.to_thread(_with_memory, jobs, most_bytes, find_dataset)


def _with_memory(jobs: Sequence[PlannedJob], most_bytes: int | None, find_dataset: FindDataset) -> list[PlannedJob]:
    estimated = []
    for job in jobs:
        found = estimate(job.plan, find_dataset(job.plan.dataset), past=[])
        needed = _on_the_machine(found, job.plan)
        if most_bytes is not None and needed > most_bytes:
            raise RequestInvalid(*_refusal(job.plan, needed, most_bytes, find_dataset))
        known = {"estimated_bytes": found.memory.total, "estimated_s": found.time.seconds}
        estimated.append(job.model_copy(update=known))
    return estimated


def _needed(plan: TrainingPlan, find_dataset: FindDataset) -> int:
    return _on_the_machine(estimate(plan, find_dataset(plan.dataset), past=[]), plan)


def _on_the_machine(found: Estimate, plan: TrainingPlan) -> int:
    """Bytes that a machine needs. Further GPUs hold their copies of the weights in their own memory.

    Virtual devices, which are for tests, hold them in the machine's, too. That is too little to refuse real GPUs for.
    """
    return found.memory.total - found.memory.copies * (plan.devices - 1) // plan.devices


def _refusal(
    plan: TrainingPlan, needed: int, most_bytes: int, find_dataset: FindDataset
) -> tuple[tuple[str, ...], str]:
    """The field to change, and what is wrong, what was expected, what came."""
    wrong = (
        f"the training needs about {needed / GIGABYTE:.1f} GB of memory, "
        f"and no worker allows more than {most_bytes / GIGABYTE:.1f} GB"
    )
    fitting = _fitting_batch_size(plan, most_bytes, find_dataset)
    if fitting is not None:
        return ("batch_size",), f"{wrong}; expected at most {fitting}, got {plan.batch_size}"
    return ("architecture",), (
        f"{wrong}, not even for one picture at a time; expected a smaller network, a smaller `input_size` of it, or "
        f"fewer `train_samples`, got {plan.architecture_name}"
    )


def _fitting_batch_size(plan: TrainingPlan, most_bytes: int, find_dataset: FindDataset) -> int | None:
    """The largest power of two that fits, smaller than the plan's; None when not even one picture does."""
    size = 1 << ((plan.batch_size - 1).bit_length() - 1) if plan.batch_size > 1 else 0
    while size:
        if _needed(plan.model_copy(update={"batch_size": size}), find_dataset) <= most_bytes:
            return size
        size //= 2
    return None
