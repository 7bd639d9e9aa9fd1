"""What can go wrong with the datasets in the store.

StoreError
├── DatasetMissing      no dataset is published under this name
├── DatasetTaken        the name is in use, and a published dataset never changes
├── DatasetDamaged      stored bytes differ from the published ones
└── UploadWithdrawn     the upload was deleted during its conversion
"""

from model_store.errors import StoreError


class DatasetMissing(StoreError):
    """No dataset was published under this name, or it was deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no dataset {name!r} in the store")
        self.name = name


class DatasetTaken(StoreError):
    """Another dataset has this name."""

    def __init__(self, name: str, reason: str = "it is already published, and a dataset never changes") -> None:
        super().__init__(f"dataset {name!r} cannot be created: {reason}; choose another name, or delete that one first")
        self.name = name


class DatasetDamaged(StoreError):
    """The stored bytes are not the published ones."""

    def __init__(self, name: str, file: str, reason: str) -> None:
        super().__init__(f"{file} of dataset {name!r} is damaged: {reason}")
        self.name = name
        self.file = file
        self.reason = reason


class UploadWithdrawn(StoreError):
    """The upload was deleted during its conversion."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the upload of dataset {name!r} was deleted")
        self.name = name
