from tests.unit.model_store.store_behaviour import StoreBehaviour


class TestStoreInMemoryAndOnDisk(StoreBehaviour):
    """The behaviour of every store, on storage that needs no server."""
