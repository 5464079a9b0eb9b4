"""Small algorithms and networks that the engine's tests are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from causalabs.algorithm.domains import Bool, Column, Domain, Interval, Real
from causalabs.algorithm.expression import Expression, Operation, Variable as Ref
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.engine.networks.base import BuiltIn
from causalabs.engine.networks.build import untrained
from causalabs.engine.protocol import Device
from causalabs.hypothesis.model import (
    AtStep,
    AtText,
    FeedSteps,
    FeedText,
    FeedTokens,
    FeedVectors,
    Last,
    NetworkSpec,
    Part,
    Readout,
    Slot,
)

DOUBLE = Device(dtype=torch.float64)


def given(name: str, domain: Domain) -> Variable:
    return Variable(name, name.split("[")[0], (), "input", domain)


def computed(name: str, domain: Domain, mechanism: Expression, role: Any = "var") -> Variable:
    parents = tuple(p.name for p in getattr(mechanism, "arguments", ()))
    return Variable(name, name.split("[")[0], (), role, domain, mechanism, parents)


def xor_algorithm() -> Algorithm:
    """Two comparisons of reals, and whether just one of them holds."""
    real = Real(2, -0.5, 0.5)
    pairs = (("left", "a", "b"), ("right", "c", "d"))
    inner = [
        computed(name, Bool(), Operation("eq", (Ref(x, real), Ref(y, real)), Bool()))
        for name, x, y in pairs
    ]
    both = (Ref("left", Bool()), Ref("right", Bool()))
    last = computed("odd", Bool(), Operation("xor", both, Bool()), "output")
    return Algorithm("odd", (*(given(n, real) for n in "abcd"), *inner, last), ())


def draw_reals(count: int, generator: np.random.Generator) -> dict[str, Column]:
    columns = {n: generator.random((count, 2), dtype=np.float32) - 0.5 for n in "abcd"}
    for x, y in ("ab", "cd"):
        same = generator.random(count) < 0.5
        columns[y] = np.where(same[:, None], columns[x], columns[y])
    return columns


def sum_algorithm() -> Algorithm:
    """Two digits, their sum, and whether they are equal."""
    digit = Interval(0, 3)
    both = (Ref("x", digit), Ref("y", digit))
    total = computed("total", Interval(0, 6), Operation("add", both, Interval(0, 6)), "output")
    equal = computed("equal", Bool(), Operation("eq", both, Bool()), "output")
    return Algorithm("adds", (given("x", digit), given("y", digit), total, equal), ())


def draw_digits(count: int, generator: np.random.Generator) -> dict[str, Column]:
    return {name: generator.integers(0, 4, count) for name in "xy"}


def bits_algorithm(steps: int = 3) -> Algorithm:
    """Whether an odd number of the bits seen so far is set, step by step."""
    variables = [given(f"b[{i}]", Bool()) for i in range(steps)]
    for i in range(steps):
        before = Ref(f"odd[{i - 1}]" if i else "b[0]", Bool())
        arguments = (Ref(f"b[{i}]", Bool()), before)
        mechanism = Operation("xor" if i else "or", arguments, Bool())
        variables.append(computed(f"odd[{i}]", Bool(), mechanism, "output"))
    return Algorithm("parity", tuple(variables), ())


def draw_bits(count: int, generator: np.random.Generator) -> dict[str, Column]:
    return {f"b[{i}]": generator.random(count) < 0.5 for i in range(3)}


def mlp_spec(hidden: tuple[int, ...] = (6, 5)) -> NetworkSpec:
    reads = (Readout("total", None), Readout("equal", None))
    return NetworkSpec("mlp", (("hidden", hidden),), FeedVectors(("x", "y")), reads)


def gru_spec(width: int = 5, steps: int = 3) -> NetworkSpec:
    feed = FeedSteps(tuple((f"b[{i}]",) for i in range(steps)))
    reads = tuple(Readout(f"odd[{i}]", AtStep(i)) for i in range(steps))
    return NetworkSpec("gru", (("width", width),), feed, reads)


TEMPLATE = ("what is ", Part("x"), " + ", Part("y"), "?")
LONGER = ("so ", Part("y"), " and then ", Part("x"), " =", " ?")


def transformer_spec(
    layers: int = 2, heads: int = 2, width: int = 8, *, several: bool = False
) -> NetworkSpec:
    """Reads the sum at the end, and whether the digits are equal at the slot of `x`."""
    feed = FeedText((TEMPLATE, LONGER) if several else (TEMPLATE,))
    reads = (Readout("total", Last()), Readout("equal", Slot(("x",))))
    settings = (("layers", layers), ("heads", heads), ("width", width))
    return NetworkSpec("transformer", settings, feed, reads)


def tokens_spec() -> NetworkSpec:
    feed = FeedTokens(("BOS", Part("x"), "+", Part("y")))
    reads = (Readout("total", AtText("BOS")), Readout("equal", Last()))
    return NetworkSpec("transformer", (("layers", 1), ("heads", 1), ("width", 4)), feed, reads)


def fresh(spec: NetworkSpec, algorithm: Algorithm, *, seed: int = 0) -> BuiltIn[Any]:
    network = untrained(spec, [algorithm], seed=seed, device=DOUBLE)
    network.freeze()
    return network


def rows_of(algorithm: Algorithm, count: int, seed: int = 0) -> Mapping[str, Column]:
    """Columns of all variables on drawn inputs."""
    draws = {"odd": draw_reals, "adds": draw_digits, "parity": draw_bits}
    return algorithm.evaluate(draws[algorithm.name](count, np.random.default_rng(seed)))
