"""The one error of drawing: a hypothesis whose examples cannot be drawn as it asks."""

from __future__ import annotations

from causalabs.diagnostics import NOWHERE, Span
from causalabs.errors import RunError
from causalabs.hypothesis.model import Hypothesis


class DrawError(RunError):
    """Examples cannot be drawn; `message` says why, `help` what to change in the file.

    `line` is the line of the file (from 1) the message is about, None when unknown.
    """


def line_number(hypothesis: Hypothesis, span: Span) -> int | None:
    """The line of the file where `span` begins, None for what no text stands behind."""
    if span == NOWHERE or not hypothesis.source.text:
        return None
    return hypothesis.source.locate(span.start)[0]


def written(hypothesis: Hypothesis, span: Span, otherwise: str) -> str:
    """What the file says at `span`, on one line and in backticks, or `otherwise`."""
    if span == NOWHERE or not hypothesis.source.text:
        return otherwise
    return f"`{' '.join(hypothesis.source.text[span.start : span.end].split())}`"
