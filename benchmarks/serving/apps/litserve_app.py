"""LitServe: python -m benchmarks.serving.apps.litserve_app PORT."""

import sys
from typing import cast

import litserve  # type: ignore[import-not-found]
from fastapi import Request
from starlette.datastructures import FormData

from benchmarks.serving.apps.classifier import Classifier


class Cnn(litserve.LitAPI):  # type: ignore[misc]
    """One request at a time; its pictures together."""

    def setup(self, device: str) -> None:
        """Open the network, in the process of the worker."""
        self._classifier = Classifier()

    def decode_request(self, request: Request) -> list[bytes]:
        """The files of the form, which comes under the name of the request."""
        form = cast(FormData, request)
        return [upload.file.read() for upload in form.getlist("file") if not isinstance(upload, str)]

    def predict(self, files: list[bytes]) -> list[dict[str, object]]:
        """Classify."""
        return self._classifier.answers(files)

    def encode_response(self, output: list[dict[str, object]]) -> dict[str, object]:
        """The answer as JSON."""
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(Cnn(api_path="/form"), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False)
