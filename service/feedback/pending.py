"""The feedback on all models, as this process knows it: read again after a moment, bounded for each owner.

The listing of the store is the truth. What this process adds or deletes is seen at once; what others do, after
`FRESH_S`. Several processes together may therefore exceed an owner's bounds by what arrives within that time.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from model_store.feedback import Feedback, FeedbackStore, feedback_id, key_of_classes, now_ms
from service.web.feedback_errors import FeedbackFull

FRESH_S = 2.0


class PendingFeedback:
    """Keeps, lists and forgets feedback.

    Args:
        store: of the feedback.
        max_pictures: of one owner.
        max_bytes: of one owner.
        clock: in seconds.
    """

    def __init__(
        self, store: FeedbackStore, max_pictures: int, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = store
        self._max_pictures = max_pictures
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: list[Feedback] = []
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def on(self, model: str) -> list[Feedback]:
        """The feedback on a model, oldest first. Raises `StoreUnavailable`."""
        async with self._one_at_a_time:
            return [entry for entry in await self._all() if entry.model == model]

    async def bytes_of(self, owner: str) -> int:
        """Bytes of an owner's pictures. Raises `StoreUnavailable`."""
        async with self._one_at_a_time:
            return sum(entry.size_bytes for entry in await self._all() if entry.owner == owner)

    async def require_room(self, owner: str, sizes: Sequence[int]) -> None:
        """Check before anything is done for pictures of these sizes. Raises `FeedbackFull`, `StoreUnavailable`."""
        async with self._one_at_a_time:
            self._require_room(await self._all(), owner, sizes)

    async def add(self, entry: Feedback, classes: Sequence[str], picture: bytes) -> None:
        """Keep a picture; what its owner said about the same picture before is replaced.

        Raises:
            FeedbackFull: the owner has too many pictures or bytes.
            StoreFull, StoreUnavailable: it cannot be kept.
        """
        async with self._one_at_a_time:
            entries = await self._all()
            replaced = [old for old in entries if (old.model, old.id) == (entry.model, entry.id)]
            left = [old for old in entries if old not in replaced]
            self._require_room(left, entry.owner, [entry.size_bytes])
            await asyncio.to_thread(self.store.add, entry, classes, picture, replaced)
            self._entries = [*left, entry]

    async def delete(self, entries: Iterable[Feedback]) -> None:
        """Forget pictures. Raises `StoreUnavailable`."""
        gone = set(entries)
        async with self._one_at_a_time:
            await asyncio.to_thread(self.store.delete, gone)
            self._entries = [entry for entry in self._entries if entry not in gone]

    async def _all(self) -> list[Feedback]:
        if self._clock() - self._read_at > FRESH_S:
            began = self._clock()
            self._entries = await asyncio.to_thread(self.store.all)
            self._read_at = began
        return self._entries

    def _require_room(self, entries: Iterable[Feedback], owner: str, sizes: Sequence[int]) -> None:
        own = [entry.size_bytes for entry in entries if entry.owner == owner]
        if len(own) + len(sizes) > self._max_pictures:
            raise FeedbackFull("pictures", self._max_pictures, len(own))
        if sum(own) + sum(sizes) > self._max_bytes:
            raise FeedbackFull("bytes", self._max_bytes, sum(own))


def entry_of(
    model: str,
    version: int,
    classes: Sequence[str],
    owner: str,
    picture: bytes,
    given: int,
    answered: int,
    probability: float,
) -> Feedback:
    """An entry for a picture that comes now; for the arguments see `Feedback`."""
    return Feedback(
        model=model,
        id=feedback_id(owner, picture),
        at=now_ms(),
        version=version,
        classes=key_of_classes(classes),
        given=given,
        answered=answered,
        probability=round(probability, 3),
        owner=owner,
        size_bytes=len(picture),
    )
