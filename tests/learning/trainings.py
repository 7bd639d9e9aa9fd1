"""Small trainings on real pictures, without a server: what the learning tests share."""

import itertools
from unittest.mock import patch

import keras

from tests.plans import SAMPLE
from worker.datasets import Dataset
from worker.jobs.plan import TrainingPlan
from worker.training import graph_loops
from worker.training.checkpoints import Checkpoints
from worker.training.fitting import Fit, Training
from worker.training.preparation import prepare


def trained(
    plan: TrainingPlan,
    dataset: Dataset = SAMPLE,
    checkpoints: Checkpoints | None = None,
    pause_after: int | None = None,
    finish_after: int | None = None,
) -> tuple[keras.Model, Fit]:
    """The network with the weights to be published, and how its training went; a pause or an end may be asked for.

    Then each call of TensorFlow is one step, so that the same number of steps is done on every machine.
    """
    call_s = graph_loops.CALL_S if pause_after is None and finish_after is None else 0.0
    looks, batches = itertools.count(), itertools.count()
    prepared = prepare(plan, dataset)
    try:
        with patch.object(graph_loops, "CALL_S", call_s):
            fit = Training(
                prepared.network,
                prepared.data,
                prepared.validation,
                plan,
                checkpoints,
                on_progress=lambda *_: None,
                is_pause_asked=lambda: pause_after is not None and next(looks) >= pause_after,
                is_finish_asked=lambda: finish_after is not None and next(batches) >= finish_after,
            ).run()
    finally:
        keras.config.set_dtype_policy("float32")  # what a training sets holds for its process
    return prepared.network, fit
