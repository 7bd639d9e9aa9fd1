"""The API process stays small: what trains is never imported there, and what is imported takes little."""

import subprocess
import sys

HEAVY = (
    *("tensorflow", "keras", "tf2onnx", "matplotlib", "celery", "onnx", "requests", "worker.telemetry.otlp"),
    "httpx",  # which imports rich
    *(
        "PIL.ImageDraw",
        "PIL.ImageFont",
        "xml.etree.ElementTree",
        "encodings.big5",
    ),  # imported by the routes that use them
    *("pydantic.v1", "opentelemetry.sdk.metrics"),  # see service/web/absent.py
)
BUILT_AT_START = 50
"""Models of ours that may have their validators before a request needs them: those of settings, presets and request
bodies."""
PROGRAM = f"""
import sys
import service.app
service.app.from_environment()
print([name for name in {HEAVY!r} if sys.modules.get(name)])
"""
MODELS = """
import pydantic, service.app

def below(kind):
    for found in kind.__subclasses__():
        yield found
        yield from below(found)

packages = ("service.", "worker.", "model_store.")
ours = [found for found in below(pydantic.BaseModel) if found.__module__.startswith(packages)]
print(len(ours), sum(found.__pydantic_complete__ for found in ours))
"""


def test_the_service_starts_without_the_libraries_that_train() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_models_are_built_when_they_are_used_first() -> None:
    found = subprocess.run([sys.executable, "-c", MODELS], capture_output=True, text=True, check=True)
    n_models, n_built = map(int, found.stdout.split())
    assert n_models > 150
    assert n_built < BUILT_AT_START
