"""`compiled(algorithm, ...)`: weights that are written and not trained.

A network whose answer to every question about its inside is known: an algorithm's variables
stand in blocks of coordinates at hidden layers, hidden there by a random rotation, beside
distractors that carry other functions of the inputs. What comes after a layer reads the
variables' codes and nothing else, so an interchange of a block does what the same interchange
does to the algorithm, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from causalabs.algorithm.domains import Domain
from causalabs.algorithm.homes import HomelessError, Layout
from causalabs.algorithm.model import Algorithm
from causalabs.engine.bases.rotation import random_rotation
from causalabs.engine.encode import answer_classes
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import Output
from causalabs.engine.networks.build import domains_of, finish
from causalabs.engine.networks.compiled_stages import Compiler
from causalabs.engine.networks.compiled_wires import Forms
from causalabs.engine.networks.mlp import Mlp
from causalabs.engine.protocol import Device
from causalabs.engine.streams import numpy_stream, stream
from causalabs.hypothesis.compiled import compiled_algorithm, layout_of
from causalabs.hypothesis.model import FeedVectors, NetworkSpec, Site


class Compiled(Mlp):
    """Hidden layers with a stack of ReLU layers before each, and before the answer.

    `hidden i` is what the next stack reads, linear on both sides: there is no nonlinearity at
    a site. `stacks` are layers (weight, bias) of each stage. `columns[v]` (width, dims) span
    the block of variable v at layer `home[v]`.
    """

    kind = "compiled"
    called = "a compiled network"
    columns: Mapping[str, Tensor]
    home: Mapping[str, int]

    def __init__(
        self,
        stacks: Sequence[Sequence[tuple[Forms, Forms]]],
        *,
        feed: Sequence[str],
        domains: Mapping[str, Domain],
        outputs: Sequence[Output],
    ) -> None:
        widths = [len(stack[-1][1]) for stack in stacks[:-1]]
        super().__init__((), feed=feed, domains=domains, outputs=outputs)
        layers = [layer for stack in stacks for layer in stack]
        self.hidden = tuple(widths)
        self.weights = nn.ParameterList(torch.from_numpy(weight).float() for weight, _ in layers)
        self.biases = nn.ParameterList(torch.from_numpy(bias).float() for _, bias in layers)
        self.ends = tuple(accumulate(len(stack) for stack in stacks))
        self.columns, self.home = {}, {}

    def width(self, site: Site) -> int:
        """Numbers of the layer."""
        return len(self.biases[self.ends[self.stage(site)] - 1])

    def site(self, variable: str) -> Site:
        """Where a variable was put."""
        return Site("hidden", self.home[variable])

    def _layer(self, stage: int, current: Tensor) -> Tensor:
        last = self.ends[stage] - 1
        for number in range(self.ends[stage - 1] if stage else 0, last):
            current = functional.relu(
                functional.linear(current, self.weights[number], self.biases[number])
            )
        return functional.linear(current, self.weights[last], self.biases[last])


def compiled(
    spec: NetworkSpec,
    algorithms: Sequence[Algorithm],
    *,
    seed: int,
    trained: bool = True,
    device: Device | None = None,
) -> Compiled:
    """The network that a file's `compiled(...)` describes; the rotation is the seed's.

    Not `trained`: the same layers with random weights. `EngineError` says what cannot be built.
    """
    settings = dict(spec.settings)
    algorithm = compiled_algorithm(settings, algorithms) or algorithms[0]
    try:
        layout = layout_of(settings, algorithm, spec.reads)
    except HomelessError as error:
        raise EngineError(error.message, error.help) from error
    noise = float(settings.get("noise", 0.0))  # type: ignore[arg-type]
    return compile_algorithm(
        algorithm, layout, spec, seed=seed, noise=noise, trained=trained, device=device
    )


def compile_algorithm(
    algorithm: Algorithm,
    layout: Layout,
    spec: NetworkSpec,
    *,
    seed: int,
    noise: float = 0.0,
    trained: bool = True,
    device: Device | None = None,
) -> Compiled:
    """A network of this layout, fed and read as `spec` says.

    `noise` bounds what is added to every coordinate that holds a code or a distractor: a
    function of the input, so that the network stays one. `EngineError` where it could change
    an answer.
    """
    device = device or Device()
    if not isinstance(spec.feed, FeedVectors):
        raise EngineError("a compiled network is fed vectors", "write `feed a, b`")
    outputs = tuple(read.output for read in spec.reads)
    rotation = random_rotation(
        1, layout.width, layout.width, generator=stream(seed, "compiled rotation")
    )[0]
    compiler = Compiler(
        algorithm=algorithm,
        layout=layout,
        feed=spec.feed.inputs,
        outputs=outputs,
        rotation=rotation.numpy(),
        noise=noise,
        draws=numpy_stream(seed, "compiled distractors"),
    )
    domains = domains_of([algorithm])
    classes = [Output(name, answer_classes(name, domains[name])) for name in outputs]
    network = Compiled(compiler.stages(), feed=spec.feed.inputs, domains=domains, outputs=classes)
    network.home = {name: at for name, at in layout.homes if at < len(layout.layers)}
    network.columns = {
        name: rotation[:, slot.first : slot.first + slot.size]
        for name, at in network.home.items()
        if (slot := layout.slot(name, at)) is not None
    }
    if not trained:
        network.initialise(stream(seed, "compiled weights"))
    network.to(device=device.name, dtype=device.dtype)
    record = {
        "origin": "compiled" if trained else "untrained",
        "algorithm": algorithm.name,
        "hidden": list(network.hidden),
        "homes": dict(network.home),
        "noise": noise,
        "seed": seed,
    }
    finish(network, record)
    return network
