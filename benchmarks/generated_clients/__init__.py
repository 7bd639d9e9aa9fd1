"""Clients that other programs generate from the OpenAPI document: nothing of it is dropped, and they can be used."""

from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"
JAVA_CONFIG = DOCUMENT.with_name("openapi-generator-java.yaml")
