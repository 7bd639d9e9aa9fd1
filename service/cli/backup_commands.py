"""`convserve backup` and `convserve restore`: their options. They are implemented in `service.cli.backup`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import DataDir

WithoutJobs = Annotated[bool, typer.Option("--without-jobs", help="Leave out the jobs, which are in Redis.")]

BACKUP_EXAMPLES = """\
[bold]Examples[/bold]

  convserve backup monday.tar.gz

  convserve backup - | ssh other 'cat > monday.tar'
"""


def backup(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="File to write, compressed unless it ends in .tar; - for a pipe.")
    ],
    data_dir: DataDir = None,
    without_jobs: WithoutJobs = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file if it is there.")] = False,
) -> None:
    """Back up everything that convserve keeps into one file, also while it runs.

    Versions, aliases, datasets, keys, jobs with their histories and logs, and Label Studio's projects. Not settings and
    the secrets among them, and not what can be fetched or made again.
    """
    from service.cli.backup.making import run_backup
    from service.cli.environment import read_settings
    from worker.settings import SharedSettings, use_umask

    settings = read_settings(SharedSettings, data_dir=data_dir)
    use_umask(settings)
    run_backup(settings, file, with_jobs=not without_jobs, may_replace=replace)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `convserve backup` has written.")],
    data_dir: DataDir = None,
    without_jobs: WithoutJobs = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove everything that is there before.")] = False,
) -> None:
    """Write a backup into an empty data directory, or an empty store and an empty Redis, while convserve is stopped.

    Every byte is compared with the backup's checksums before anything is written. Jobs that ran are queued again.
    """
    from service.cli.backup.restoring import run_restore
    from service.cli.environment import read_settings
    from worker.settings import SharedSettings, use_umask

    settings = read_settings(SharedSettings, data_dir=data_dir)
    use_umask(settings)
    run_restore(settings, file, with_jobs=not without_jobs, may_replace=replace)
