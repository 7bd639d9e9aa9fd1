"""Why an archive is no dataset."""


class ArchiveRejected(Exception):
    """The archive breaks a rule, or holds no dataset.

    Attributes:
        message: what is wrong, what was expected, what came; fit to be shown to whoever sent it.
        code: for programs.
    """

    def __init__(self, message: str, code: str = "archive_rejected") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def shown(name: str, length: int = 120) -> str:
    """A name from an archive, fit for a message: short and printable."""
    cut = name if len(name) <= length else name[:length] + "…"
    return repr("".join(character if character.isprintable() else "�" for character in cut))
