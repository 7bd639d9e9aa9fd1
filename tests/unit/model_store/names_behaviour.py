"""Which names every store accepts as part of a path."""

from collections.abc import Callable

import pytest

from model_store import (
    FileNotInVersion,
    InvalidName,
    ModelStore,
)
from model_store.objects import Objects
from tests.unit.model_store.published import publish

HOSTILE_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:\\x",
    "%2e%2e",
    "Shirts",
    "shirts\n",
    " shirts",
    "shirts x",
    "shirts\0",
    "chemisé",
    "\uff53hirts",  # a fullwidth s
    "-shirts",
    "_shirts",
    ".shirts",
    "s" * 64,
]


class NamesBehaviour:
    """Names from outside."""

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_a_hostile_name_never_becomes_a_path(self, store: ModelStore, objects: Objects, name: str) -> None:
        publish(store)
        before = sorted(found.path for found in objects.list(""))

        uses: list[Callable[[], object]] = [
            lambda: store.draft(name).__enter__(),
            lambda: store.versions(name),
            lambda: store.manifest(name, 1),
            lambda: store.read(name, 1, "model.keras"),
            lambda: store.aliases(name),
            lambda: store.delete_version(name, 1),
            lambda: store.delete_model(name),
            lambda: store.set_alias("shirts", name, 1),
            lambda: store.delete_alias("shirts", name),
            lambda: store.alias_history("shirts", name),
        ]
        for use in uses:
            with pytest.raises(InvalidName):
                use()
        with pytest.raises(FileNotInVersion):
            store.read("shirts", 1, name)
        with pytest.raises(FileNotInVersion):
            store.stream("shirts", 1, name)
        assert sorted(found.path for found in objects.list("")) == before

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_a_hostile_file_name_is_refused(self, store: ModelStore, name: str) -> None:
        with store.draft("shirts") as draft, pytest.raises(InvalidName):
            draft.add(name, b"x")

    def test_names_of_sixty_three_characters_are_the_longest(self, store: ModelStore) -> None:
        longest = "s" * 63
        publish(store, longest, {longest: b"x"})
        store.set_alias(longest, longest, 1)

        assert store.aliases(longest) == {longest: 1}
        assert store.read(longest, 1, longest) == b"x"
