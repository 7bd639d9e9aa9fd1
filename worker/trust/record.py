"""What a version keeps about the trust in its answers: the content of `trust.json`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrustRecord(BaseModel, defer_build=True):
    """Measured at publication on pictures that the network was not trained on, never on the test split."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    pictures: int = Field(description="Validation pictures that were used.")
    accuracy: float = Field(description="Share of them that was classified rightly.")
    mistakes: tuple[float, ...] = Field(
        description="Of each wrongly classified one, the probability of the right class and of all less probable ones "
        "together; ascending. The thresholds of conformal sets are among these numbers."
    )
    precision: float = Field(description="That `not_sure_below` was chosen for.")
    not_sure_below: float | None = Field(
        description="Probability below which an answer counts as not sure; null when no threshold has that precision."
    )
    answered: float | None = Field(description="Share of the validation pictures at or above it.")
