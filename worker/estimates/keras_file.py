"""What `model.keras` holds beside the weights: decided by the plan, so that its size can be told beforehand."""

from worker.jobs.plan import TrainingPlan
from worker.recipe.schedules import is_flat

MAX_WITH_OPTIMIZER = 25_000_000
"""Parameters. VGG16 with Adam's moments took 1.6 GB, 34 s and 2.2 GB of memory on top; without, 0.5 GB, 6 s and 0.9 GB.
"""


def holds_optimizer(plan: TrainingPlan, parameters: int) -> bool:
    """Whether the model file of a plan's network holds what the optimizer remembers.

    It does where Keras alone, without this program, can open such a file: a rate that changes is a class of ours. A
    network trained in mixed precision is published as another one, in float32, that was never trained itself.
    """
    return (
        parameters <= MAX_WITH_OPTIMIZER
        and is_flat(plan.learning_rate_schedule)
        and plan.precision in {"float32", "auto"}
    )
