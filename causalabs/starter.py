"""The hypothesis that `causalabs new` writes: small, complete, and it runs."""

from __future__ import annotations

STARTER = """\
# The network answers one question about two numbers. Does it first decide which
# number is larger, and where? Change anything; `causalabs check` says what is wrong.

hypothesis {name}
"The network first decides whether x exceeds y."

algorithm {{
  input  x, y : 0..7
  input  flip : bool
  var    larger : bool = x > y
  output answer : bool = larger xor flip
}}

network mlp(hidden = [32, 32]) {{
  feed x, y, flip
  read answer
  train until accuracy >= 0.99
}}

alignment {{
  larger -> hidden 0..1 in 2 learned dims
}}

counterfactuals {{
  sample 10_000
  interchange larger as swapped where source.larger != base.larger
  split train 60%, select 20%, heldout 20%
}}

expect accuracy       >= 0.99 on heldout
expect iia of swapped >= 0.80 on heldout
expect iia of swapped <= 0.60 on heldout under untrained
"""


def starter(name: str) -> str:
    """The text of a new hypothesis called `name`."""
    return STARTER.format(name=name)
