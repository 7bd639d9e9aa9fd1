"""How a command may end early: with a message for the person at the terminal, never with a traceback.

CommandFailed              it cannot go on; printed as one line, perhaps with a hint below
Stopped                    a signal asked for the end; nothing went wrong
"""


class CommandFailed(Exception):
    """A command cannot go on.

    Attributes:
        message: what is wrong, what was expected, what came.
        hint: what to try, on a line of its own.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message}\n  {hint}" if hint else message)
        self.message = message
        self.hint = hint


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent a signal.

    Attributes:
        exit_code: what the process ends with, by the shells' convention.
    """

    def __init__(self, number: int) -> None:
        super().__init__("stopped by a signal")
        self.exit_code = 128 + number
