"""Decides from the plan whether `model.keras` holds the optimizer's state, so that its size is known in advance."""

from worker.architectures.layer_changes import has_fixed_kernels
from worker.jobs.plan import TrainingPlan
from worker.recipe.schedules import is_flat

MAX_WITH_OPTIMIZER = 25_000_000
"""In parameters. Saving VGG16 with Adam's moments took 1.6 GB on disk, 34 s and 2.2 GB of additional memory; without
them 0.5 GB, 6 s and 0.9 GB."""


def holds_optimizer(plan: TrainingPlan, parameters: int) -> bool:
    """Whether the Keras file of a plan's network holds the optimizer's state.

    It does if Keras can open such a file without this program: a schedule is a class of ours, and so is Muon; and Keras
    would train a whitening kernel on, for which there is no state. A network trained in mixed precision is rebuilt in
    float32 for publication, and the rebuilt network has no optimizer; nor has a network of which only the head was
    trained. A file without the state has a fresh optimizer, which takes no space.
    """
    return (
        parameters <= MAX_WITH_OPTIMIZER
        and plan.train != "head"
        and is_flat(plan.learning_rate_schedule)
        and plan.optimizer.name != "muon"
        and not has_fixed_kernels(plan.network.layers)
        and plan.precision in {"float32", "auto"}
    )
