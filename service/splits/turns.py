"""One request's part in a split: which version answers it, how long that takes, and whether its shadow is asked.

The layer that admits predictions says that there is a request (`asking_of_request`). Where an alias becomes a version,
the request gets its turn; where pixels become probabilities, the turn is counted. So no protocol needs to know of
splits.
"""

import time
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import Scope

from model_store import Manifest
from service.errors import ClientLeft
from service.inference.batch import Answer
from service.inference.engine import Engine
from service.inference.network import Pixels
from service.splits.shadows import Shadows
from service.splits.trials import Role, Trial


@dataclass(slots=True)
class Turn:
    """Which version answers a request.

    Attributes:
        trial: counts it.
        role: of the version.
        shadows: is given what the version answers; None when this request has no shadow.
    """

    trial: Trial
    role: Role
    shadows: Shadows | None = None

    @property
    def manifest(self) -> Manifest:
        """The version."""
        return self.trial.parts[self.role]

    def fall_back(self) -> Manifest:
        """Let the version that the alias points at answer, because the canary cannot be loaded."""
        self.trial.count(self.role, "errors")
        self.role = Role.STABLE
        self.trial.count(self.role, "requests")
        return self.manifest

    async def ask(self, engine: Engine, pixels: Pixels, *, is_scored: bool) -> Answer:
        """Classify pictures with the version, and count it. Arguments and errors are those of `Engine.ask`."""
        began_at = time.perf_counter()
        try:
            answer = await engine.ask(self.manifest, pixels, is_scored=is_scored)
        except ClientLeft:
            raise
        except Exception:
            self.trial.count(self.role, "errors")
            raise
        self.trial.answered(self.role, len(pixels), time.perf_counter() - began_at)
        if self.shadows is not None:
            self.shadows.offer(self.trial, pixels, answer.probabilities.argmax(axis=1))
        return answer


@dataclass(slots=True)
class Asking:
    """A request that predicts, and its turn once it has one."""

    scope: Scope
    turn: Turn | None = None


asking_of_request: ContextVar[Asking | None] = ContextVar("asking_of_request", default=None)
"""The request under way; None in work that no client asked for."""
