"""Where the project and the development data are."""

from pathlib import Path

PROJECT = Path(__file__).parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"
