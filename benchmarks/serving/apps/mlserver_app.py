"""MLServer: mlserver start DIR, with MLSERVER_MODEL_IMPLEMENTATION=benchmarks.serving.apps.mlserver_app.Cnn.

Its own protocol takes tensors; pictures in a form need a handler of one's own, as its guide on those shows.
"""

from typing import Annotated

from fastapi import File, UploadFile
from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.handlers import custom_handler  # type: ignore[import-not-found]

from benchmarks.serving.apps.classifier import Classifier


class Cnn(MLModel):  # type: ignore[misc]
    """One request at a time; its pictures together."""

    async def load(self) -> bool:
        """Open the network."""
        self._classifier = Classifier()
        return True

    @custom_handler(rest_path="/form")  # type: ignore[untyped-decorator]
    async def classify(self, file: Annotated[list[UploadFile], File()]) -> list[dict[str, object]]:
        """Classify the files of the form."""
        return self._classifier.answers([await part.read() for part in file])
