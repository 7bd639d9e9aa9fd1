"""Rules over the filters of the network's layers."""

from worker.doctor.facts import RunFacts
from worker.doctor.findings import Finding, Try

MANY_DEAD = 0.5


def dead_filters(facts: RunFacts) -> Finding | None:
    """Some filters always give the same value: they cost time and do nothing."""
    affected = [layer for layer in facts.filters or () if layer.dead]
    if not affected:
        return None
    worst = max(affected, key=lambda layer: len(layer.dead) / layer.filters)
    share = len(worst.dead) / worst.filters
    n_dead = sum(len(layer.dead) for layer in affected)
    return Finding(
        code="dead_filters",
        severity="warning" if share >= MANY_DEAD else "info",
        title=f"{n_dead} {'filter is' if n_dead == 1 else 'filters are'} dead, {len(worst.dead)} of {worst.filters} "
        f"in {worst.layer!r}.",
        evidence={
            "layers": {layer.layer: {"dead": list(layer.dead), "filters": layer.filters} for layer in affected},
            "worst_share": share,
        },
        advice="A filter dies when a large step pushes it below zero for every picture: lower the learning rate, let "
        "it rise slowly at the beginning, or use a smoother activation such as `elu`.",
        try_=Try(curl=facts.at_rate(facts.learning_rate / 3)),
    )
