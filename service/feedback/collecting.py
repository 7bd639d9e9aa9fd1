"""Makes a version of a dataset of feedback: an archive of the pictures, which is converted like any upload.

The pictures go to the model's own dataset, if it was uploaded and the caller may change it; otherwise to a dataset of
the caller's, which begins with the pictures of the model's dataset. Nothing is deleted: what the dataset has already
is left out, so that collecting again does no harm.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from model_store import ConversionStatus, DatasetDamaged, DatasetManifest, DatasetStore, Manifest
from model_store.feedback import Collection, Feedback, FeedbackStore
from model_store.free_space import has_space_for
from service.datasets.conversions import Conversions
from service.datasets.growth import BASE_FOLDER, options_for
from service.datasets.makers import Maker
from service.datasets.pictures import DatasetPictures
from service.datasets.scratch import Scratch
from service.errors import ArchiveUnusable, DatasetBuiltIn, DiskFull
from service.feedback.answers import CollectAnswer, Labels, label_at
from service.keys.callers import Caller
from service.keys.ownership import require_owner
from service.web.feedback_errors import NothingToCollect
from worker.datasets import DATASETS, DatasetInfo, DatasetNotFound, DatasetNotReady, find_dataset, reference_to
from worker.datasets.unpacked import ALL_FILES
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.labelled_pictures import LabelledPictures
from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.messages import Base
from worker.datasets.upload.options import UploadLimits, UploadOptions
from worker.jobs.lineage import dataset_of

SUFFIX = "-feedback"
LONGEST_NAME = 63


@dataclass(frozen=True)
class Target:
    """Where feedback goes.

    Attributes:
        name: of the dataset.
        grown: the version that it becomes part of; None for a new dataset.
        begins_with: the dataset whose pictures a new one begins with, if there is one.
    """

    name: str
    grown: DatasetManifest | None
    begins_with: DatasetInfo | None


@dataclass(frozen=True)
class Collector:
    """What collecting needs of a process."""

    feedback: FeedbackStore
    datasets: DatasetStore
    pictures: DatasetPictures
    conversions: Conversions
    limits: UploadLimits

    def target(self, manifest: Manifest, wanted: str | None, caller: Caller) -> Target:
        """Where the feedback on a version's model goes; reads the store.

        Raises:
            NotOwner: the dataset that is wanted belongs to another.
            DatasetBuiltIn: it comes with the program.
            DatasetNotReady: it is being converted.
        """
        if wanted is not None and wanted in DATASETS:
            raise DatasetBuiltIn(wanted, "receive feedback; name another dataset")
        learned = self._uploaded(manifest.dataset)
        name = wanted
        if name is None and learned is not None and caller.may_change(learned.owner):
            name = learned.name
        name = name or f"{manifest.model[: LONGEST_NAME - len(SUFFIX)]}{SUFFIX}"
        found = self._found(name)
        if found is not None:
            require_owner(caller, found.owner, f"dataset {name!r}")
        if isinstance(found, DatasetManifest):
            return Target(name, found, None)
        return Target(name, None, self._learned_from(manifest))

    def collections(self, model: str) -> list[Collection]:
        """The collections whose datasets exist; reads the store."""
        existing: dict[str, set[str]] = {}
        for each in (found := self.feedback.collections(model)):
            if each.dataset not in existing:
                existing[each.dataset] = {one.upload for one in self.datasets.versions(each.dataset)}
        return [each for each in found if each.upload in existing[each.dataset]]

    async def collect(
        self, manifest: Manifest, target: Target, entries: Sequence[Feedback], maker: Maker, owner: str | None
    ) -> CollectAnswer:
        """Start to make the version.

        Args:
            manifest: a version of the model.
            target: where the pictures go.
            entries: of this model, at least one.
            maker: who makes it.
            owner: of the entries; None when they may be anybody's.

        Raises:
            ArchiveUnusable: the pictures make no dataset.
            NothingToCollect: none is left, because their senders disagree.
            TooManyUploads, DatasetTaken, StorageExceeded, DiskFull, StoreUnavailable: the version cannot be made now.
        """
        async with self.conversions.receiving() as folder:
            written = await asyncio.to_thread(self._write, folder, entries)
            if not written:
                raise NothingToCollect(manifest.model, "its senders disagree about the labels")
            options = await self._options(manifest, target, folder)
            status = await self.conversions.start(folder, options, maker, target.grown)
            await asyncio.to_thread(self._note, manifest.model, target.name, status, entries, owner)
        grown = target.grown or target.begins_with
        return CollectAnswer(
            dataset=target.name,
            version=status.version,
            grown_from=None if grown is None else reference_to(grown.name, grown.version),
            pictures=written,
            disagreeing=len(entries) - written,
        )

    def _note(
        self, model: str, dataset: str, status: ConversionStatus, entries: Sequence[Feedback], owner: str | None
    ) -> None:
        until = max(entry.at for entry in entries)
        self.feedback.note_collection(model, Collection(until, dataset, status.version, status.upload, owner))

    async def _options(self, manifest: Manifest, target: Target, folder: Scratch) -> UploadOptions:
        """How the pictures become a dataset; where it begins with others, these are put beside them."""
        if target.grown is not None:
            return options_for(target.grown, None)
        height, width, channels = manifest.input_shape
        said: dict[str, object] = {}
        if target.begins_with is not None:
            info = target.begins_with
            height, width, channels = info.image_shape
            arrays = await self.pictures.folder(reference_to(info.name, info.version))
            folder.base = await asyncio.to_thread(_linked, arrays, folder.path / BASE_FOLDER, info, self.limits)
            said = {"licence": info.licence[:500], "source": info.source[:500]}
        return UploadOptions.model_validate(
            {
                **said,
                "name": target.name,
                "image_size": (height, width),
                "colour": "greyscale" if channels == 1 else "rgb",
                "title": f"{manifest.dataset or 'Pictures'} with feedback on {manifest.model}",
            }
        )

    def _write(self, folder: Scratch, entries: Sequence[Feedback]) -> int:
        """Write the archive, and return how many pictures it has."""
        try:
            with BoundedZip(folder.archive, self.limits, lambda _: None) as zipped:
                pictures = LabelledPictures(zipped)
                sets = {(entry.model, entry.classes) for entry in entries}
                labels = {classes: self.feedback.classes(model, classes) for model, classes in sets}
                agreed = self._agreed(entries, labels)
                for entry in agreed:
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        label = label_at(labels[entry.classes], entry.given)
                        pictures.add(entry.id, self.feedback.picture(entry), label, None)
                pictures.finish()
        except ArchiveRejected as error:
            raise ArchiveUnusable(error.message, error.code, error.hint) from error
        except OSError as error:
            raise DiskFull from error
        return len(agreed)

    def _agreed(self, entries: Sequence[Feedback], labels: Labels) -> list[Feedback]:
        """One entry for each picture, without those that have different labels."""
        by_picture: dict[bytes, dict[str, Feedback]] = {}
        for entry in entries:
            with suppress(FileNotFoundError):
                digest = hashlib.blake2b(self.feedback.picture(entry)).digest()
                by_picture.setdefault(digest, {})[label_at(labels[entry.classes], entry.given)] = entry
        return [entry for found in by_picture.values() if len(found) == 1 for entry in found.values()]

    def _uploaded(self, name: str) -> DatasetManifest | None:
        """The uploaded dataset of this name, if there is one that can be read."""
        found = None if name in DATASETS or not name else self._found(name)
        return found if isinstance(found, DatasetManifest) else None

    def _found(self, name: str) -> DatasetManifest | ConversionStatus | None:
        try:
            return self.datasets.find(name)
        except DatasetDamaged:
            return None

    def _learned_from(self, manifest: Manifest) -> DatasetInfo | None:
        """The dataset that a version was trained on, if it is still there."""
        try:
            return find_dataset(dataset_of(manifest), self.datasets) if manifest.dataset else None
        except (DatasetNotFound, DatasetNotReady):
            return None


def _linked(arrays: Path, target: Path, info: DatasetInfo, limits: UploadLimits) -> Base:
    """The arrays of a dataset in another directory: links to its files, or copies where links are not possible.

    Raises:
        DiskFull: the disk has too little free space for copies.
    """
    target.mkdir()
    for file in ALL_FILES:
        source = arrays / file
        if not source.exists():
            continue
        try:
            os.link(source, target / file)
        except OSError:
            if not has_space_for(target, source.stat().st_size, limits.min_free_bytes):
                raise DiskFull from None
            shutil.copyfile(source, target / file)
    return Base(folder=str(target.absolute()), version=info.version or 1, classes=info.classes)
