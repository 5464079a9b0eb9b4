"""What kinds of basis share: sizes of a space, and the parts of a kind that it does not need."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from causalabs.engine.bases.rotation import Rotation, random_rotation, restored
from causalabs.engine.basis import Basis, Evidence, Parameters
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.naming import say_site
from causalabs.hypothesis.model import Space


def dims_of(space: Space) -> int:
    """Columns of a space's rotation: enough for every member's block."""
    return 1 + max((dim for member in space.members for dim in member.block), default=-1)


def fitting_dims(space: Space, width: int) -> int:
    """`dims_of`; an error where the site has fewer numbers."""
    dims = dims_of(space)
    if dims > width:
        raise EngineError(
            f"{where_of(space)} has {width} numbers, {dims} dims do not fit",
            f"ask for at most {width} dims in all",
        )
    return dims


def where_of(space: Space) -> str:
    """The site of a space as a person says it, or whose site it is where several are tried."""
    first = space.members[0]
    sites = {site for choice in first.choices for site in choice.writes}
    return say_site(next(iter(sites))) if len(sites) == 1 else f"the site of `{first.variable}`"


def blocks_of(space: Space) -> tuple[tuple[int, ...], ...]:
    """The distinct blocks of a space, in file order."""
    return tuple(dict.fromkeys(member.block for member in space.members))


def refuse_named(space: Space) -> None:
    """An error where a line names dims of a basis in which they are only counted."""
    named = {dim for block in blocks_of(space) for dim in block}
    if named != set(range(len(named))):
        kind = space.basis.kind
        raise EngineError(
            f"the dims of `{kind}` are counted, not named",
            f"write `in {len(space.members[0].block)} {kind} dims`",
        )


def setting(space: Space, name: str) -> object:
    """A setting of the basis as the file has it; None where it is left out."""
    return dict(space.basis.settings).get(name)


def weight_of(space: Space, name: str) -> float:
    """A setting that is a number; nought where it is left out."""
    given = setting(space, name)
    return float(given) if isinstance(given, int | float) else 0.0


class Closed:
    """A kind that no fit moves: a rotation unless it says otherwise."""

    name = ""
    fitted = False
    drawable = True

    def needs_data(self, space: Space) -> bool:
        """Unless a kind says otherwise."""
        return True

    def dims(self, space: Space, width: int) -> int:
        """As many as the blocks need."""
        return fitting_dims(space, width)

    def capacity(self, space: Space, width: int) -> int:
        """Every column's numbers."""
        return width * dims_of(space) if self.needs_data(space) else 0

    def start(
        self, space: Space, width: int, restarts: int, *, generator: torch.Generator
    ) -> Parameters:
        """A closed form has no parameters."""
        raise TypeError(f"a basis of the kind {self.name} has no parameters")

    def basis(self, space: Space, parameters: Parameters, share: float) -> Basis:
        """A closed form has no parameters."""
        raise TypeError(f"a basis of the kind {self.name} has no parameters")

    def penalty(self, space: Space, parameters: Parameters, share: float) -> Tensor | None:
        """Nothing."""
        return None

    def random(
        self,
        space: Space,
        width: int,
        *,
        generator: torch.Generator,
        evidence: Evidence | None = None,
    ) -> Basis:
        """Uniformly random orthonormal columns."""
        drawn = random_rotation(1, width, self.dims(space, width), generator=generator)
        return Rotation(self.name, drawn)

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        return restored(self.name, tensors)


class Descended:
    """A kind whose parameters a fit moves."""

    name = ""
    fitted = True
    drawable = True

    def needs_data(self, space: Space) -> bool:
        """A fit needs examples."""
        return True

    def dims(self, space: Space, width: int) -> int:
        """As many as the blocks need."""
        return fitting_dims(space, width)

    def capacity(self, space: Space, width: int) -> int:
        """Every column's numbers."""
        return width * dims_of(space)

    def closed(self, space: Space, width: int, evidence: Evidence) -> Basis:
        """There is no closed form."""
        raise TypeError(f"a basis of the kind {self.name} is fitted")

    def penalty(self, space: Space, parameters: Parameters, share: float) -> Tensor | None:
        """Nothing, unless the kind has one."""
        return None

    def restore(self, space: Space, tensors: Mapping[str, Tensor]) -> Basis:
        """Inverse of `Basis.tensors`."""
        return restored(self.name, tensors)
