"""Where data go if no setting says so: beside a checkout that the program runs from, else to the user's own data."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
BESIDE = Path("convserve-data")
"""In the current directory: where a checkout has kept its data from the first version on."""
NAME = "convserve"


def default_data_dir() -> Path:
    """`./convserve-data` in a checkout or if it is there already, else `$XDG_DATA_HOME/convserve`.

    XDG_DATA_HOME is `~/.local/share` where it is not set or not an absolute path, as the XDG Base Directory
    Specification has it.
    """
    if (CHECKOUT / "pyproject.toml").exists() or BESIDE.is_dir():
        return BESIDE
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    if given.is_absolute():
        return given / NAME
    try:
        return Path.home() / ".local" / "share" / NAME
    except RuntimeError:  # a user without a home directory, as in some containers
        return BESIDE
