"""Sites of a language model: which tensor of which stage, and what a run that starts there needs.

A block has ten stages. An edit is made where its stage has been reached:

| stage | sites | what a run that starts there is given |
|---|---|---|
| QKV | `head i.j.q`, `.k`, `.v` | x, what the block is given |
| PATTERN | `head i.j.pattern` | x |
| Z | `head i.j.z` | x, z |
| HEAD | `head i.j` | x, z |
| ATTENTION | `attention i` | x, the attention's term |
| BETWEEN | `residual i.between` | the residual between the halves |
| INPUT | `mlp i.input` | that and the MLP's input |
| HIDDEN | `mlp i.hidden` | that and the hidden layer |
| MLP | `mlp i` | that and the MLP's term |
| AFTER | `residual i` | the residual after the block |

`residual i.before` is what the block before left, and `embedding` what block -1 left. Where both
halves read the same input (parallel blocks), what starts in the attention half is also given
the MLP's term, which cannot change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.families import Wiring
from causalabs.engine.networks.naming import say_site, span_of
from causalabs.hypothesis.model import Site

QKV, PATTERN, Z, HEAD, ATTENTION, BETWEEN, INPUT, HIDDEN, MLP, AFTER = range(10)

CARRIED: Mapping[int, tuple[str, ...]] = {
    QKV: ("x",),
    PATTERN: ("x",),
    Z: ("x", "z"),
    HEAD: ("x", "z"),
    ATTENTION: ("x", "attention"),
    BETWEEN: ("between",),
    INPUT: ("between", "input"),
    HIDDEN: ("between", "hidden"),
    MLP: ("between", "mlp"),
    AFTER: ("after",),
}

INSIDE: Mapping[int, int] = {QKV: Z, PATTERN: Z, HIDDEN: MLP}
"""Stages whose tensors are inside of a module: the stage at which they have been seen."""

MODULES: Mapping[int, int] = {**INSIDE, HEAD: ATTENTION, BETWEEN: INPUT, INPUT: MLP}
"""The same of modules named by their path."""

LAYER_SITES: Mapping[tuple[str, str | None], tuple[int, str]] = {
    ("residual", "between"): (BETWEEN, "between"),
    ("residual", None): (AFTER, "after"),
    ("attention", None): (ATTENTION, "attention"),
    ("mlp", "input"): (INPUT, "input"),
    ("mlp", "hidden"): (HIDDEN, "hidden"),
    ("mlp", None): (MLP, "mlp"),
}
HEAD_SITES: Mapping[str | None, tuple[int, str]] = {
    None: (HEAD, "head"),
    "q": (QKV, "q"),
    "k": (QKV, "k"),
    "v": (QKV, "v"),
    "pattern": (PATTERN, "pattern"),
    "z": (Z, "z"),
}


@dataclass(frozen=True)
class Place:
    """A tensor of one block: after `stage` of block `layer`, the part of one `head` of it.

    Or the input or output (`side`) of the block's module `path`, which runs from there on.
    """

    layer: int
    stage: int
    name: str
    head: int = 0
    path: str = ""
    side: str = ""

    @property
    def done(self) -> tuple[int, int]:
        """Where a clean run has seen it."""
        later = MODULES if self.name == "module" else INSIDE
        return self.layer, later.get(self.stage, self.stage)

    @property
    def start(self) -> tuple[int, int]:
        """Where a run that edits it starts."""
        return self.layer, self.stage


def carried(stage: int, *, parallel: bool) -> tuple[str, ...]:
    """Names of the tensors that a run started at `stage` is given."""
    names = CARRIED[stage]
    if not parallel or stage > BETWEEN:
        return names
    return ("between", "x") if stage == BETWEEN else (*names, "mlp")


def place_of(wiring: Wiring, site: Site) -> Place:
    """Where a site is; `EngineError` naming what there is where it does not exist."""
    layer = site.layer if site.layer in range(len(wiring.blocks)) else None
    key = (site.component, site.part)
    if site.path is None and site.head is None:
        if site.component == "embedding" and site.layer is None and site.part is None:
            return Place(-1, AFTER, "after")
        if layer is not None and key == ("residual", "before"):
            return Place(layer - 1, AFTER, "after")
        if layer is not None and key in LAYER_SITES:
            stage, name = LAYER_SITES[key]
            if stage == BETWEEN and wiring.parallel:
                raise EngineError(
                    f"{say_site(site)} does not exist: attention and MLP of this "
                    f"`{wiring.name}` both read the residual before the block",
                    f"write `residual {layer}.before`, `attention {layer}` or `residual {layer}`",
                )
            return Place(layer, stage, name)
    exists = site.head in range(wiring.heads) and site.part in HEAD_SITES
    if site.component == "head" and site.path is None and layer is not None and exists:
        stage, name = HEAD_SITES[site.part]
        return Place(layer, stage, name, _head(wiring, site, site.head or 0))
    raise EngineError(f"{say_site(site)} does not exist", sites_there_are(wiring))


def _head(wiring: Wiring, site: Site, head: int) -> int:
    """The head's number in its tensor; shared keys and values are named by their first head."""
    shared = wiring.heads // wiring.groups
    if site.part not in ("k", "v") or shared == 1:
        return head
    first = head - head % shared
    if head != first:
        what = "key" if site.part == "k" else "value"
        there = f"{site.layer}.{first}"
        raise EngineError(
            f"{say_site(site)} is no tensor of its own: heads {there} to "
            f"{site.layer}.{first + shared - 1} share one {what}",
            f"write `head {there}.{site.part}`, which is read and written for all of them",
        )
    return head // shared


def width_of(wiring: Wiring, place: Place) -> int:
    """Numbers at one token (a pattern's depend on the prompts)."""
    if place.name in ("q", "k", "v", "z"):
        return wiring.dim
    return wiring.hidden if place.name == "hidden" else wiring.width


def sites_there_are(wiring: Wiring) -> str:
    """What a person may write."""
    layers = len(wiring.blocks)
    spans = ", ".join(span_of(name, layers) for name in ("residual", "attention", "mlp"))
    between = "" if wiring.parallel else ", `.between`"
    last = f"`head {layers - 1}.{wiring.heads - 1}`"
    return (
        f"this `{wiring.name}` has `embedding`, {spans}, `head 0.0` to {last}, `logits` and "
        f'`module "path"`; residual also `.before`{between}; mlp also `.input`, `.hidden`; '
        "head also .q, .k, .v, .pattern, .z"
    )
