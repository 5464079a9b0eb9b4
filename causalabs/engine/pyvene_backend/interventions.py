"""Interventions of pyvene's that call an edit; made once their base class is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import Tensor

from causalabs.engine.protocol import Edit
from causalabs.engine.pyvene_backend.importing import pyvene


@dataclass(frozen=True)
class Interventions:
    """`edits` hands what stands at a site to an edit.

    `reads` remembers what a head has attended to, and `adds` adds what an edit changes of
    the term that is made from it.
    """

    edits: type[Any]
    reads: type[Any]
    adds: type[Any]


@cache
def interventions() -> Interventions:
    """The classes."""
    constant = pyvene().ConstantSourceIntervention

    class EditIntervention(constant):  # type: ignore[misc, valid-type]
        """(batch, positions * width) -> the same, edited."""

        edit: Edit | None = None

        def forward(self, base: Tensor, source: Any = None, subspaces: Any = None) -> Tensor:
            """The edited activation."""
            return _edited(self.edit, base)

        def forget(self) -> None:
            """Let go of the edit and what it holds."""
            self.edit = None

    class ReadIntervention(constant):  # type: ignore[misc, valid-type]
        """Changes nothing."""

        seen: Tensor | None = None

        def forward(self, base: Tensor, source: Any = None, subspaces: Any = None) -> Tensor:
            """(batch, position, width) as it is."""
            self.seen = base
            return base

    class AddIntervention(constant):  # type: ignore[misc, valid-type]
        """Adds the change of a term; one that follows another edits what that one made."""

        edit: Edit | None = None
        after: Tensor | None = None

        def follow(
            self, reads: Any, share: Callable[[Tensor], Tensor], earlier: Sequence[Any]
        ) -> None:
            """What the term is made of, and edits of it that come before."""
            self.made_of = (reads, share, earlier)  # a tuple: no submodules of this one

        def forward(self, base: Tensor, source: Any = None, subspaces: Any = None) -> Tensor:
            """(batch, position, width) with the change added."""
            reads, share, earlier = self.made_of
            before: Tensor = earlier[-1].after if earlier else share(reads.seen)
            self.after = _edited(self.edit, before)
            return base + (self.after - before)

        def forget(self) -> None:
            """Let go of the edit and of what was seen."""
            self.edit, self.after, self.made_of[0].seen = None, None, None

    return Interventions(EditIntervention, ReadIntervention, AddIntervention)


def _edited(edit: Edit | None, current: Tensor) -> Tensor:
    if edit is None:
        raise ValueError("no edit was given")
    return edit(current.flatten(1)).reshape(current.shape)
