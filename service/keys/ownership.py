"""Who may change what: its owner, or an admin. Reading is shared."""

from service.keys.callers import Caller
from service.web.key_errors import NotOwner


def require_owner(caller: Caller, owner: str, what: str) -> None:
    """Let only the owner and admins go on.

    Args:
        caller: who asks.
        owner: of the thing to be changed.
        what: the thing, for the message, such as `job 'k3v9x2m7qd'`.

    Raises:
        NotOwner: it belongs to another.
    """
    if not caller.may_change(owner):
        raise NotOwner(what, owner, caller.name)
