"""`module "path"` sites: a module inside a block, seen and written by a hook where it runs.

The path is that of the Hugging Face model. A block's own input and output are the residual
stream; everything inside a block starts with the half-block that it lies in.
"""

from __future__ import annotations

import re

from causalabs.algorithm.names import nearest
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.language_models.sites import (
    AFTER,
    BETWEEN,
    HEAD,
    HIDDEN,
    INPUT,
    QKV,
    Place,
    Z,
)
from causalabs.engine.networks.naming import say_site
from causalabs.hypothesis.model import Site


def place_of_path(wiring: Wiring, site: Site) -> Place:
    """Where a module's input or output is; `EngineError` where it is none that the flow runs."""
    path, side = site.path or "", site.part or "output"
    _exists(wiring, site, path)
    family = wiring.family
    found = re.fullmatch(
        rf"{re.escape(family.decoder)}\.{re.escape(family.blocks)}\.(\d+)(?:\.(.+))?", path
    )
    if found is None:
        embedding = f"{family.decoder}.{family.tokens}"
        if (path, side, wiring.positions) == (embedding, "output", None):
            return Place(-1, AFTER, "after")
        raise EngineError(
            f"{say_site(site)} lies outside of the blocks",
            "write `embedding`, `residual`, `logits`, or a path inside "
            f"`{family.decoder}.{family.blocks}.0`",
        )
    layer, inner = int(found[1]), found[2]
    if inner is None:
        return Place(layer - (side == "input"), AFTER, "after")
    for part, stage in (
        (family.out, Z),
        (family.down, HIDDEN),
        (family.first_norm, QKV),
        (family.attention, QKV),
        (family.post_attention, HEAD),
        (family.second_norm, BETWEEN),
        (family.mlp, INPUT),
        (family.post_mlp, HIDDEN),
    ):
        if part is not None and (inner == part or inner.startswith(part + ".")):
            return Place(layer, stage, "module", path=inner, side=side)
    raise EngineError(
        f"{say_site(site)} is not run on its own in a `{wiring.name}`",
        "name the attention, the MLP, a norm, or a module inside of them",
    )


def _exists(wiring: Wiring, site: Site, path: str) -> None:
    parent = wiring.module
    for word in path.split("."):
        children = dict(parent.named_children())
        if word not in children:
            close = nearest(word, list(children))
            where = path[: path.index(word)].rstrip(".") or "the model"
            there = ", ".join(f"`{name}`" for name in list(children)[:12]) or "nothing"
            raise EngineError(
                f"{say_site(site)} does not exist: `{where}` has no `{word}`",
                f"did you mean `{close}`?" if close else f"there is {there}",
            )
        parent = children[word]
