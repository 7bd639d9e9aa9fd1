"""Real runs, recorded once: five of the lesson, and some with planted faults; and facts changed by hand."""

import json
from pathlib import Path
from typing import Any

from worker.doctor.diagnosis import diagnose
from worker.doctor.facts import RunFacts
from worker.doctor.findings import Finding

HERE = Path(__file__).parent


def recorded(part: str) -> dict[str, RunFacts]:
    """Facts by name of the run; `part` is `lesson` or `fault`."""
    runs = json.loads((HERE / f"{part}_runs.json").read_text())
    return {name: RunFacts.model_validate(facts) for name, facts in runs.items()}


LESSON, FAULTS = recorded("lesson"), recorded("fault")


def changed(facts: RunFacts, part: str, **changes: Any) -> RunFacts:  # noqa: ANN401 - any field
    """The facts with some fields of one part changed."""
    return facts.model_copy(update={part: getattr(facts, part).model_copy(update=changes)})


def found(facts: RunFacts) -> dict[str, Finding]:
    """What the doctor finds, by code."""
    return {finding.code: finding for finding in diagnose(facts).findings}
