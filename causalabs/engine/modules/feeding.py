"""What a module is fed and how its answer is read, where the caller does not say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from causalabs.algorithm.domains import Column, Domain
from causalabs.engine.encode import vectors
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Prompts
from causalabs.engine.modules.trees import leaves
from causalabs.engine.networks.base import Output
from causalabs.engine.networks.naming import say_position
from causalabs.engine.protocol import Scores
from causalabs.hypothesis.model import AtIndex, AtStep, Feed, FeedSteps, FeedVectors, Last, Position

FeedFunction: TypeAlias = Callable[[Mapping[str, Column]], Any]
"""Columns of all variables -> the module's input: a tensor, a tuple, or a dictionary."""

ReadFunction: TypeAlias = Callable[[Any], Any]
"""The module's output -> (rows, classes) of all outputs side by side, or one per output."""


@dataclass(frozen=True, eq=False)
class Fed:
    """The module's inputs, positional and by name, one row an input each.

    `marks` go along with the rows and are not fed; `texts` are the prompts that they are of,
    where there are any.
    """

    args: tuple[Tensor, ...]
    kwargs: Mapping[str, Tensor] = field(default_factory=dict)
    marks: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Prompts | None = None

    def __len__(self) -> int:
        return len(next(iter((*self.args, *self.kwargs.values()))))

    def take(self, rows: slice | Tensor) -> Fed:
        """Some rows."""
        return Fed(
            tuple(each[rows] for each in self.args),
            {name: each[rows] for name, each in self.kwargs.items()},
            {name: each[rows] for name, each in self.marks.items()},
            None if self.texts is None else self.texts.take(rows),
        )


def feed_for(feed: Feed, domains: Mapping[str, Domain]) -> FeedFunction:
    """What the file's own `feed` means for a module: vectors, or a vector a step."""
    match feed:
        case FeedVectors(inputs):
            return lambda columns: vectors(columns, inputs, domains)
        case FeedSteps(steps):
            return lambda columns: np.stack(
                [vectors(columns, inputs, domains) for inputs in steps], axis=1
            )
        case _:
            raise EngineError(
                "a module is not fed text by itself",
                "say how: `run(hypothesis, network=module, feed=function)`, "
                "from columns of the variables to what the module takes",
            )


def feed_rows(
    feed: FeedFunction,
    columns: Mapping[str, Column],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> Fed:
    """The module's inputs; numpy's numbers become tensors, its reals of the module's type."""
    given = told(lambda: feed(columns), "`feed`")
    rows = len(next(iter(columns.values()))) if columns else 0

    def placed(original: Any) -> Tensor:
        part = _tensor(original, rows)
        real = part.is_floating_point() and not isinstance(original, Tensor)
        return part.to(device, dtype) if real else part.to(device)

    if isinstance(given, Mapping):
        found = Fed((), {str(name): placed(part) for name, part in given.items()})
    else:
        found = Fed(tuple(map(placed, given if isinstance(given, tuple | list) else (given,))))
    if not found.args and not found.kwargs:
        raise EngineError("`feed` gives the module nothing", "return a tensor, a tuple or a dict")
    return found


def _tensor(part: Any, rows: int) -> Tensor:
    if isinstance(part, np.ndarray) and part.dtype.kind in "fiub":
        part = torch.from_numpy(np.ascontiguousarray(part))
    if not isinstance(part, Tensor):
        raise EngineError(
            f"`feed` returned {type(part).__name__}, which no module takes",
            "return a tensor, a tuple of tensors or a dict of them",
        )
    if part.dim() == 0 or len(part) != rows:
        raise EngineError(
            f"`feed` was given {rows} inputs and returned a tensor of shape {tuple(part.shape)}",
            "its first axis is the inputs, in their order",
        )
    return part


# ------------------------------------------------------------------------ reading


def read_rows(
    read: ReadFunction | None,
    answer: Any,
    outputs: Sequence[Output],
    rows: int,
) -> Scores:
    """Scores per output (rows, classes) from what the module gave back."""
    if read is not None:
        answer = told(lambda: read(answer), "`read`")
    if isinstance(answer, Mapping) and read is not None:
        missing = [output.name for output in outputs if output.name not in answer]
        if missing:
            raise EngineError(
                f"`read` says nothing of `{missing[0]}`",
                "return one entry for each of " + ", ".join(f"`{o.name}`" for o in outputs),
            )
        return {o.name: _checked(answer[o.name], o, rows) for o in outputs}
    named = getattr(answer, "logits", None)
    found = [named] if isinstance(named, Tensor) else leaves(answer)
    if not found:
        raise EngineError("the module gives back no tensor", "say what to read: `read=function`")
    return _split(found[0], outputs, rows)


def _split(scores: Tensor, outputs: Sequence[Output], rows: int) -> Scores:
    """All outputs' classes side by side, or those of each at its own position."""
    classes = [output.classes for output in outputs]
    placed = [output.position for output in outputs]
    if scores.dim() == 3 and scores.shape[0] == rows and None not in placed:
        every = all(scores.shape[2] == count for count in classes)
        if every:
            return {o.name: scores[:, _index(o.position, scores.shape[1])] for o in outputs}
        if len({_index(position, scores.shape[1]) for position in placed}) == 1:
            scores = scores[:, _index(placed[0], scores.shape[1])]
    if scores.dim() != 2 or scores.shape != (rows, sum(classes)):
        wanted = ", ".join(f"`{o.name}` {o.classes}" for o in outputs)
        raise EngineError(
            f"the module gives back {tuple(scores.shape)} for {rows} inputs; "
            f"its outputs have classes {wanted}",
            f"it should be ({rows}, {sum(classes)}); or say what to read: `read=function`",
        )
    parts = torch.split(scores, classes, dim=1)
    return {output.name: part for output, part in zip(outputs, parts, strict=True)}


def _index(position: Position | None, length: int) -> int:
    match position:
        case Last():
            return length - 1
        case AtIndex(number) | AtStep(number) if number < length:
            return number
        case None:
            return length - 1
        case _:
            raise EngineError(
                f"nothing can be read at {say_position(position)}: "
                f"the module gives back positions 0..{length - 1}",
                "read at one of them, or say what to read: `read=function`",
            )


def _checked(scores: Any, output: Output, rows: int) -> Tensor:
    if not isinstance(scores, Tensor) or scores.shape != (rows, output.classes):
        shown = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise EngineError(
            f"`read` gives {shown} for `{output.name}`",
            f"it should be ({rows}, {output.classes}): one score for each value of `{output.name}`",
        )
    return scores


def told(do: Callable[[], Any], whose: str) -> Any:
    """What `do` gives; a mistake in a person's own code is told by its last line."""
    try:
        return do()
    except EngineError:
        raise
    except Exception as error:
        raise EngineError(f"{whose} failed: {last_line(error)}", where_it_failed(error)) from error


def last_line(error: BaseException) -> str:
    """What Python would print last.

    >>> last_line(ValueError("no such layer"))
    'ValueError: no such layer'
    """
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__


def where_it_failed(error: BaseException) -> str:
    """The innermost line that was being run, as a place to look at."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"look at {error.filename}, line {error.lineno}"
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_filename
    return f"look at {name}, line {trace.tb_lineno}"
