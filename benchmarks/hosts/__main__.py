"""Builds hosts on this machine, tries what convserve promises between them, removes everything.

    make hosts
    python -m benchmarks.hosts [--only EXPRESSION] [--logs DIRECTORY]

Each host is a network namespace with an address of its own, joined to the others by a bridge: Redis with a password, an
S3 server, a load balancer, two APIs, four workers, and a client, on which the checks run. Prints a row for each check.

Exit status: 0 if every check holds, 1 if one does not, 77 where the machine does not allow namespaces.
"""

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks.hosts.fleet import HOMES
from benchmarks.hosts.namespaces import NOT_POSSIBLE, obstacle, run_inside


def main() -> int:
    """Try everything; the exit status."""
    parser = argparse.ArgumentParser(description="Several hosts on one machine, in network namespaces.")
    parser.add_argument(
        "--only", default="", help="checks with names that this regular expression finds, and what they need"
    )
    parser.add_argument("--logs", type=Path, help="directory that gets the hosts' logs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return _tried(options.only, options.logs)
    if reason := obstacle():
        print(f"Hosts cannot be made here: {reason}. Nothing was tried.", file=sys.stderr)
        return NOT_POSSIBLE
    return run_inside([sys.executable, "-m", "benchmarks.hosts", "--inside", *sys.argv[1:]])


def _tried(only: str, logs: Path | None) -> int:
    from benchmarks.hosts.trial import try_all  # noqa: PLC0415 - takes a second that a refusal need not wait for
    from worker.datasets.upload.closed_input import end_with_input  # noqa: PLC0415 - as above

    end_with_input()
    try:
        return try_all(only)
    finally:
        if logs:
            shutil.copytree(HOMES, logs, ignore=_all_but_logs, dirs_exist_ok=True)


def _all_but_logs(directory: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".log")}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
