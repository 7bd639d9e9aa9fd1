"""Reads the store for the catalog: everything once, then what the store's change marker points at.

Looking at the marker costs one request. Of a store with many versions, everything is read from a snapshot that another
process has left there, which is one request instead of one for each version; a survey follows at once. Because earlier
versions of this program, and processes that die at the wrong moment, change the store without noting it, the whole of
it is surveyed again now and then: a small one almost every time, a bigger one as often as `SURVEY_REQUESTS_PER_S` or
`SHARE_OF_A_CORE` allows.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from model_store import ArtifactCorrupt, Manifest, ModelStore, StoreUnavailable
from model_store.changes import LOG_KEPT_S, Change
from model_store.survey import SeenModel, Survey
from service.models.earlier_snapshot import read_earlier_snapshot
from service.models.index import ModelEntry
from service.models.known_model import KnownModel
from service.models.rounds import Rounds
from service.models.snapshot import Snapshot, read_snapshot, write_snapshot
from service.models.unnoted import note

logger = logging.getLogger(__name__)

SURVEY_REQUESTS_PER_S = 1.0
"""Of a storage service. A survey that takes 25 requests is repeated every 25 seconds."""
REQUESTS_OF_A_SURVEY = 30
"""Of a storage service that may be sent one after the other; the survey of a bigger store is spread over a round."""
LATEST_S = 5.0
"""Seconds by which looks of a round may be late and are still made up for."""
SHARE_OF_A_CORE = 0.05
"""That surveys of a local directory may use."""
LONGEST_PAUSE_S = 25.0
"""Between two surveys of a local directory."""
CHEAP_REQUESTS, CHEAP_S = 1, 0.01
"""A survey that costs no more than both is part of every look that somebody waits for."""
PARALLEL_READS = 16
"""From a storage service. A directory is read by one thread: it answers faster than Python can take the answers."""
OLD_ENTRIES_KEPT = 200
"""Entries of the log that may be old before they are removed."""
UNPACKED_VERSIONS, UNPACKED_SHARE = 256, 0.02
"""Versions that may be missing in the snapshot before it is written again: so many, or this share of all."""
UNPACKED_FILES = 2000
"""The same for a local directory, of which so many manifests are read in half a second."""
RETRY_SNAPSHOT_S = 3600.0
"""Seconds between two trials to write one into a store that refuses it."""

Key = tuple[str, int]
Found = Manifest | str | None
Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


class StoreReader:
    """What is known of the models of one store. Used by one thread at a time."""

    def __init__(self, store: ModelStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, KnownModel] = {}
        self._entries: Mapping[str, ModelEntry] = {}
        self._survey: Survey | None = None
        self._rounds: Rounds | None = None
        self._next_survey_at = 0.0
        self._is_survey_cheap = True
        self._tag = ""
        self._seen: frozenset[str] = frozenset()
        self._seen_at = 0.0
        self._n_packed = 0
        self._next_snapshot_at = 0.0
        self.is_slow = False
        """Whether the look under way may take seconds. Set by the reading thread."""

    @property
    def is_remote(self) -> bool:
        """Whether every look is a request to a storage service."""
        return self._store.contents.is_remote

    def read(self, *, thoroughly: bool) -> Mapping[str, ModelEntry]:
        """All models, by name: the same object as before if nothing has changed.

        Args:
            thoroughly: also find what was changed without a note, if that is cheap.

        Raises:
            StoreUnavailable: the store does not answer; what is known stays as it was.
        """
        now = self._clock()
        is_due = now >= self._next_survey_at or (thoroughly and self._is_survey_cheap)
        if self._survey is None and not self._known and self._start_from_snapshot(now):
            return self._entries  # the next look is a survey
        is_whole = self._survey is None or now - self._seen_at > LOG_KEPT_S / 2
        if is_whole or (is_due and self._rounds is None):
            with self._slowly(is_slow=not self._is_survey_cheap):
                self._read_all(now)
            return self._entries
        self._read_changes(now)
        if is_due and self._rounds is not None:
            with self._slowly():
                self._read_some(now, self._rounds)
        return self._entries

    def pack(self) -> None:
        """Write the snapshot if too many versions are missing in it, so that others start sooner. Takes seconds."""
        n_versions = sum(len(model.versions) for model in self._known.values())
        enough = max(UNPACKED_VERSIONS if self.is_remote else UNPACKED_FILES, UNPACKED_SHARE * n_versions)
        if n_versions - self._n_packed < enough or self._clock() < self._next_snapshot_at:
            return
        self._next_snapshot_at = self._clock() + RETRY_SNAPSHOT_S
        try:
            with self._slowly():
                write_snapshot(self._store.contents, Snapshot(self._known, self._seen))
                log = self._store.changes.log()
                self._store.changes.forget([change for change in log if change.entry in self._seen])
        except StoreUnavailable as error:
            logger.warning("no snapshot of the store was written: %s", error)
        else:
            self._n_packed, self._next_snapshot_at = n_versions, 0.0

    @contextmanager
    def _slowly(self, *, is_slow: bool = True) -> Iterator[None]:
        self.is_slow = is_slow
        try:
            yield
        finally:
            self.is_slow = False

    def _start_from_snapshot(self, now: float) -> bool:
        """Take what another process has stored, and what was noted since."""
        tag = self._store.changes.tag()  # before the log, like before a survey
        stored = read_snapshot(self._store.contents)
        snapshot = stored or read_earlier_snapshot(self._store.contents)
        if snapshot is None:
            return False
        known = dict(snapshot.models)
        self._n_packed = sum(len(model.versions) for model in stored.models.values()) if stored else 0
        log = self._store.changes.log()
        self._apply(known, [change for change in log if change.entry not in snapshot.entries])
        self._publish(known)
        self._remember(now, tag, log)
        self._next_survey_at = now
        self._is_survey_cheap = False
        return True

    def _read_all(self, now: float) -> None:
        tag = self._store.changes.tag(self._tag)  # before the survey: what is noted meanwhile is read again next time
        log = [] if tag == self._tag else self._store.changes.log()
        began = time.perf_counter()
        survey = self._store.contents.survey(self._survey)
        seconds = time.perf_counter() - began
        known = {name: self._known.get(name, KnownModel()).copy() for name in survey.models}
        self._take_aliases(known, survey.models)
        self._take_versions(known, survey.models)
        self._publish(known)
        self._survey = survey
        self._remember(now, tag, log)
        self._plan_survey(now, survey, seconds)

    def _read_some(self, now: float, rounds: Rounds) -> None:
        """Look at some of the models of a big store, after its changes were read."""
        glance = rounds.look(now, self._known)
        gone = set[str]() if glance.names is None else self._known.keys() - glance.names
        known = {name: model for name, model in self._known.items() if name not in gone}
        asked = self._read_manifests(key for key in glance.asked if key[0] in known)
        published = [(key, found) for key, found in asked if found is not None]
        looked_at = glance.models.keys() | {name for (name, _), _ in published}
        known |= {name: known.get(name, KnownModel()).copy() for name in looked_at}
        self._take_aliases(known, glance.models)
        self._take_versions(known, glance.models)
        for (name, version), found in published:
            known[name].add(version, found)
        before = {name: model for name, model in self._known.items() if name in looked_at | gone}
        self._publish(known)
        note(self._store.changes, before, {name: known[name] for name in looked_at})
        rounds.take(glance)
        # A look that comes late is made up for, unless none was asked for in a long time.
        began = max(self._next_survey_at, now - LATEST_S)
        self._next_survey_at = began + glance.requests / SURVEY_REQUESTS_PER_S

    def _plan_survey(self, now: float, survey: Survey, seconds: float) -> None:
        self._rounds = None
        if self.is_remote:
            pause_s = survey.requests / SURVEY_REQUESTS_PER_S
            if survey.requests > REQUESTS_OF_A_SURVEY:
                self._rounds, pause_s = Rounds(self._store.contents, frozenset(survey.models), now), 0.0
        else:
            pause_s = min(seconds / SHARE_OF_A_CORE, LONGEST_PAUSE_S)
        self._next_survey_at = now + pause_s
        self._is_survey_cheap = seconds <= CHEAP_S and (not self.is_remote or survey.requests <= CHEAP_REQUESTS)

    def _read_changes(self, now: float) -> None:
        tag = self._store.changes.tag(self._tag)
        if tag == self._tag:
            self._seen_at = now
            return
        log = self._store.changes.log()
        known = dict(self._known)
        self._apply(known, [change for change in log if change.entry not in self._seen])
        self._publish(known)
        self._remember(now, tag, log)

    def _remember(self, now: float, tag: str, log: list[Change]) -> None:
        if tag != self._tag:
            self._seen = frozenset(change.entry for change in log)
            if len(log) > OLD_ENTRIES_KEPT and not self._n_packed:
                self._store.changes.forget(log)
        self._tag, self._seen_at = tag, now

    def _apply(self, known: dict[str, KnownModel], changes: list[Change]) -> None:
        """Read what was changed, each thing once, however often it was changed."""
        for name in {change.model for change in changes}:
            known[name] = known.get(name, KnownModel()).copy()
        whole = {change.model for change in changes if change.version is None and change.alias is None}
        for name in whole:
            seen = {name: self._store.contents.model(name)}
            self._take_aliases(known, seen)
            self._take_versions(known, seen)
        rest = [change for change in changes if change.model not in whole]
        moved = {(change.model, change.alias) for change in rest if change.alias is not None}
        self._take_alias_changes(known, {key: self._store.contents.newest_change(*key) for key in moved})
        keys = {(change.model, change.version) for change in rest if change.version is not None}
        for (name, version), found in self._read_manifests(keys):
            known[name].add(version, found)

    def _take_versions(self, known: Mapping[str, KnownModel], seen: Mapping[str, SeenModel]) -> None:
        missing = set()
        for name, model in seen.items():
            for version in (known[name].versions.keys() | known[name].damaged.keys()) - model.versions:
                known[name].remove(version)
            missing |= {(name, version) for version in model.versions - known[name].versions.keys()}
        for (name, version), found in self._read_manifests(missing):
            known[name].add(version, found)

    def _take_aliases(self, known: Mapping[str, KnownModel], seen: Mapping[str, SeenModel]) -> None:
        changes = {
            (name, alias): model.aliases.get(alias)
            for name, model in seen.items()
            for alias in known[name].aliases.keys() | model.aliases.keys()
        }
        self._take_alias_changes(known, changes)

    def _take_alias_changes(
        self, known: Mapping[str, KnownModel], newest: Mapping[tuple[str, str], int | None]
    ) -> None:
        unread = []
        for (name, alias), sequence in newest.items():
            if sequence is None:
                known[name].forget_alias(alias)
            elif known[name].aliases.get(alias, (0, None))[0] != sequence:
                unread.append((name, alias, sequence))
        read = self._together(lambda wanted: self._store.contents.alias_change(*wanted), unread)
        for (name, alias, number), change in zip(unread, read, strict=True):
            known[name].point(alias, number, change)

    def _read_manifests(self, keys: Iterable[Key]) -> list[tuple[Key, Found]]:
        wanted = sorted(keys)
        return list(zip(wanted, self._together(self._manifest, wanted), strict=True))

    def _together(self, read: Callable[[Wanted], Answer], wanted: Sequence[Wanted]) -> list[Answer]:
        if not self.is_remote or len(wanted) < 2:
            return [read(one) for one in wanted]
        with ThreadPoolExecutor(PARALLEL_READS, "catalog-read") as readers:
            return list(readers.map(read, wanted))

    def _manifest(self, key: Key) -> Found:
        """The manifest, the file at fault, or None if the version does not exist."""
        try:
            return self._store.contents.manifest(*key)
        except ArtifactCorrupt as error:
            return error.file

    def _publish(self, known: dict[str, KnownModel]) -> None:
        """Replace what is known; entries of models that are as they were stay the same objects."""
        changed = {name for name in known.keys() | self._known.keys() if known.get(name) != self._known.get(name)}
        self._known = {name: self._known[name] if name not in changed else model for name, model in known.items()}
        if changed:
            entries = {name: entry for name, entry in self._entries.items() if name not in changed}
            added = ((name, known[name].entry(name)) for name in sorted(changed) if name in known)
            self._entries = entries | {name: entry for name, entry in added if entry is not None}
