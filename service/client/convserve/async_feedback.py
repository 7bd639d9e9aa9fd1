"""The part of the client of programs that use `await` that sends feedback and collects it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TypeVar

from convserve import calls
from convserve.calls import Call, JsonObject
from convserve.pictures import Picture
from convserve.received import grown, is_converting
from convserve.sending import POLL_S

T = TypeVar("T")


class AsyncFeedbackCalls(ABC):
    """Feedback on models."""

    @abstractmethod
    async def send(self, call: Call[T]) -> T:
        """Send a call, see the client."""

    async def feedback(self, pictures: Picture | Iterable[Picture], label: str, model: str) -> JsonObject:
        """Say what a model should have answered: the right label of one or more pictures.

        Args:
            pictures: as for `predict`.
            label: one of the model's classes.
            model: that answered; `name/3` says which version did.
        """
        return await self.send(calls.feedback(pictures, label, model))

    async def collect_feedback(self, model: str, **options: object) -> JsonObject:
        """Make a version of a dataset of the feedback on a model, and wait until it is ready.

        Args:
            model: its name.
            options: `dataset`, `owner`.

        Returns:
            The dataset; `initial_model=model` trains on it from what the model knows.

        Raises:
            ConvserveError: the pictures make no dataset.
        """
        collected = await self.send(calls.collect_feedback(model, options))
        while is_converting(found := await self.send(calls.get(f"/datasets/{collected['dataset']}"))):
            await asyncio.sleep(POLL_S)
        return grown(found, collected["version"])
