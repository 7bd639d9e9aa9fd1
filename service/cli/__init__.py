"""The `convserve` command: starts the processes, and talks HTTP to a running server like any other client.

Not here: what the processes do; commands reach a server only over HTTP. Every subcommand imports its modules when it
runs, so that `--help` and `convserve api` start quickly and `convserve worker` never loads the web framework.
"""

import errno
import os
import sys
from collections.abc import Sequence

_OUTPUT_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: command-line arguments without the program's name; default: those of the process.
    """
    from service.cli.signals import ending_at_once  # noqa: PLC0415 - see the module's docstring

    with ending_at_once():
        from service.cli.commands import app  # noqa: PLC0415
        from service.cli.errors import CommandFailed, Stopped  # noqa: PLC0415

    code: str | int | None = 1
    try:
        try:
            app(args=None if arguments is None else list(arguments), prog_name="convserve")
        except SystemExit as end:
            code = end.code
        except CommandFailed as failure:
            sys.stderr.write(f"convserve: {failure}\n")
        except Stopped as stop:
            sys.stderr.write("convserve: stopped\n")
            code = stop.exit_code
        if sys.stdout is not None:  # None where it was closed
            sys.stdout.flush()  # what is still in the buffer would be lost without a word
    except OSError as error:
        # Files that a command opens have names; the standard output has none.
        if error.filename is not None or error.errno not in {errno.EPIPE, *_OUTPUT_FULL}:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes the rest when it ends
        if error.errno != errno.EPIPE:  # `| head` has what it wants: the command ends as it did
            sys.stderr.write(f"convserve: cannot write the output: {error.strerror}\n")
            code = 1
    sys.exit(code)
