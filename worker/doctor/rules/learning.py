"""Rules over the training loss: it explodes, it does not move, or the learning rate does not suit it."""

import math
from itertools import pairwise

from worker.doctor.facts import FAR_FROM_USUAL, RunFacts, judged
from worker.doctor.findings import Finding, Try
from worker.recipe.options import KERAS_LEARNING_RATES

WORSE_THAN_GUESSING = 1.5
"""Training loss, in units of guessing's: an epoch above it was spent far from any minimum."""
RISEN = 1.5
"""Training loss at the end, in units of its lowest."""
STUCK = 0.75
"""Training loss, in units of guessing's, above which next to nothing was learned."""
ROUGH_RISE = 1.1
ROUGH_SHARE = 0.25
PLATEAU_GAIN = 0.01
PLATEAU_EPOCHS = 3
SMALL_LOSS = 0.3
"""Training loss, in units of guessing's, below which a flat curve means that the network has learned."""


def diverging(facts: RunFacts) -> Finding | None:
    """The training loss grows instead of falling."""
    losses = facts.history.loss
    if not losses or not is_diverging(facts):
        return None
    found = judged(facts)
    is_broken = found is not None and found.is_at_chance and found.loss > WORSE_THAN_GUESSING * facts.guess_loss
    return Finding(
        code="diverging",
        severity="error" if is_broken else "warning",
        title=f"The training loss grows: {losses[-1]:.3g} at the end, {min(losses):.3g} at best; guessing has "
        f"{facts.guess_loss:.3g}.",
        evidence={
            "loss": losses[-1],
            "lowest_loss": min(losses),
            "lowest_epoch": losses.index(min(losses)) + 1,
            "guess_loss": facts.guess_loss,
        },
        advice="Lower the learning rate, or let it rise slowly at the beginning (`warmup`).",
        try_=Try(curl=facts.at_rate(facts.lower_rate)),
    )


def learning_rate_high(facts: RunFacts) -> Finding | None:
    """The loss explodes or jumps, or a high rate has left a network that no longer learns."""
    usual = KERAS_LEARNING_RATES[facts.optimizer]
    is_far = facts.learning_rate >= FAR_FROM_USUAL * usual
    reason = next(
        (
            reason
            for reason, is_so in (
                ("the training loss explodes", is_diverging(facts)),
                ("the training loss jumps up and down", _is_rough(facts)),
                ("the network does not learn, and the rate is far above the usual one", is_far and _is_stuck(facts)),
            )
            if is_so
        ),
        None,
    )
    if reason is None:
        return None
    return Finding(
        code="learning_rate_high",
        severity="warning",
        title=f"The learning rate {facts.learning_rate:g} is probably too high: {reason}.",
        evidence=_rates(facts),
        advice=f"Try {facts.lower_rate:g}.",
        try_=Try(curl=facts.at_rate(facts.lower_rate)),
    )


def learning_rate_low(facts: RunFacts) -> Finding | None:
    """Hardly anything was learned, the curve is smooth, and the rate is far below the usual one."""
    usual = KERAS_LEARNING_RATES[facts.optimizer]
    losses = facts.history.loss
    is_far = facts.learning_rate <= usual / FAR_FROM_USUAL
    if not (is_far and _is_stuck(facts)) or losses[-1] > losses[0] * (1 + PLATEAU_GAIN):
        return None
    return Finding(
        code="learning_rate_low",
        severity="warning",
        title=f"The learning rate {facts.learning_rate:g} is probably too low: the loss has hardly fallen.",
        evidence=_rates(facts),
        advice=f"Try {usual:g}, the usual rate for {facts.optimizer}.",
        try_=Try(curl=facts.at_rate(usual)),
    )


def loss_plateau(facts: RunFacts) -> Finding | None:
    """The training loss has not moved for a while, and the network is far from having learned its pictures."""
    losses = facts.history.loss
    window = max(PLATEAU_EPOCHS, len(losses) // 3)
    if len(losses) < window or is_diverging(facts):
        return None
    before, after = losses[-window], losses[-1]
    gain = 1 - after / before if before > 0 else 0.0
    if not (abs(gain) < PLATEAU_GAIN and after > SMALL_LOSS * facts.guess_loss):
        return None
    return Finding(
        code="loss_plateau",
        severity="warning" if after > STUCK * facts.guess_loss else "info",
        title=f"The training loss has stayed at {after:.3g} for {window} epochs.",
        evidence={"loss": after, "epochs": window, "change": gain, "guess_loss": facts.guess_loss},
        advice="Change the learning rate by ten in either direction, or take a network that learns more easily: ReLU "
        "instead of tanh or sigmoid, batch normalization, more filters.",
        try_=Try(curl=facts.again(overrides=_with(facts.request.get("overrides"), activation="relu"))),
    )


def is_diverging(facts: RunFacts) -> bool:
    """Whether the last epoch's training loss is far above guessing, or far above the lowest one."""
    losses = facts.history.loss
    if not losses:
        return False
    last, lowest = losses[-1], min(losses)
    if not math.isfinite(last) or last > WORSE_THAN_GUESSING * facts.guess_loss:
        return True
    return last > RISEN * lowest and last > SMALL_LOSS * facts.guess_loss


def _is_stuck(facts: RunFacts) -> bool:
    losses = facts.history.loss
    return bool(losses) and STUCK <= losses[-1] / facts.guess_loss <= WORSE_THAN_GUESSING


def _is_rough(facts: RunFacts) -> bool:
    """Whether the loss rises by a tenth in a quarter of the epochs, at least twice."""
    losses = facts.history.loss
    rises = sum(after > ROUGH_RISE * before for before, after in pairwise(losses))
    return rises >= max(2, ROUGH_SHARE * (len(losses) - 1)) and losses[-1] > SMALL_LOSS * facts.guess_loss


def _rates(facts: RunFacts) -> dict[str, float | str]:
    losses = facts.history.loss
    return {
        "learning_rate": facts.learning_rate,
        "usual_rate": KERAS_LEARNING_RATES[facts.optimizer],
        "optimizer": facts.optimizer,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "guess_loss": facts.guess_loss,
    }


def _with(overrides: object, **changes: str) -> dict[str, object]:
    return (overrides if isinstance(overrides, dict) else {}) | changes
