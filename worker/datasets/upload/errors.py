"""Why an archive cannot become a dataset."""


class ArchiveRejected(Exception):
    """The archive breaks a rule, or does not contain a dataset.

    Attributes:
        message: what is wrong, what was expected and what was found; safe to show to the client.
        code: for programs.
        hint: what a person can do about it, if anything is known.
    """

    def __init__(self, message: str, code: str = "archive_rejected", hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint


def shown(name: str, length: int = 120) -> str:
    """A name from an archive, made short and printable for a message."""
    cut = name if len(name) <= length else name[:length] + "…"
    return repr("".join(character if character.isprintable() else "�" for character in cut))
