"""How a command ends early: with a message for the user, never with a traceback.

CommandFailed              the command cannot continue; printed as one line, with an optional hint below
Stopped                    a signal ended the command; nothing went wrong
"""


class CommandFailed(Exception):
    """A command cannot continue.

    Attributes:
        message: what is wrong, what was expected, what was found.
        hint: what to try, printed on its own line.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message}\n  {hint}" if hint else message)
        self.message = message
        self.hint = hint


class Stopped(Exception):
    """The user pressed Ctrl-C, or a signal arrived.

    Attributes:
        exit_code: the process's exit code by the shells' convention.
    """

    def __init__(self, number: int) -> None:
        super().__init__("stopped by a signal")
        self.exit_code = 128 + number
