"""What a verdict adds to its numbers: that runs came later, and that they were tested on fewer pictures."""

from collections.abc import Sequence

from worker.jobs.plan import TrainingPlan


def remarks(plans: Sequence[TrainingPlan], grown: int) -> str:
    """Sentences for the end of a verdict; empty if there is nothing to add.

    Args:
        plans: of all runs.
        grown: how many of the runs were added to their group later.
    """
    return " ".join(filter(None, (_tested_on(plans), _grown(grown))))


def _tested_on(plans: Sequence[TrainingPlan]) -> str:
    samples = {plan.test_samples for plan in plans}
    if samples == {None}:
        return ""
    if len(samples) > 1:
        return "The runs were tested on different numbers of test pictures (test_samples)."
    return f"Tested on {samples.pop():,} pictures of the test split only."


def _grown(grown: int) -> str:
    if not grown:
        return ""
    runs = "1 run was" if grown == 1 else f"{grown} runs were"
    return (
        f"The group has grown: {runs} added later. Adding runs until a difference looks clear finds one by chance more "
        "often than the intervals say."
    )
