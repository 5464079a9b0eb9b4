"""From a network as a file describes it to a network that can be run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch

from causalabs.algorithm.domains import Domain
from causalabs.algorithm.model import Algorithm
from causalabs.engine.encode import classes_of
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import BuiltIn, Output
from causalabs.engine.networks.gru import Gru
from causalabs.engine.networks.mlp import Mlp
from causalabs.engine.networks.prompts import Tokenizer
from causalabs.engine.networks.tokens import make_vocabulary
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import (
    FeedSteps,
    FeedText,
    FeedTokens,
    FeedVectors,
    NetworkSpec,
    Setting,
)

KINDS = ("mlp", "transformer", "gru")


def generator(seed: int, name: str) -> torch.Generator:
    """The generator of one named stream of draws: streams of one seed are independent."""
    digest = hashlib.sha256(f"{name}:{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def untrained(
    spec: NetworkSpec, algorithms: Sequence[Algorithm], *, seed: int, device: Device | None = None
) -> BuiltIn:  # type: ignore[type-arg]
    """A network of this architecture with freshly drawn weights."""
    device = device or Device()
    network = architecture(spec, algorithms)
    network.initialise(generator(seed, "weights"))
    return network.to(device=device.name, dtype=device.dtype)


def architecture(spec: NetworkSpec, algorithms: Sequence[Algorithm]) -> BuiltIn:  # type: ignore[type-arg]
    """The network `spec` describes, its weights not yet set."""
    domains = domains_of(algorithms)
    outputs = [
        Output(read.output, classes_of(read.output, domains[read.output]), read.position)
        for read in spec.reads
    ]
    settings = dict(spec.settings)
    match spec.kind, spec.feed:
        case "mlp", FeedVectors(inputs):
            return Mlp(_hidden(settings), feed=inputs, domains=domains, outputs=outputs)
        case "gru", FeedSteps(steps):
            return Gru(_whole(settings, "width"), steps=steps, domains=domains, outputs=outputs)
        case "transformer", FeedText() | FeedTokens():
            named = [v.name for v in algorithms[0].inputs]
            tokenizer = Tokenizer(make_vocabulary(spec.feed, domains), named)
            layers, heads, width = (_whole(settings, n) for n in ("layers", "heads", "width"))
            if width % heads:
                raise EngineError(
                    f"`width = {width}` does not divide into {heads} heads",
                    f"write `width = {max(1, width // heads) * heads}`",
                )
            return Transformer(layers, heads, width, tokenizer=tokenizer, outputs=outputs)
        case kind, _ if kind in KINDS:
            raise EngineError(f"`{kind}` cannot be fed this way")
        case kind, _:
            raise EngineError(f"`{kind}` is not a built-in network", f"use one of {KINDS}")


def domains_of(algorithms: Sequence[Algorithm]) -> dict[str, Domain]:
    """Domain of each variable of each algorithm; rivals share their inputs and outputs."""
    return {v.name: v.domain for algorithm in algorithms for v in algorithm.variables}


def _hidden(settings: Mapping[str, Setting]) -> tuple[int, ...]:
    found = settings.get("hidden")
    if not isinstance(found, tuple) or not all(isinstance(n, int) and n > 0 for n in found):
        raise EngineError("`hidden` is not a list of layer widths", "write `hidden = [16, 16]`")
    return tuple(int(n) for n in found)  # type: ignore[arg-type]


def _whole(settings: Mapping[str, Setting], name: str) -> int:
    found = settings.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise EngineError(f"`{name}` is not a whole number above 0", f"write `{name} = 4`")
    return found
