"""What every store does, whatever storage is below it.

A subclass in a `test_*.py` file runs all of it on the `objects` and `store` fixtures of its folder.
"""

import pytest

# pytest shows the values of an assertion only in modules it knows of before they are imported.
for topic in ("aliases", "datasets", "drafts", "keys", "names", "reading", "storage"):
    pytest.register_assert_rewrite(f"tests.unit.model_store.{topic}_behaviour")

from tests.unit.model_store.aliases_behaviour import AliasesBehaviour  # noqa: E402
from tests.unit.model_store.datasets_behaviour import DatasetsBehaviour  # noqa: E402
from tests.unit.model_store.drafts_behaviour import DraftsBehaviour  # noqa: E402
from tests.unit.model_store.keys_behaviour import KeysBehaviour  # noqa: E402
from tests.unit.model_store.names_behaviour import NamesBehaviour  # noqa: E402
from tests.unit.model_store.reading_behaviour import ReadingBehaviour  # noqa: E402
from tests.unit.model_store.storage_behaviour import StorageBehaviour  # noqa: E402


class StoreBehaviour(
    DraftsBehaviour,
    NamesBehaviour,
    ReadingBehaviour,
    AliasesBehaviour,
    StorageBehaviour,
    DatasetsBehaviour,
    KeysBehaviour,
):
    """All of it."""
