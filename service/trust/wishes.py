"""What a prediction is asked beyond its classes, and the limits that answer it for one version."""

import asyncio
from collections import OrderedDict
from typing import Literal, NamedTuple

from model_store import ArtifactCorrupt, Manifest, ModelStore, read_recorded
from service.errors import NotRecorded
from worker.artifacts import TRUST_FILE
from worker.trust.conformal import threshold
from worker.trust.record import TrustRecord

RECORDS_CACHED = 64


class TrustWish(NamedTuple):
    """What a client wants to know.

    Attributes:
        coverage: share of the sets of classes that are to contain the right one; None for no sets.
        not_sure_below: probability below which no label is given; `auto` for the version's own; None for always.
    """

    coverage: float | None = None
    not_sure_below: float | Literal["auto"] | None = None


class Limits(NamedTuple):
    """What the answers of one version are compared with.

    Attributes:
        least_tail: tail mass that a class needs to be in a set; None for no sets.
        least_probability: of an answer with a label; None for a label in every answer.
    """

    least_tail: float | None
    least_probability: float | None


class TrustRecords:
    """The records of versions, read from the store when they are first asked for."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._records: OrderedDict[tuple[str, int], TrustRecord] = OrderedDict()

    async def limits(self, manifest: Manifest, wish: TrustWish) -> Limits:
        """What a version's answers are compared with.

        Raises:
            NotRecorded: the version has not recorded what the wish needs.
            ArtifactCorrupt, StoreUnavailable: its record cannot be read.
        """
        least_tail = least_probability = None
        if wish.coverage is not None:
            record = await self.of(manifest)
            least_tail = threshold(record.mistakes, record.pictures, wish.coverage)
        if wish.not_sure_below == "auto":
            least_probability = (await self.of(manifest)).not_sure_below
            if least_probability is None:
                remedy = "No threshold gives it the precision that was wanted; name one, such as not_sure_below=0.8."
                raise NotRecorded(manifest.model, manifest.version, "threshold of its own", remedy)
        elif wish.not_sure_below is not None:
            least_probability = wish.not_sure_below
        return Limits(least_tail, least_probability)

    async def of(self, manifest: Manifest) -> TrustRecord:
        """A version's record. Raises like `limits`."""
        key = (manifest.model, manifest.version)
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = await asyncio.to_thread(self._read, manifest)
            if len(self._records) > RECORDS_CACHED:
                self._records.popitem(last=False)
        return record

    def _read(self, manifest: Manifest) -> TrustRecord:
        data = read_recorded(self._store, manifest, TRUST_FILE)
        if data is None:
            raise NotRecorded(manifest.model, manifest.version, "record of how often it is right", _why_not(manifest))
        try:
            return TrustRecord.model_validate_json(data)
        except ValueError as error:
            raise ArtifactCorrupt(manifest.model, manifest.version, TRUST_FILE, "it does not parse") from error


def _why_not(manifest: Manifest) -> str:
    if manifest.recipe.get("validation") == "test":
        return (
            "It validated with the test split, which judges it and is not used for anything else; train with "
            "validation 0.1 to hold pictures out."
        )
    return (
        "It was published by an older release, imported, or continued from a version that was trained on its "
        f"validation pictures; POST /models/{manifest.model}/versions/{manifest.version}/record records what an older "
        "release did not; otherwise train it again without initial_model."
    )
