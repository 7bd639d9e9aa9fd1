"""The one error of an import: the file cannot be used, and why."""


class ImportRefused(ValueError):
    """The file cannot become a version.

    Attributes:
        message: what is wrong, what was expected and what came, with the layer or node named.
        hint: what usually helps; None when nothing does.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def short(value: object, longest: int = 64) -> str:
    """A value of an untrusted file as a message shows it: printable, and not long."""
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
