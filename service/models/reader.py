"""Reads the store for the catalog: everything once, then what the store's change marker points at.

Looking at the marker costs one request. Because earlier versions of this program, and processes that die at the wrong
moment, change the store without noting it, the whole store is surveyed again now and then: a small one almost every
time, a bigger one as often as `SURVEY_REQUESTS_PER_S` or `SHARE_OF_A_CORE` allows.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from model_store import ArtifactCorrupt, Manifest, ModelStore
from model_store.changes import LOG_KEPT_S, Change
from model_store.survey import SeenModel, Survey
from service.models.index import ModelEntry
from service.models.known_model import KnownModel

SURVEY_REQUESTS_PER_S = 1.0
"""Of a storage service. A survey that takes 25 requests is repeated every 25 seconds."""
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
        self._next_survey_at = 0.0
        self._is_survey_cheap = True
        self._tag = ""
        self._seen: frozenset[str] = frozenset()
        self._seen_at = 0.0

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
        if self._survey is None or is_due or now - self._seen_at > LOG_KEPT_S / 2:
            self._read_all(now)
        else:
            self._read_changes(now)
        return self._entries

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

    def _plan_survey(self, now: float, survey: Survey, seconds: float) -> None:
        if self.is_remote:
            pause_s = survey.requests / SURVEY_REQUESTS_PER_S
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
            if len(log) > OLD_ENTRIES_KEPT:
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
        for (name, alias), change in newest.items():
            if change is None:
                known[name].aliases.pop(alias, None)
            elif known[name].aliases.get(alias, (0, None))[0] != change:
                unread.append((name, alias, change))
        targets = self._together(lambda wanted: self._store.contents.version_after(*wanted), unread)
        for (name, alias, change), target in zip(unread, targets, strict=True):
            known[name].aliases[alias] = change, target

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
