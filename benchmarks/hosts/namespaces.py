"""Runs a command in namespaces of its own, or says in words why that is not allowed here.

Network, mounts, host name and process ids are the command's own. When it ends, however it ends, the kernel removes all
of them: hosts, addresses, links and files of the run, and every process that it has started.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

NOT_POSSIBLE = 77
"""Exit status where namespaces are not allowed: nothing was tried. 77 is what automake calls a skipped test."""
TOOLS = ("unshare", "nsenter", "ip")
STOP_S = 20.0
LINK_TRIAL = "ip link add trial0 type veth peer name trial1 && ip link add trial2 type bridge"
FILES_TRIAL = "mount -t tmpfs tmpfs /run && ip netns add trial && nsenter --net=/run/netns/trial true"


def obstacle() -> str | None:
    """Why hosts cannot be made here; None if they can."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"the programs {', '.join(missing)} are missing (Debian: util-linux and iproute2)"
    for what, trial in {
        "new namespaces": "true",
        "links between namespaces (veth and bridge)": LINK_TRIAL,
        "named network namespaces": FILES_TRIAL,
    }.items():
        tried = subprocess.run([*_unshare(), "sh", "-c", trial], capture_output=True, text=True, check=False)
        if tried.returncode:
            said = tried.stderr.strip().splitlines()
            return f"{what} are not allowed here ({said[-1] if said else f'status {tried.returncode}'})"
    return None


def run_inside(command: Sequence[str]) -> int:
    """Run a command in namespaces of its own; its exit status.

    It gets Ctrl-C like every process of the terminal, and time to end. SIGTERM and a second Ctrl-C end it at once. Its
    input ends when this process does, so that a command that calls `end_with_input` ends even after `kill -9`.
    """
    signal.signal(signal.SIGTERM, _stop)
    child = subprocess.Popen([*_unshare(), *command], stdin=subprocess.PIPE)
    try:
        return child.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(STOP_S)
        return 128 + signal.SIGINT
    finally:
        child.kill()  # `--kill-child` ends the namespace's first process with it, and the kernel ends the others
        child.wait()


def _unshare() -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *as_root, "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
