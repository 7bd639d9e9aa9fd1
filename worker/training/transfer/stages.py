"""Trains on top of learned weights: the head on features, then, if the plan says so, more layers with a low rate.

To the outside it is one training: epochs are counted through, and there is one history, one progress and one result.
"""

import logging
from dataclasses import replace

import keras

from worker.datasets import Dataset
from worker.jobs.plan import TrainingPlan
from worker.jobs.transfer import FINE_TUNING_RATE
from worker.supervision.messages import Order
from worker.training.checkpoints import Account, Checkpoints, Start
from worker.training.compiling import compile_network, inner_optimizer
from worker.training.fitting import Fit, Training
from worker.training.hardware import policy_of
from worker.training.preparation import build_network, seed_everything, training_pictures
from worker.training.transfer.head_work import Link, head_work
from worker.training.transfer.parts import divide, freeze
from worker.training.transfer.weights import give_learned_weights

logger = logging.getLogger(__name__)


def train_on_learned_weights(
    order: Order, dataset: Dataset, link: Link, checkpoints: Checkpoints
) -> tuple[keras.Model, Fit]:
    """Train the head of a network with learned weights, and then more of it if the plan says so.

    Returns:
        The whole network in the plan's precision, and the result of the training.

    Raises:
        TrainingFailed: the weights cannot be read, or the training failed.
        TrainingPaused: it was asked to stop, and has saved its state.
    """
    plan = order.plan
    seed_everything(plan)
    network = build_network(plan, dataset, policy_of(plan.precision))
    give_learned_weights(network, order, dataset)
    logger.info("%s on %s: training %s", plan.architecture_name, plan.dataset, plan.train.replace("_", " "))
    if plan.head_epochs == plan.epochs:
        return network, _fit_head(network, order, dataset, link, checkpoints)
    return network, _fine_tune(network, order, dataset, link, checkpoints)


def _fit_head(network: keras.Model, order: Order, dataset: Dataset, link: Link, checkpoints: Checkpoints | None) -> Fit:
    """Fit the head, and give it to the network."""
    plan = order.plan
    parts = divide(network)
    work = head_work(parts, order, dataset, link)
    compile_network(parts.head, plan, work.data.steps_per_epoch)
    start = Start() if checkpoints is None else checkpoints.restore(parts.head)
    if not (start.epoch or start.step):
        start = Start(account=Account(seconds=work.seconds, cpu_seconds=work.cpu_seconds))
    training = Training(
        parts.head,
        work.data,
        work.validation,
        plan,
        checkpoints,
        link.progress,
        link.is_pause_asked,
        link.is_finish_asked,
        start=start,
        last_epoch=plan.head_epochs,
    )
    fit = training.run()
    parts.give_head_to(network)
    return replace(fit, doubtful=work.doubtful)


def _fine_tune(network: keras.Model, order: Order, dataset: Dataset, link: Link, checkpoints: Checkpoints) -> Fit:
    plan = _with_low_rate(order.plan)
    freeze(network, plan.train)
    data, validation = training_pictures(plan, dataset)
    compile_network(network, plan, data.steps_per_epoch)
    start, doubtful = checkpoints.restore(network), None
    if not (start.epoch or start.step):
        head = _head_before(network, order, dataset, link)
        if link.is_finish_asked():
            return head  # what there is of the head is the result: not a single step of fine-tuning
        start, doubtful = _start_behind(head, plan), head.doubtful
        inner_optimizer(network).iterations.assign(start.epoch * data.steps_per_epoch)
    asked = (link.is_pause_asked, link.is_finish_asked)
    fit = Training(network, data, validation, plan, checkpoints, link.progress, *asked, start=start).run()
    return replace(fit, doubtful=doubtful)


def _head_before(network: keras.Model, order: Order, dataset: Dataset, link: Link) -> Fit:
    """Train the head, which takes seconds and needs no checkpoint. Early stopping looks at fine-tuning alone."""
    head_order = order.model_copy(update={"plan": order.plan.model_copy(update={"early_stopping": None})})
    return _fit_head(network, head_order, dataset, link, None)


def _start_behind(head: Fit, plan: TrainingPlan) -> Start:
    """Where fine-tuning starts."""
    account = head.account
    if plan.early_stopping is not None:
        history = account.history.model_copy(update={"best_epoch": None})
        account = account.model_copy(update={"history": history})
    return Start(epoch=plan.head_epochs, account=account)


def _with_low_rate(plan: TrainingPlan) -> TrainingPlan:
    rate = plan.optimizer.learning_rate * FINE_TUNING_RATE
    return plan.model_copy(update={"optimizer": plan.optimizer.model_copy(update={"learning_rate": rate})})
