"""The one error by which the engine tells a person that something cannot be run."""

from __future__ import annotations

from causalabs.errors import RunError


class EngineError(RunError):
    """What cannot be run, named as the file names it; `help` says what to do about it.

    >>> print(EngineError("`residual 7` does not exist", "this network has `residual 0..2`"))
    `residual 7` does not exist
      = help: this network has `residual 0..2`
    """


class AbsentError(EngineError):
    """What a run needs and this machine does not have: a hub, a package, a file of weights."""

    absent = True
