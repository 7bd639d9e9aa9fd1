"""Whether a version may answer by default, and its worst finding, as far as its manifest tells.

A trainer writes both into the manifest. For a version that was published before there was a doctor, the rules look at
what its manifest has, which is its accuracy and loss: reading the history and the evaluation of every old version
would take a store on a network seconds.
"""

from dataclasses import dataclass

from model_store import Manifest
from worker.doctor.diagnosis import diagnose
from worker.doctor.findings import Worst
from worker.doctor.sources import facts_of_version


@dataclass(frozen=True)
class Standing:
    """How a version stands.

    Attributes:
        worst: severity of the worst finding.
        passed_over: code of the finding for which it does not answer by default; None if it may.
    """

    worst: Worst
    passed_over: str | None


def standing_of(manifest: Manifest) -> Standing:
    """The standing of a version, by its manifest alone."""
    if manifest.doctor is not None:
        return Standing(manifest.doctor.worst, manifest.passed_over)
    found = diagnose(facts_of_version(manifest))
    return Standing(found.worst, found.passed_over)
