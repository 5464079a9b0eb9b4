"""What stops a run without being a mistake in the file: one message, no traceback."""

from __future__ import annotations


class RunError(Exception):
    """A run that cannot go on: `message` says why, `help` what to do about it.

    `line` is the line of the hypothesis file (from 1) it is about, None when it is about none.

    >>> print(RunError("the folder runs cannot be written", "name another with --runs FOLDER"))
    the folder runs cannot be written
      = help: name another with --runs FOLDER
    """

    status = 2
    """Exit status of a command that it stops."""

    absent = False
    """Whether what is missing is here, not in the file: tests are then skipped, not failed."""

    def __init__(self, message: str, help: str = "", line: int | None = None) -> None:
        self.message = message
        self.help = help
        self.line = line
        super().__init__(f"{message}\n  = help: {help}" if help else message)


class UnsupportedError(RunError):
    """What this version checks and cannot run."""

    absent = True
