"""Installs the wheel into an empty environment of each Python that is given, and uses it from an empty directory.

    python -m benchmarks.install_check dist/convserve-0.1.0-py3-none-any.whl [--uvx] PYTHON…

Each interpreter gets `pip install 'convserve[all]'`, or with `--uvx` the command `uvx --from 'convserve[all]'
convserve`, which needs uv. Then `convserve up` starts, trains a network, classifies a picture, makes a backup, and must
have put everything below XDG_DATA_HOME.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

START_S, JOB_S, STOP_S = 300.0, 900.0, 90.0


def environment_of(home: Path) -> dict[str, str]:
    """What a new user has: no settings of ours, no source tree, data below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONVSERVE_", "PYTHON", "XDG_"))}
    own = {"XDG_DATA_HOME": str(home / "data"), "CONVSERVE_PORT": "8432"}
    return kept | own | {"CONVSERVE_TRAINER_NICENESS": "0"}  # or it gets next to nothing on a busy machine


def installed(python: str, wheel: Path, home: Path) -> tuple[str, ...]:
    """The command, after an installation into an empty environment, by uv where it is."""
    place = home / "environment"
    subprocess.run([python, "-m", "venv", str(place)], check=True)
    program = place / "bin" / "python"
    uv = shutil.which("uv")
    pip = (uv, "pip", "install", "-q", "--python", program) if uv else (program, "-m", "pip", "install", "-q")
    subprocess.run([*map(str, pip), f"{wheel}[all]"], check=True, env=environment_of(home))
    return (str(place / "bin" / "convserve"),)


def by_uvx(python: str, wheel: Path) -> tuple[str, ...]:
    """The command without an installation."""
    return (shutil.which("uvx") or "uvx", "-q", "--python", python, "--from", f"{wheel}[all]", "convserve")


def try_out(command: Sequence[str], home: Path) -> None:
    """Start everything in an empty directory, train, classify, stop; raise if anything fails."""
    empty = home / "empty"
    empty.mkdir()
    environment = environment_of(home)
    run(command, "--version", environment=environment, directory=empty)
    run(command, "check", environment=environment, directory=empty)
    server = subprocess.Popen([*command, "up"], env=environment, cwd=empty)
    try:
        wait_for_server(command, environment, empty, server)
        job = ("lenet5-fashion", "fashion_mnist_sample", "--epochs", "1", "--set", "train_samples=200")
        run(command, "train", *job, environment=environment, directory=empty)
        Image.effect_noise((28, 28), 80).save(home / "picture.png")
        run(command, "predict", str(home / "picture.png"), environment=environment, directory=empty)
        run(command, "backup", str(home / "backup.tar.gz"), environment=environment, directory=empty)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(STOP_S)
    left = [path.name for path in empty.iterdir()]
    assert not left, f"expected an empty directory, found {left}"
    assert (home / "data" / "convserve" / "store" / "models").is_dir()


def run(command: Sequence[str], *arguments: str, environment: Mapping[str, str], directory: Path) -> None:
    """Run one of our commands, and raise if it fails."""
    subprocess.run([*command, *arguments], check=True, env=environment, cwd=directory, timeout=JOB_S)


def wait_for_server(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, server: "subprocess.Popen[bytes]"
) -> None:
    """Wait until the server lists its models."""
    deadline = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < deadline:
        asked = subprocess.run(
            [*command, "models"], env=environment, cwd=directory, capture_output=True, check=False, timeout=START_S
        )
        if asked.returncode == 0:
            return
        time.sleep(1)
    raise SystemExit("convserve up did not start")


def main() -> None:
    """Check every interpreter, and say how long each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=lambda text: Path(text).absolute())
    parser.add_argument("pythons", nargs="*", default=[sys.executable])
    parser.add_argument("--uvx", action="store_true")
    given = parser.parse_intermixed_args()
    for python in given.pythons:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="convserve-install-") as directory:
            home = Path(directory)
            command = by_uvx(python, given.wheel) if given.uvx else installed(python, given.wheel, home)
            try_out(command, home)
        print(f"{python}: installed and used in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
