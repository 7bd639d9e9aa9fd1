"""The suite works when a script starts it in the background, where shells make processes ignore SIGINT."""

import os
import subprocess
import sys

from tests.paths import PROJECT

NAMED_BY_PYTHON = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def test_children_of_a_test_obey_ctrl_c() -> None:
    child = subprocess.run([sys.executable, "-c", NAMED_BY_PYTHON], capture_output=True, text=True, check=True)
    assert child.stdout == "True\n"


def test_children_of_a_test_obey_ctrl_c_in_a_background_job() -> None:
    one = f"{__file__}::{test_children_of_a_test_obey_ctrl_c.__name__}"
    pytest = f"{sys.executable} -m pytest -q -p no:cacheprovider {one}"
    done = subprocess.run(
        ["/bin/sh", "-c", f"trap '' INT; exec {pytest}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
