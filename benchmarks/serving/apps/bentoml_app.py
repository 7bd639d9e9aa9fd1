"""BentoML: bentoml serve benchmarks.serving.apps.bentoml_app:Cnn."""

from pathlib import Path

import bentoml  # type: ignore[import-not-found]

from benchmarks.serving.apps.classifier import Classifier


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Cnn:
    """One request at a time; its pictures together."""

    def __init__(self) -> None:
        self._classifier = Classifier()

    @bentoml.api(route="/form")  # type: ignore[untyped-decorator]
    def classify(self, file: list[Path]) -> list[dict[str, object]]:
        """Classify the files of the form."""
        return self._classifier.answers([path.read_bytes() for path in file])
