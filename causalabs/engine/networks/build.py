"""From a network as a file describes it to a network that can be run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from causalabs.algorithm.domains import Domain
from causalabs.algorithm.model import Algorithm
from causalabs.engine.encode import answer_classes
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import BuiltIn, Output
from causalabs.engine.networks.block import usual_sizes
from causalabs.engine.networks.gru import Gru
from causalabs.engine.networks.implement import interchange_accuracy, interchange_loss
from causalabs.engine.networks.mlp import Mlp
from causalabs.engine.networks.prompts import Tokenizer
from causalabs.engine.networks.tokens import make_vocabulary
from causalabs.engine.networks.train import RECIPES, DrawBases, Progress, Recipe, Teacher, train
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.networks.weights import cache_folder, key_of, load, save, weight_hash
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
    return torch.Generator().manual_seed(_stream(seed, name))


def numpy_generator(seed: int, name: str) -> np.random.Generator:
    """The same for numpy's draws."""
    return np.random.default_rng(_stream(seed, name))


def _stream(seed: int, name: str) -> int:
    digest = hashlib.sha256(f"{name}:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def build(
    spec: NetworkSpec,
    algorithms: Sequence[Algorithm],
    *,
    seed: int,
    trained: bool = True,
    draw_bases: DrawBases | None = None,
    draws: str = "",
    progress: Progress | None = None,
    device: Device | str | None = None,
    recipe: Recipe | None = None,
) -> BuiltIn[Any]:
    """The network of a hypothesis, frozen, trained unless it is wanted fresh.

    `draw_bases(count, generator)` draws the inputs it is trained on; `draws` is a text that
    says how (`resources.how_bases_are_drawn`), by which weights are found again: without it
    none are kept. The record tells `accuracy`, `steps`, `seconds`, `parameters`, `weights`
    (their hash), and `origin`: "untrained", "trained" or "kept".

    Errors: `EngineError` where the network cannot be built, or misses its accuracy.
    """
    device = Device(device) if isinstance(device, str) else device or Device()
    network = untrained(spec, algorithms, seed=seed, device=device)
    if not trained:
        return finish(network, {"origin": "untrained", "seed": seed})
    if draw_bases is None:
        raise ValueError("training needs `draw_bases`")
    recipe = recipe or RECIPES[spec.kind]
    key = key_of(spec, algorithms, draws=draws, recipe=recipe, seed=seed, device=device)
    path = cache_folder() / f"{key}.safetensors"
    found, problem = load(network, path) if draws else (None, None)
    notes = [problem] if problem else []
    if found is not None:
        return finish(network, {**found, "origin": "kept"})
    if problem and progress is not None:
        progress(f"warning: {problem}", 0.0)
    record = _train(network, spec, algorithms, recipe, seed, draw_bases, progress)
    record["weights"] = weight_hash(network.state_dict())
    problem = save(network, record, path) if draws else None
    if problem:
        notes.append(problem)
        if progress is not None:
            progress(f"warning: {problem}", 1.0)
    return finish(network, {**record, "origin": "trained", **({"notes": notes} if notes else {})})


def finish(network: BuiltIn[Any], record: Mapping[str, Any]) -> BuiltIn[Any]:
    """Freeze the network and write down what it is."""
    network.freeze()
    parameters = sum(p.numel() for p in network.parameters())
    shape = {
        "kind": network.kind,
        "parameters": parameters,
        "weights": weight_hash(network.state_dict()),
    }
    network.record = {**record, **shape}
    return network


def _train(
    network: BuiltIn[Any],
    spec: NetworkSpec,
    algorithms: Sequence[Algorithm],
    recipe: Recipe,
    seed: int,
    draw_bases: DrawBases,
    progress: Progress | None,
) -> dict[str, Any]:
    if progress is not None:
        progress(f"drawing inputs for the {network.kind}", 0.0)
    teacher = Teacher(network, algorithms, draw_bases)
    draws = numpy_generator(seed, "training inputs")
    loss = None
    if spec.implement is not None:
        loss = interchange_loss(teacher, spec.implement, recipe=recipe, draws=draws)
    record = train(
        teacher,
        recipe=recipe,
        until=spec.until,
        draws=draws,
        batches=generator(seed, "batches"),
        loss=loss,
        progress=progress,
    )
    record["seed"] = seed
    if spec.implement is not None:
        record["interchange_accuracy"] = interchange_accuracy(
            teacher, spec.implement, count=recipe.judged, draws=draws
        )
    return record


def untrained(
    spec: NetworkSpec, algorithms: Sequence[Algorithm], *, seed: int, device: Device | None = None
) -> BuiltIn[Any]:
    """A network of this architecture with freshly drawn weights."""
    device = device or Device()
    network = architecture(spec, algorithms)
    network.initialise(generator(seed, "weights"))
    return network.to(device=device.name, dtype=device.dtype)


def architecture(spec: NetworkSpec, algorithms: Sequence[Algorithm]) -> BuiltIn[Any]:
    """The network `spec` describes, its weights not yet set."""
    domains = domains_of(algorithms)
    outputs = [
        Output(read.output, answer_classes(read.output, domains[read.output]), read.position)
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
            sizes = usual_sizes(layers, heads, width, mlp=settings.get("mlp") is not False)
            return Transformer(sizes, tokenizer=tokenizer, outputs=outputs)
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
