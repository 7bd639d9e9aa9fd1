"""Runs all rules over the facts of a run. Called by the trainer at publication, and by the API for running jobs."""

from collections.abc import Callable

from worker.doctor.facts import RunFacts
from worker.doctor.findings import Diagnosis, Finding, diagnosis_of
from worker.doctor.rules.answers import chance_level, one_class, overconfident
from worker.doctor.rules.curves import noisy_validation, overfits, still_improving, underfits
from worker.doctor.rules.data import few_pictures, leak, unbalanced
from worker.doctor.rules.filters import dead_filters
from worker.doctor.rules.learning import diverging, learning_rate_high, learning_rate_low, loss_plateau

RULES: tuple[Callable[[RunFacts], Finding | None], ...] = (
    chance_level,
    one_class,
    diverging,
    learning_rate_high,
    learning_rate_low,
    loss_plateau,
    underfits,
    overfits,
    still_improving,
    noisy_validation,
    overconfident,
    dead_filters,
    few_pictures,
    unbalanced,
    leak,
)


def diagnose(facts: RunFacts) -> Diagnosis:
    """What all rules find, the most severe first."""
    return diagnosis_of(finding for rule in RULES if (finding := rule(facts)) is not None)
