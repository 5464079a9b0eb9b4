"""Built-in networks made of ordinary modules, so that pyvene can hook what they compute.

A mirror computes what its network does, from the same weights. Everything that is a site passes
through a module of its own, `Here`, that hands out a copy: pyvene writes in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from causalabs.engine.networks.base import split_scores
from causalabs.engine.networks.gru import Gru
from causalabs.engine.networks.mlp import Mlp
from causalabs.engine.protocol import Scores
from causalabs.engine.pyvene_backend.body import Place, cannot
from causalabs.engine.pyvene_backend.importing import pyvene
from causalabs.hypothesis.model import Site

AFTER = "register_forward_hook"
"""What pyvene calls a module's output in its mappings."""


class Here(nn.Module):
    """Hands out a copy of what it is given; pyvene reads and writes that."""

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers."""
        return x.clone()


class Mirror(nn.Module):
    """A network that pyvene can hook. `config` is what its mapping of widths looks up."""

    def __init__(self, config: Mapping[str, int]) -> None:
        super().__init__()
        self.config = SimpleNamespace(**config)

    @property
    def device(self) -> torch.device:
        """Where the weights are; pyvene asks."""
        return next(self.parameters()).device


def register(kind: type[Mirror], places: Mapping[str, tuple[Any, ...]]) -> None:
    """Tell pyvene of a type of module: per component the module's path, and how heads divide.

    The width of a component is that entry of the module's `config`.
    """
    package = pyvene()
    modules = {name: (path, AFTER, *split) for name, (path, *split) in places.items()}
    package.type_to_module_mapping.setdefault(kind, {}).update(modules)
    widths = {name: (name,) for name in places} | {"n_head": ("n_head",)}
    package.type_to_dimension_mapping.setdefault(kind, {}).update(widths)


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A layer that shares its numbers with a network."""
    made = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    made.weight = nn.Parameter(weight.detach(), requires_grad=False)
    made.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return made


# --------------------------------------------------------------------------- mlp


class MlpLayer(nn.Module):
    """A linear layer, its nonlinearity, and the place where it is written."""

    def __init__(self, inner: nn.Linear, act: nn.Module) -> None:
        super().__init__()
        self.ff1, self.act, self.here = inner, act, Here()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, before) -> (batch, 1, after)."""
        found: Tensor = self.here(self.act(self.ff1(x)))
        return found


class MlpMirror(Mirror):
    """An MLP in pyvene's shape: layers `h`, each row a sequence of one vector."""

    def __init__(self, network: Mlp) -> None:
        widths = [len(bias) for bias in network.biases]
        names = block_names(widths)
        super().__init__(dict(zip(names, widths, strict=True)))
        pairs = list(zip(network.weights, network.biases, strict=True))
        acts = [nn.ReLU() for _ in pairs[:-1]] + [nn.Identity()]
        layers = (MlpLayer(linear(*pair), act) for pair, act in zip(pairs, acts, strict=True))
        self.h = nn.ModuleList(layers)

    def forward(self, inputs_embeds: Tensor) -> Tensor:
        """(batch, 1, features) -> (batch, 1, all classes)."""
        for layer in self.h:
            inputs_embeds = layer(inputs_embeds)
        return inputs_embeds


def block_names(widths: Sequence[int]) -> list[str]:
    """pyvene's name of each layer's output: one for all, unless their widths differ.

    >>> block_names([16, 16, 2]), block_names([16, 8, 2])
    (['block_output', 'block_output', 'logits'], ['block_output_0', 'block_output_1', 'logits'])
    """
    *hidden, _ = widths
    alike = len(set(hidden)) == 1
    names = ["block_output" if alike else f"block_output_{i}" for i in range(len(hidden))]
    return [*names, "logits"]


class MlpBody:
    """`hidden i` is pyvene's block output i at position 0."""

    def __init__(self, network: Mlp) -> None:
        self.network = network
        self.module = MlpMirror(network)
        self.names = block_names([len(bias) for bias in network.biases])
        register(MlpMirror, dict.fromkeys(self.names, ("h[%s]",)))

    def place(self, site: Site) -> Place:
        """Where a site is."""
        stage = self.network.stage(site)
        return Place(self.names[stage], stage)

    def count(self, site: Site) -> int:
        """A site is one vector."""
        return 1

    def units(self, site: Site, inputs: Tensor) -> NDArray[np.int64]:
        """Every row is one vector, at position 0."""
        return np.zeros((len(inputs), 1), dtype=np.int64)

    def feed(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """(batch, 1, features)."""
        return {"inputs_embeds": inputs[:, None]}

    def scores(self, output: Tensor, inputs: Tensor) -> Scores:
        """(batch, 1, all classes) -> per output."""
        return split_scores(self.network.outputs, output[:, 0])


# --------------------------------------------------------------------------- gru


class GruMirror(Mirror):
    """A GRU unrolled over its steps, so that the state after each step is a module's output."""

    def __init__(self, network: Gru) -> None:
        super().__init__({"cell_output": network.state_width, "logits": len(network.head_bias)})
        self.cell = nn.GRUCell(network.features, network.state_width, device="meta")
        parts = ("input_weight", "state_weight", "input_bias", "state_bias")
        for name, part in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), parts, strict=True):
            shared = nn.Parameter(getattr(network, part).detach(), requires_grad=False)
            setattr(self.cell, name, shared)
        self.cells = nn.ModuleList(Here() for _ in network.steps)
        sizes = [output.classes for output in network.outputs]
        weights = torch.split(network.head_weight, sizes)
        biases = torch.split(network.head_bias, sizes)
        self.heads = nn.ModuleList(map(linear, weights, biases))
        self.read_at = network.read_at
        self.logits = Here()

    def forward(self, inputs_embeds: Tensor) -> Tensor:
        """(batch, steps, features) -> (batch, 1, all classes)."""
        state = inputs_embeds.new_zeros(len(inputs_embeds), self.cell.hidden_size)
        states = []
        for step, here in enumerate(self.cells):
            state = here(self.cell(inputs_embeds[:, step], state)[:, None])[:, 0]
            states.append(state)
        parts = [head(states[at]) for head, at in zip(self.heads, self.read_at, strict=True)]
        found: Tensor = self.logits(torch.cat(parts, dim=1)[:, None])
        return found


class GruBody:
    """`state at step i` is pyvene's cell output of layer i: a step is a layer there."""

    def __init__(self, network: Gru) -> None:
        self.network = network
        self.module = GruMirror(network)
        register(GruMirror, {"cell_output": ("cells[%s]",), "logits": ("logits",)})

    def place(self, site: Site) -> Place:
        """Where a site is."""
        steps = self.network.steps_at(site)
        if steps is None:
            return Place("logits")
        if len(steps) != 1:
            raise cannot(site, "it writes the states of several steps as one")
        return Place("cell_output", steps[0])

    def count(self, site: Site) -> int:
        """A site is one vector."""
        return 1

    def units(self, site: Site, inputs: Tensor) -> NDArray[np.int64]:
        """A state is one vector, at position 0."""
        return np.zeros((len(inputs), 1), dtype=np.int64)

    def feed(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """(batch, steps, features)."""
        return {"inputs_embeds": inputs}

    def scores(self, output: Tensor, inputs: Tensor) -> Scores:
        """(batch, 1, all classes) -> per output."""
        return split_scores(self.network.outputs, output[:, 0])
