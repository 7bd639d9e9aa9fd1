"""Rules over a network's answers: worse than it should be, always the same, or too sure of itself."""

from worker.doctor.facts import FEW_STEPS, Judged, RunFacts, judged
from worker.doctor.findings import Finding, Severity, Try

SURELY_WRONG = 2.0
"""Loss, in units of guessing's, beyond which a network is not undecided but wrong with confidence."""
FEWEST_JUDGED = 50
"""Pictures below which an accuracy proves nothing."""
ONE_CLASS_SHARE = 0.95
MOSTLY_ONE_CLASS = 0.8
"""Share of the test pictures from which on always answering with their class is how a network learns to be right."""
OVERCONFIDENT, FAR_OVERCONFIDENT = 0.05, 0.15


def chance_level(facts: RunFacts) -> Finding | None:
    """The accuracy cannot be told from guessing."""
    found = judged(facts)
    if found is None or not found.is_at_chance:
        return None
    severity = _severity(facts, found)
    if facts.test is None and severity != "error":
        return None  # a running job may still begin to learn
    return Finding(
        code="chance_level",
        severity=severity,
        title=f"It is no better than guessing: {found.accuracy:.1%} on the {found.split} pictures.",
        evidence={
            "split": found.split,
            "accuracy": found.accuracy,
            "chance": found.chance,
            "limit": found.limit,
            "pictures": found.pictures or None,
            "loss": found.loss,
            "guess_loss": facts.guess_loss,
            "steps": facts.steps,
        },
        advice="A learning rate that is far too high or too low is the usual reason. Try the preset's own recipe first."
        if facts.steps >= FEW_STEPS or severity == "error"
        else "The run was so short that it could not learn yet: train for more epochs, or on more pictures.",
        try_=Try(curl=facts.again(optimizer=None, learning_rate_schedule=None, epochs=None)),
    )


def one_class(facts: RunFacts) -> Finding | None:
    """Nearly all answers are the same class, though the pictures are not."""
    test = facts.test
    if test is None or not test.pictures or not test.answers:
        return None
    index = max(range(len(test.answers)), key=test.answers.__getitem__)
    share, real = test.answers[index] / test.pictures, test.truth[index] / test.pictures
    if share < ONE_CLASS_SHARE or real >= ONE_CLASS_SHARE:
        return None
    found = judged(facts)
    is_excused = real >= MOSTLY_ONE_CLASS or found is None
    label = facts.classes[index]
    return Finding(
        code="one_class",
        severity="warning" if is_excused or found is None else _severity(facts, found),
        title=f"It answers {label!r} for {share:.0%} of the test pictures; {real:.0%} of them are.",
        evidence={"label": label, "share_of_answers": share, "share_of_pictures": real, "pictures": test.pictures},
        advice="Look at the loss curve: a loss that jumps up means a learning rate that is too high. If one class has "
        "most of the pictures, weigh the classes.",
        try_=Try(curl=facts.again(class_weights="balanced") if is_excused else facts.at_rate(facts.lower_rate)),
    )


def overconfident(facts: RunFacts) -> Finding | None:
    """The probabilities promise more right answers than there are."""
    test = facts.test
    if test is None or test.confidence is None or test.calibration_error is None:
        return None
    found = judged(facts)
    if (
        test.calibration_error < OVERCONFIDENT
        or test.confidence <= test.accuracy
        or found is None
        or found.is_at_chance
    ):
        return None  # a network that knows nothing has another problem than its probabilities
    return Finding(
        code="overconfident",
        severity="warning" if test.calibration_error >= FAR_OVERCONFIDENT else "info",
        title=f"It is surer than it is right: {test.confidence:.0%} on average, right in {test.accuracy:.0%}.",
        evidence={
            "confidence": test.confidence,
            "accuracy": test.accuracy,
            "calibration_error": test.calibration_error,
        },
        advice="Do not read its probabilities as chances of being right. Label smoothing and stopping earlier help.",
        try_=Try(curl=facts.again(label_smoothing=0.1, early_stopping={"patience": 3})),
    )


def _severity(facts: RunFacts, found: Judged) -> Severity:
    """An error for a network that is broken; a warning for one that was hardly trained or hardly judged."""
    if found.loss >= SURELY_WRONG * facts.guess_loss:
        return "error"
    if facts.test is None:
        return "warning"
    return "error" if facts.steps >= FEW_STEPS and found.pictures >= FEWEST_JUDGED else "warning"
