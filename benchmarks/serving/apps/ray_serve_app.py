"""Ray Serve: python -m benchmarks.serving.apps.ray_serve_app PORT."""

import signal
import sys
from typing import Annotated

import ray  # type: ignore[import-not-found]
from fastapi import FastAPI, File, UploadFile
from ray import serve

from benchmarks.serving.apps.classifier import Classifier

app = FastAPI()


@serve.deployment(num_replicas=1, max_ongoing_requests=64)
@serve.ingress(app)
class Cnn:
    """One request at a time; its pictures together."""

    def __init__(self) -> None:
        self._classifier = Classifier()

    @app.post("/form")
    async def classify(self, file: Annotated[list[UploadFile], File()]) -> list[dict[str, object]]:
        """Classify the files of the form."""
        return self._classifier.answers([await part.read() for part in file])


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False}
    )
    serve.run(Cnn.bind())  # type: ignore[attr-defined]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
