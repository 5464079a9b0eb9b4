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
from causalabs.engine.networks.mlp import Mlp
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import FeedVectors, NetworkSpec, Setting

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
