"""Rules over training and validation together: too much learned by heart, too little learned, or too early an end."""

import math

import numpy as np

from worker.doctor.facts import RunFacts, judged
from worker.doctor.findings import Finding, Try
from worker.doctor.rules.learning import is_diverging

GAP, WIDE_GAP = 0.05, 0.15
"""Training accuracy minus validation accuracy."""
LOSS_RISE, LARGE_LOSS_RISE = 0.1, 0.5
"""Share by which the published epoch's validation loss exceeds the lowest one."""
LITTLE_SKILL, VERY_LITTLE_SKILL = 0.5, 0.35
"""Of the way from guessing to always right, on the training pictures."""
SLOW = 0.03
IMPROVING = 0.01
FEWEST_FOR_NOISE = 6
NOISE, MUCH_NOISE = 0.02, 0.04
"""Deviation of the validation accuracy from its trend."""


def overfits(facts: RunFacts) -> Finding | None:
    """The network is better on the pictures that it was trained on, or its validation loss rises."""
    history, at = facts.history, facts.published_epoch
    if facts.epochs < 2 or not history.val_loss:
        return None
    gap = history.accuracy[at] - history.val_accuracy[at]
    best = min(range(at + 1), key=history.val_loss.__getitem__)
    rise = history.val_loss[at] / history.val_loss[best] - 1 if history.val_loss[best] > 0 else 0.0
    has_gap = gap >= max(GAP, 2 * _deviation(facts, history.val_accuracy[at]))
    if not (has_gap or rise >= LOSS_RISE) or is_diverging(facts):
        return None
    return Finding(
        code="overfits",
        severity="warning" if (has_gap and gap >= WIDE_GAP) or rise >= LARGE_LOSS_RISE else "info",
        title=f"It overfits: {history.accuracy[at]:.1%} on training pictures, {history.val_accuracy[at]:.1%} on "
        f"validation pictures; the validation loss was lowest in epoch {best + 1}.",
        evidence={
            "gap": gap,
            "training_accuracy": history.accuracy[at],
            "validation_accuracy": history.val_accuracy[at],
            "epoch": best + 1,
            "lowest_validation_loss": history.val_loss[best],
            "validation_loss": history.val_loss[at],
        },
        advice="More pictures help most; then `augmentation`, `dropout`, fewer parameters. `early_stopping` publishes "
        "the best epoch.",
        try_=Try(curl=facts.again(early_stopping={"patience": 3}, augmentation={"shift_pixels": 2})),
    )


def underfits(facts: RunFacts) -> Finding | None:
    """Even the training pictures are not learned, and more epochs would not change that soon."""
    history = facts.history
    found = judged(facts)
    if facts.epochs < 3 or found is None or found.is_at_chance or is_diverging(facts):
        return None
    chance = 1 / len(facts.classes)
    skill = (history.accuracy[-1] - chance) / (1 - chance)
    gain = 1 - history.loss[-1] / history.loss[-2] if history.loss[-2] > 0 else 0.0
    gap = history.accuracy[-1] - history.val_accuracy[-1]
    if skill >= LITTLE_SKILL or gain >= SLOW or gap >= GAP:
        return None
    return Finding(
        code="underfits",
        severity="warning" if skill < VERY_LITTLE_SKILL else "info",
        title=f"It underfits: only {history.accuracy[-1]:.1%} of the pictures that it was trained on are right.",
        evidence={
            "training_accuracy": history.accuracy[-1],
            "validation_accuracy": history.val_accuracy[-1],
            "last_gain": gain,
            "gap": gap,
        },
        advice="The network is too small or too constrained for the data: more filters, more layers, less dropout, "
        "less augmentation.",
        try_=Try(curl=facts.again(overrides=_wider(facts.request.get("overrides")))),
    )


def still_improving(facts: RunFacts) -> Finding | None:
    """The last epoch was the best one: more epochs are likely to help."""
    losses = facts.history.val_loss
    if facts.is_running or len(losses) < 2 or min(losses) != losses[-1]:
        return None
    before = min(losses[:-1])
    gain = 1 - losses[-1] / before if before > 0 else 0.0
    if gain < IMPROVING:
        return None
    planned = facts.request.get("epochs")
    more = 2 * (planned if isinstance(planned, int) else facts.epochs)
    return Finding(
        code="still_improving",
        severity="info",
        title=f"It was still improving: the last epoch lowered the validation loss by {gain:.1%}.",
        evidence={"epochs": facts.epochs, "validation_loss": losses[-1], "best_before": before, "gain": gain},
        advice="Train for more epochs, with early stopping to end in time.",
        try_=Try(curl=facts.again(epochs=min(more, 1000), early_stopping={"patience": 3})),
    )


def noisy_validation(facts: RunFacts) -> Finding | None:
    """The validation accuracy jumps about its trend: single epochs cannot be compared."""
    values = facts.history.val_accuracy
    if len(values) < FEWEST_FOR_NOISE:
        return None
    late = np.asarray(values[-max(len(values) // 2, FEWEST_FOR_NOISE // 2 + 1) :])
    epochs = np.arange(len(late))
    trend = np.polynomial.Polynomial.fit(epochs, late, 1)(epochs)
    noise = float(np.sqrt(((late - trend) ** 2).sum() / (len(late) - 2)))
    if noise < NOISE:
        return None
    expected = _deviation(facts, float(late.mean()))
    is_few = expected >= noise / 2
    return Finding(
        code="noisy_validation",
        severity="warning" if noise >= MUCH_NOISE else "info",
        title=f"The validation accuracy jumps by about {100 * noise:.1f} points from epoch to epoch.",
        evidence={"noise": noise, "expected_noise": expected, "pictures": facts.validation_pictures},
        advice="There are few validation pictures, and each of them counts much: hold out more."
        if is_few
        else "The steps are large for this network: lower the learning rate, or let it fall (`cosine`).",
        try_=Try(curl=facts.again(validation=0.2) if is_few else facts.again(learning_rate_schedule="cosine")),
    )


def _deviation(facts: RunFacts, accuracy: float) -> float:
    """Standard deviation of an accuracy that comes from the choice of pictures alone; 0 if their number is unknown."""
    if not facts.validation_pictures:
        return 0.0
    return math.sqrt(max(accuracy * (1 - accuracy), 0.0) / facts.validation_pictures)


def _wider(overrides: object) -> dict[str, object]:
    known = overrides if isinstance(overrides, dict) else {}
    width = known.get("width")
    return known | {"width": 2.0 * (width if isinstance(width, float | int) else 1.0)}
