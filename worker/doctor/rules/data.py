"""Rules over the pictures: too few, unevenly many per class, or the same ones for training and testing."""

from worker.doctor.commands import question
from worker.doctor.facts import RunFacts
from worker.doctor.findings import Finding, Try

FEW, VERY_FEW = 200, 50
"""Training pictures per class."""
UNEVEN, VERY_UNEVEN = 3.0, 10.0
"""Pictures of the largest class, in units of the smallest."""
LEAKED = 0.01
"""Share of the test pictures that are training pictures, too."""


def few_pictures(facts: RunFacts) -> Finding | None:
    """There are too few training pictures per class to learn from."""
    per_class = facts.train_pictures / max(len(facts.classes), 1)
    if per_class >= FEW:
        return None
    return Finding(
        code="few_pictures",
        severity="warning" if per_class < VERY_FEW else "info",
        title=f"There are few pictures: {per_class:.0f} per class to train on.",
        evidence={"train_pictures": facts.train_pictures, "classes": len(facts.classes), "per_class": per_class},
        advice="Collect more pictures, or use all that the dataset has. Augmentation makes more of few.",
        try_=Try(curl=facts.again(train_samples=None, batch_size=None, augmentation={"shift_pixels": 2})),
    )


def unbalanced(facts: RunFacts) -> Finding | None:
    """Some classes have many more training pictures than others."""
    counts = facts.data.train_per_class if facts.data else ()
    if len(counts) < 2:
        return None
    most, fewest = max(counts), min(counts)
    ratio = most / max(fewest, 1)
    if ratio < UNEVEN:
        return None
    large, small = (facts.classes[counts.index(count)] for count in (most, fewest))
    weighted = "The run weighs the classes already. " if facts.has_class_weights else ""
    return Finding(
        code="unbalanced",
        severity="warning" if ratio >= VERY_UNEVEN and not facts.has_class_weights else "info",
        title=f"The classes are uneven: {most:,} training pictures of {large!r}, {fewest:,} of {small!r}.",
        evidence={"most": most, "fewest": fewest, "largest_class": large, "smallest_class": small, "ratio": ratio},
        advice=weighted + "Collect more pictures of the small classes, weigh the classes, and judge by the macro "
        "average instead of the accuracy.",
        try_=Try(curl=facts.again(class_weights="balanced")),
    )


def leak(facts: RunFacts) -> Finding | None:
    """Test pictures are among the training pictures: the test accuracy is too good to be true."""
    data = facts.data
    if data is None or not data.in_both_splits or not data.test_pictures:
        return None
    share = data.in_both_splits / data.test_pictures
    return Finding(
        code="leak",
        severity="warning" if share >= LEAKED else "info",
        title=f"{data.in_both_splits:,} of {data.test_pictures:,} test pictures are training pictures, too.",
        evidence={"in_both_splits": data.in_both_splits, "test_pictures": data.test_pictures, "share": share},
        advice="The test accuracy counts them as learned. Remove duplicates from the archive before it is split.",
        try_=Try(curl=question(f"/datasets/{facts.request.get('dataset')}")),
    )
