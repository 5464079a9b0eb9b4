"""A declarative language for causal abstraction.

Write down what algorithm a network runs, where its variables live and what evidence would
count; `run` intervenes on the network and answers met, not met or undecided.

>>> import causalabs
>>> hypothesis = causalabs.load("examples/running_sum.causal")      # doctest: +SKIP
>>> causalabs.run(hypothesis).verdict                               # doctest: +SKIP
'met'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from causalabs.algorithm.model import Algorithm
    from causalabs.diagnostics import Diagnostic, HypothesisError
    from causalabs.errors import RunError
    from causalabs.hypothesis.load import load, loads
    from causalabs.hypothesis.model import Hypothesis
    from causalabs.library import check, format, plan, run
    from causalabs.results import Results

_HOMES = {
    "Algorithm": "causalabs.algorithm.model",
    "Diagnostic": "causalabs.diagnostics",
    "Hypothesis": "causalabs.hypothesis.model",
    "HypothesisError": "causalabs.diagnostics",
    "Results": "causalabs.results",
    "RunError": "causalabs.errors",
    "check": "causalabs.library",
    "format": "causalabs.library",
    "load": "causalabs.hypothesis.load",
    "loads": "causalabs.hypothesis.load",
    "plan": "causalabs.library",
    "run": "causalabs.library",
}

__all__ = [
    "Algorithm",
    "Diagnostic",
    "Hypothesis",
    "HypothesisError",
    "Results",
    "RunError",
    "check",
    "format",
    "load",
    "loads",
    "plan",
    "run",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: `import causalabs` is free."""
    if name not in _HOMES:
        raise AttributeError(f"module 'causalabs' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
