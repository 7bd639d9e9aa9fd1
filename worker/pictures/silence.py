"""Keeps Pillow's warnings out of logs and answers. Not for errors, which say what is wrong with a picture."""

import threading
import warnings

_silencing = threading.Lock()


def silence_pillow() -> None:
    """Ignore Pillow's warnings, and only Pillow's: the answer says what is wrong with a picture.

    `warnings.catch_warnings` would do it for one call, but does not work in several threads at once.
    """
    if not _is_silent():
        with _silencing:
            if not _is_silent():
                warnings.filterwarnings("ignore", module=r"PIL\.")


def _is_silent() -> bool:
    if not warnings.filters:
        return False
    action, _, _, module, _ = warnings.filters[0]
    return action == "ignore" and getattr(module, "pattern", None) == r"PIL\."
