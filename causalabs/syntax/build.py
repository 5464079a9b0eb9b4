"""Which function builds the node of each grammar rule.

The parser calls them as it goes. All tokens are kept, so that a node's span is the stretch
from its first child to its last; rules that begin with `_` are spliced in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from causalabs.syntax import build_algorithm, build_evidence, build_network
from causalabs.syntax.ast import Node
from causalabs.syntax.children import Children

Builder: TypeAlias = Callable[[Children], Node]

_UNDERSCORED = frozenset({"import", "or", "and", "not", "in"})
_MODULES = (build_algorithm, build_network, build_evidence)


def _builders() -> dict[str, Builder]:
    """Grammar rule -> its function, for every rule that makes a node."""
    found: dict[str, Builder] = {}
    for kind in Node.__subclasses__():
        snake = re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()
        rule = f"{snake}_" if snake in _UNDERSCORED else snake
        found[rule] = next(
            vars(module)[f"_{snake}"] for module in _MODULES if f"_{snake}" in vars(module)
        )
    return found


BUILDERS: dict[str, Builder] = _builders()
"""Rule name to the function that builds its node."""
