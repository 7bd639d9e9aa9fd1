"""Generates every client, and uses it: `make clients`.

It needs a network for the generators: openapi-python-client and openapi-generator (which brings its own Java) in
environments of their own, and openapi-typescript, where node is installed. The clients in Python and Java train, follow
and predict against a server that is started for them. The Java client is compiled where `javac` is installed and its
libraries can be had.
"""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from benchmarks.generated_clients.java import java_client
from benchmarks.generated_clients.python import generator_client, python_client
from benchmarks.generated_clients.typescript import typescript_client
from tests.busy_machine import settings_when_busy
from tests.running import running_stack


def main() -> None:
    """Generate and try every client; ends with an error if one lacks something."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        picture = folder / "picture.png"
        Image.effect_noise((28, 28), 80).save(picture)
        with server(folder) as url:
            python_client(folder, url, picture)
            programs = generator_client(folder, url, picture)
            java_client(folder, programs, url, picture)
        if shutil.which("npx"):
            typescript_client(folder)
        else:
            print("openapi-typescript: skipped, node is not installed")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of a server of its own; its log is shown if something fails."""
    log = folder / "log.txt"
    try:
        with running_stack(folder / "data", log, **settings_when_busy()) as stack:
            yield stack.url
    except BaseException:
        sys.stderr.write(log.read_text() if log.exists() else "")
        raise


if __name__ == "__main__":
    main()
