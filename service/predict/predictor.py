"""One prediction in a straight line: reference to version, bytes to pixels, pixels to probabilities, ranked classes.

A version that turns out to be damaged is taken out of service on the way; if the request did not ask for that version,
an older one answers.
"""

from collections.abc import Sequence

from model_store import ArtifactCorrupt, Manifest, StoreError
from service.inference.batch import Answer
from service.inference.batch_queue import BatchQueue
from service.inference.engine import Engine
from service.inference.network import Pixels
from service.models.catalog import Catalog
from service.models.index import Damage, Reference
from service.predict.answers import picture_answers, picture_failure, whole_answer
from service.predict.decoding import Decoded, Decoder
from service.predict.rollover import Rollover
from service.predict.uploads import Upload
from service.splits.splits import Splits
from service.splits.trials import Role
from service.splits.turns import asking_of_request
from service.trust.wishes import Limits, TrustRecords, TrustWish


class Predictor:
    """Classifies uploaded pictures."""

    def __init__(self, catalog: Catalog, engine: Engine, decoder: Decoder, trust: TrustRecords, splits: Splits) -> None:
        self._catalog = catalog
        self._engine = engine
        self._decoder = decoder
        self._trust = trust
        self._splits = splits
        self._rollover = Rollover(engine)
        self._previous: dict[str | None, Manifest] = {}  # by model: the latest version that answered last

    async def classify(
        self, reference: Reference, uploads: Sequence[Upload], top_k: int, wish: TrustWish | None = None
    ) -> bytes:
        """Answer for every picture: a `Prediction` as JSON.

        Args:
            reference: the version to ask.
            uploads: at least one.
            top_k: how many classes to name; all of them when there are fewer.
            wish: what else to say about each answer.

        Raises:
            NotRecorded: the version has not recorded what the wish needs.
            PictureRejected: there is only one picture, and it cannot be read.
            ArtifactCorrupt: the version asked for is damaged.
            Overloaded: too many pictures wait for the version.
            ClientLeft: the client disconnected before the answer.
        """
        manifest = await self.serving(reference)
        limits = None if wish is None else await self._trust.limits(manifest, wish)
        decoded = await self._decoder.decode(manifest, uploads)
        if decoded.rejections and len(uploads) == 1:
            raise decoded.rejections[0].error()
        answers = await self._answers(manifest, decoded, uploads, top_k, limits)
        return whole_answer(manifest.model, manifest.version, answers)

    def cached(self, reference: Reference) -> tuple[Manifest, BatchQueue] | None:
        """The version meant and the queue before it, if it is known and in memory; otherwise None: call `serving`."""
        manifest = self._catalog.cached(reference)
        queue = None if manifest is None else self._engine.cached(manifest)
        if manifest is None or queue is None:
            return None
        if reference.is_open:
            self._previous[reference.model] = manifest
        return manifest, queue

    async def serving(self, reference: Reference) -> Manifest:
        """The version meant, loaded; an open reference skips damaged versions.

        While a new latest version is loading, the one before it answers most requests. Of an alias whose requests go to
        several versions it is the one whose turn it is, if a client asks for a prediction, and otherwise the one that
        the alias points at.
        """
        manifest = await self.stable(reference)
        return manifest if reference.alias is None else await self._whose_turn_it_is(manifest, reference.alias)

    async def serving_again(self, reference: Reference) -> Manifest:
        """The version that has answered the client before, loaded; of an alias the stable one if chance decided.

        Nothing is counted.
        """
        manifest = await self.stable(reference)
        if reference.alias is not None:
            manifest = self._splits.same_version(manifest, reference.alias)
            await self._engine.load(manifest)
        return manifest

    async def stable(self, reference: Reference) -> Manifest:
        """The version meant, loaded: of an alias always the one that it points at. Otherwise like `serving`."""
        while True:
            manifest = self._catalog.cached(reference) or await self._catalog.resolve(reference)
            if self._engine.is_ready(manifest):
                break
            try:
                manifest = await self._loaded(reference, manifest)
            except ArtifactCorrupt as error:
                await self._catalog.mark_damaged(Damage(manifest.model, manifest.version, error.file))
                if not reference.may_fall_back:
                    raise
            else:
                break
        if reference.is_open:
            self._previous[reference.model] = manifest
        return manifest

    async def ask(self, manifest: Manifest, pixels: Pixels, *, is_scored: bool = True) -> Answer:
        """Classify pictures with the version that is serving. Arguments and errors are those of `Engine.ask`."""
        asking = asking_of_request.get()
        turn = None if asking is None else asking.turn
        if turn is None or turn.manifest.version != manifest.version:
            return await self._engine.ask(manifest, pixels, is_scored=is_scored)
        return await turn.ask(self._engine, pixels, is_scored=is_scored)

    async def _whose_turn_it_is(self, stable: Manifest, alias: str) -> Manifest:
        """A canary, loaded, if it is its turn and it can be loaded; otherwise the version that the alias points at."""
        turn = self._splits.turn(stable, alias)
        if turn is None or turn.role is Role.STABLE:
            return stable
        try:
            await self._engine.load(turn.manifest)
        except StoreError as error:
            if isinstance(error, ArtifactCorrupt):
                await self._catalog.mark_damaged(Damage(error.model, error.version, error.file))
            return turn.fall_back()
        return turn.manifest

    async def _loaded(self, reference: Reference, manifest: Manifest) -> Manifest:
        """The version once it is loaded, or the one before it in the meantime. Raises like `Engine.load`."""
        previous = self._previous.get(reference.model) if reference.is_open else None
        if previous is not None and self._engine.is_ready(previous) and self._catalog.has(previous):
            return await self._rollover.either(previous, manifest)
        await self._engine.load(manifest)
        return manifest

    async def _answers(
        self, manifest: Manifest, decoded: Decoded, uploads: Sequence[Upload], top_k: int, limits: Limits | None
    ) -> list[str]:
        """One JSON object per upload."""
        answers: list[str] = []
        if decoded.images:
            names = [upload.filename for at, upload in enumerate(uploads) if at in decoded.images]
            found = await self.ask(manifest, decoded.stacked())
            answers = picture_answers(names, found.probabilities, manifest.classes, top_k, limits, found.unusual)
        for position, rejection in sorted(decoded.rejections.items()):
            answers.insert(position, picture_failure(uploads[position].filename, rejection.code, rejection.reason))
        return answers
