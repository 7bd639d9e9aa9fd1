"""The API process stays small: what trains is never imported there, and what is imported takes little."""

import subprocess
import sys

HEAVY = (
    *("tensorflow", "keras", "tf2onnx", "matplotlib", "celery", "onnx", "requests", "worker.telemetry.otlp"),
    "httpx",  # which imports rich
)
PROGRAM = f"""
import sys
import service.app
service.app.from_environment()
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_the_service_starts_without_the_libraries_that_train() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
