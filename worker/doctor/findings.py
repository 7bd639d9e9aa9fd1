"""What the doctor says: findings, each with its evidence, advice and a command to try, and the diagnosis they make."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Severity = Literal["error", "warning", "info"]
Worst = Literal["error", "warning", "info", "none"]
FindingCode = Literal[
    "chance_level",
    "one_class",
    "diverging",
    "learning_rate_high",
    "learning_rate_low",
    "loss_plateau",
    "underfits",
    "overfits",
    "still_improving",
    "noisy_validation",
    "overconfident",
    "dead_filters",
    "few_pictures",
    "unbalanced",
    "leak",
]
_ORDER: tuple[Severity, ...] = ("error", "warning", "info")


class Try(BaseModel, defer_build=True):
    """Something to do about a finding."""

    model_config = ConfigDict(frozen=True)

    curl: str = Field(description="A command for a server on this machine; change the address for another one.")


class Finding(BaseModel, defer_build=True):
    """One thing that a rule found."""

    # `try` is a keyword in Python, so the attribute has an underscore; JSON never has.
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    code: FindingCode = Field(description="The kind of finding, for programs.")
    severity: Severity = Field(
        description="`error`: the version does not answer by default. `warning`: worth another run. `info`: true, and "
        "often as intended."
    )
    title: str = Field(description="The finding in one sentence.")
    evidence: dict[str, JsonValue] = Field(description="The numbers that it rests on.")
    advice: str = Field(description="What usually helps.")
    try_: Try = Field(alias="try", description="A command that follows the advice.")


class Diagnosis(BaseModel, defer_build=True):
    """All findings of a run, the most severe first."""

    model_config = ConfigDict(frozen=True)

    worst: Worst = Field(description="The severest finding, or `none`.")
    passed_over: FindingCode | None = Field(
        description="The finding for which the version does not answer by default; null if it may."
    )
    findings: tuple[Finding, ...]


def diagnosis_of(findings: Iterable[Finding]) -> Diagnosis:
    """Put findings in order; within a severity they stay in the order of the rules."""
    ordered = tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity)))
    first = ordered[0] if ordered else None
    return Diagnosis(
        worst=first.severity if first else "none",
        passed_over=first.code if first and first.severity == "error" else None,
        findings=ordered,
    )
