"""Types for TypeScript, of openapi-typescript."""

from pathlib import Path

from benchmarks.generated_clients import DOCUMENT
from benchmarks.generated_clients.commands import run

USE = Path(__file__).parent / "uses" / "use.ts"


def typescript_client(folder: Path) -> None:
    """Generate with openapi-typescript, and let TypeScript check a use of it."""
    run("npx", "--yes", "openapi-typescript@7", str(DOCUMENT), "-o", str(folder / "api.d.ts"))
    copy = folder / "use.ts"
    copy.write_text(USE.read_text())
    run("npx", "--yes", "-p", "typescript@5", "tsc", "--noEmit", "--strict", "--skipLibCheck", str(copy))
    print("openapi-typescript: the types fit a request and an answer")
