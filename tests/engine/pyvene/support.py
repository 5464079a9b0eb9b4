"""Networks, sites and interchanges that both backends are asked for."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from torch import Tensor

from causalabs.hypothesis.model import AtStep, Last, Several, Site, Slot
from tests.engine.networks_support import (
    bits_algorithm,
    fresh,
    gru_spec,
    mlp_spec,
    rows_of,
    sum_algorithm,
    transformer_spec,
)

needs_pyvene = pytest.mark.skipif(
    importlib.util.find_spec("pyvene") is None, reason="pyvene is not installed: pip install pyvene"
)

X = Slot(("x",))
MADE = {
    "mlp": (mlp_spec, sum_algorithm),
    "gru": (gru_spec, bits_algorithm),
    "transformer": (lambda: transformer_spec(several=True), sum_algorithm),
}
PARTS = ("q", "k", "v", "pattern", "z", None)
SITES = {
    "mlp": [Site("hidden", 0), Site("hidden", 1), Site("logits")],
    "gru": [*(Site("state", position=AtStep(i)) for i in range(3)), Site("logits")],
    "transformer": [
        Site("embedding", position=X),
        Site("residual", 1, part="before", position=X),
        Site("residual", 0, part="between", position=Last()),
        Site("residual", 0, position=Several((X, Last()))),
        Site("attention", 0, position=X),
        Site("mlp", 0, part="input", position=X),
        Site("mlp", 1, part="hidden", position=Last()),
        Site("mlp", 0, position=Several((X, Last()))),
        *(Site("head", 0, 1, part, position=X) for part in PARTS),
        *(Site("head", 1, 0, part, position=Several((X, Last()))) for part in PARTS),
        Site("logits", position=Last()),
        Site("logits", position=X),
    ],
}
ROWS = 9


def made(kind: str, *, seed: int = 0):
    """A fresh network in double precision, and some inputs of it."""
    spec, algorithm = MADE[kind][0](), MADE[kind][1]()
    network = fresh(spec, algorithm, seed=seed)
    return network, network.encode(rows_of(algorithm, ROWS))


def turned(width: int, dims: int, seed: int = 0, dtype=torch.float64) -> Tensor:
    """Random orthonormal columns."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(width, dims, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(drawn)[0].to(dtype)


def swap(columns: Tensor, source: Tensor):
    """Our arithmetic: `h + (s - h) Q Q^T`."""
    return lambda now: now + (source.repeat(len(now) // len(source), 1) - now) @ columns @ columns.T


def assert_close(first, second, *, within: float) -> None:
    """The same answers exactly, the same scores to round-off."""
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name].argmax(dim=1), second[name].argmax(dim=1)), name
        assert torch.allclose(first[name], second[name], atol=within, rtol=within), name


def pyvene_mlp(network: Any) -> Any:
    """pyvene's own MLP with a network's weights."""
    from pyvene.models.mlp.modelings_mlp import MLPConfig, MLPForClassification

    width, layers = network.hidden[0], len(network.hidden)
    config = MLPConfig(
        h_dim=width, n_layer=layers, activation_function="relu", num_classes=2, pdrop=0.0
    )
    made = MLPForClassification(config)
    layers_ = [block.ff1 for block in made.mlp.h] + [made.score]
    with torch.no_grad():
        for layer, weight, bias in zip(layers_, network.weights, network.biases, strict=True):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return made.eval()
