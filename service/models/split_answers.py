"""How the canary and the shadow of an alias look in requests and answers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from model_store import Split, WeightedVersion
from model_store.aliases import Weight

VersionOf = Annotated[int, Field(ge=1, le=999_999_999, strict=True, examples=[4])]


class CanaryTarget(BaseModel):
    """A version that is to answer a share of the requests."""

    model_config = ConfigDict(extra="forbid")

    version: VersionOf
    weight: Annotated[Weight, Field(examples=[0.1])]


class ShadowTarget(BaseModel):
    """A version that is to be asked the same, to compare its answers."""

    model_config = ConfigDict(extra="forbid")

    version: VersionOf
    weight: Annotated[Weight, Field(examples=[1.0])] = 1.0


class AliasSplit(BaseModel, defer_build=True):
    """The versions that take part in the requests of an alias besides the one that it points at."""

    canary: WeightedVersion | None = Field(description="Answers a share of the requests in its place.")
    shadow: WeightedVersion | None = Field(description="Is asked the same in a share of the requests.")


class FeedbackFigures(BaseModel, defer_build=True):
    """How often a version was right, by all feedback on it."""

    pictures: int
    right: int
    accuracy: float = Field(description="Not a test: people mostly send back what was wrong.")


class AnswerFigures(BaseModel, defer_build=True):
    """What a version did for an alias."""

    version: int
    requests: int = Field(description="For which the version was chosen; of a shadow, those that were compared.")
    pictures: int = Field(description="That it gave probabilities for.")
    errors: int = Field(description="Requests that it could not answer; bad pictures do not count.")
    latency_p50_ms: float | None = Field(
        description="Median time in the queue and the network, to 6 %; null before the first answer."
    )
    feedback: FeedbackFigures | None = Field(
        default=None, description="Null if there is none. It is on the version, whichever alias was asked."
    )


class ShadowFigures(AnswerFigures):
    """What a shadow did, and how it compares."""

    agreed: int = Field(description="Pictures whose most probable class was the one that had been answered.")
    agreement: float | None = Field(description="Their share of the pictures; null before the first.")
    dropped: int = Field(description="Requests that were not compared, because predictions were under way.")


class SplitFigures(BaseModel, defer_build=True):
    """How the versions of an alias compare. Figures begin anew when one of the versions changes."""

    since: datetime = Field(description="When counting began.")
    scope: Literal["all processes", "this process"] = Field(
        description="Whose counts these are: of this API process alone when Redis does not answer."
    )
    stable: AnswerFigures = Field(description="The version that the alias points at.")
    canary: AnswerFigures | None = None
    shadow: ShadowFigures | None = None

    def shown(self) -> list[AnswerFigures]:
        """Those of each version that takes part."""
        return [figures for figures in (self.stable, self.canary, self.shadow) if figures is not None]


def split_of(canary: CanaryTarget | None, shadow: ShadowTarget | None) -> Split:
    """The split that a request asks for."""
    return Split(_part(canary), _part(shadow))


def _part(target: CanaryTarget | ShadowTarget | None) -> WeightedVersion | None:
    return None if target is None else WeightedVersion(version=target.version, weight=target.weight)
