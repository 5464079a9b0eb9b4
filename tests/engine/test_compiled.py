"""Compiled networks: the algorithm, exactly, in a rotation that nothing but a fit finds."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import causalabs
from causalabs.algorithm.domains import Column
from causalabs.algorithm.homes import HomelessError, lay_out
from causalabs.algorithm.model import Algorithm
from causalabs.counterfactuals.draw import BaseSampler
from causalabs.engine.answers import agree, clean_answers
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.compiled import Compiled, compile_algorithm
from causalabs.engine.networks.compiled_tables import code_of
from causalabs.hypothesis.model import FeedVectors, Hypothesis, NetworkSpec, Readout

SUM = """
algorithm first {
  input  x, y, z : mod 4
  var    partial : mod 4 = x + y
  output total   : mod 4 = partial + z
}

algorithm last {
  input  x, y, z : mod 4
  var    rest  : mod 4 = y + z
  output total : mod 4 = x + rest
}
"""

CHAIN = """
algorithm adder {
  input  a[3], b[3] : bool
  var    carry[i in 0..2] : bool =
           if i == 0 then a[0] and b[0] else count(a[i], b[i], carry[i - 1]) >= 2
  output sum[i in 0..2] : bool =
           if i == 0 then a[0] xor b[0] else a[i] xor b[i] xor carry[i - 1]
}
"""

PICKED = """
algorithm look {
  input  tags[2] : {red, green, blue}
  input  asked   : {red, green, blue}
  where  distinct(tags)
  where  asked == tags[0] or asked == tags[1]
  var    place   : 0..1 = index_of(asked, tags)
  var    other   : {red, green, blue} = tags[1 - place]
  output same    : bool = other == red
}
"""


def algorithms(text: str) -> tuple[Algorithm, ...]:
    from causalabs.diagnostics import Source
    from causalabs.hypothesis.check import examine

    found = examine(Source(text))
    assert found.algorithms
    return found.algorithms


def made(
    algorithm: Algorithm, *, seed: int = 0, noise: float = 0.0, trained: bool = True, **given: int
) -> Compiled:
    outputs = tuple(v.name for v in algorithm.outputs)
    layout = lay_out(algorithm, outputs=outputs, **given)  # type: ignore[arg-type]
    feed = FeedVectors(tuple(v.name for v in algorithm.inputs))
    spec = NetworkSpec("compiled", (), feed, tuple(Readout(name, None) for name in outputs))
    return compile_algorithm(algorithm, layout, spec, seed=seed, noise=noise, trained=trained)


def every(algorithm: Algorithm) -> dict[str, Column]:
    """All inputs that `where` admits."""
    from causalabs.algorithm.domains import at_places, size
    from causalabs.algorithm.evaluate import evaluate_expression

    domains = [v.domain for v in algorithm.inputs]
    grid = np.indices([size(domain) or 1 for domain in domains]).reshape(len(domains), -1)
    found = {
        v.name: at_places(v.domain, row)  # type: ignore[arg-type]
        for v, row in zip(algorithm.inputs, grid, strict=True)
    }
    for condition in algorithm.where:
        held = evaluate_expression(condition, found, len(next(iter(found.values()))))
        found = {name: column[held] for name, column in found.items()}
    return found


def pairs(inputs: dict[str, Column]) -> tuple[dict[str, Column], dict[str, Column]]:
    """Each input as base with each as source."""
    count = len(next(iter(inputs.values())))
    base, source = (grid.ravel() for grid in np.indices((count, count)))
    taken = ({name: column[rows] for name, column in inputs.items()} for rows in (base, source))
    first, second = taken
    return first, second


def exchanged(
    network: Compiled,
    algorithm: Algorithm,
    moved: tuple[str, ...],
    base: dict[str, Column],
    source: dict[str, Column],
) -> dict[str, torch.Tensor]:
    """Scores after the blocks of some variables took the source's coordinates."""
    runs = network.encode(algorithm.evaluate(base)), network.encode(algorithm.evaluate(source))
    if not moved:
        return network.scores(runs[0])
    sites = [network.site(name) for name in moved]
    values = network.capture(runs[1], sites)
    edits = []
    for name, site, value in zip(moved, sites, values, strict=True):
        here = network.columns[name].float()
        edits.append((site, lambda h, v=value, q=here: h + (v - h) @ q @ q.T))
    return network.resume(network.prefix(runs[0], sites), edits)


def iia(
    network: Compiled,
    compiled_from: Algorithm,
    moved: tuple[str, ...],
    judged: Algorithm,
    variables: tuple[str, ...],
    base: dict[str, Column],
    source: dict[str, Column],
) -> float:
    """Share of pairs on which blocks `moved` do what `variables` of `judged` should."""
    scores = exchanged(network, compiled_from, moved, base, source)
    clean = judged.evaluate(source)
    wanted = clean_answers(judged, judged.evaluate(base, {v: clean[v] for v in variables}))
    return float(agree(scores, wanted)[0].double().mean())


# ------------------------------------------------------------------------ what is true


@pytest.mark.parametrize("text", [SUM, CHAIN, PICKED])
@pytest.mark.parametrize("given", [{}, {"layer": 2, "distractors": 0}, {"dims": 2, "layer": 1}])
def test_every_interchange_is_the_algorithms(text: str, given: dict[str, int]) -> None:
    for algorithm in algorithms(text):
        network = made(algorithm, noise=0.01, **given)
        inputs = every(algorithm)
        answers = clean_answers(algorithm, algorithm.evaluate(inputs))
        scores = network.scores(network.encode(algorithm.evaluate(inputs)))
        assert bool(agree(scores, answers)[0].all())
        base, source = pairs(inputs)
        inner = [v.name for v in algorithm.variables if v.role == "var"]
        for moved in [*((name,) for name in inner), tuple(inner)]:
            found = iia(network, algorithm, moved, algorithm, moved, base, source)
            assert found == 1.0, moved


def test_the_rivals_interchange_fails_by_a_known_number() -> None:
    """Its sum is another: after a swap of x + y the answer is that of y + z one time in four."""
    first, last = algorithms(SUM)
    base, source = pairs(every(first))
    network = made(first)
    assert iia(network, first, ("partial",), last, ("rest",), base, source) == 0.25
    assert iia(network, first, (), last, ("rest",), base, source) == 0.25


def test_no_blocks_of_the_one_route_do_what_the_other_asks() -> None:
    """All subsets of a gated network's blocks, on all equality patterns: .875 at the best."""
    hypothesis = causalabs.load("examples/which_route.causal")
    ands, gated = hypothesis.algorithms
    network = made(gated)
    free = replace(hypothesis, counterfactuals=replace(hypothesis.counterfactuals, balance=()))
    space = BaseSampler(free).model.space
    generator = np.random.default_rng(0)
    cells = space.listing()
    assert cells is not None
    one, other = (grid.ravel() for grid in np.indices((cells.shape[1],) * 2))
    base, source = (_vectors(space, cells[:, rows], generator) for rows in (one, other))
    blocks = ("either", "gate")
    subsets = chain.from_iterable(combinations(blocks, n) for n in range(3))
    found = {moved: iia(network, gated, moved, ands, ("first",), base, source) for moved in subsets}
    print(found)
    assert max(found.values()) < 1
    own = {name: iia(network, gated, (name,), gated, (name,), base, source) for name in blocks}
    assert own == {"either": 1.0, "gate": 1.0}
    joint = iia(made(ands), ands, ("first", "second"), ands, ("first", "second"), base, source)
    assert joint == 1.0


def _vectors(space, cells, generator) -> dict[str, Column]:  # type: ignore[no-untyped-def]
    found = {}
    for number, axis in enumerate(space.axes):
        drawn = axis.group.vectors(space.places(cells, number), generator=generator)
        found.update(zip(axis.inputs, drawn, strict=True))
    return found


TERMS = st.sampled_from(["a and b", "a xor c", "b or not c", "n > 1", "m == n % 3", "n + m > 3"])


@settings(max_examples=25, deadline=None)
@given(
    TERMS,
    st.sampled_from(["n + m", "if a then n else m", "max(n, m)", "n * m"]),
    st.sampled_from(["(one and c) xor b", "one == a", "if one then b else c"]),
    st.sampled_from(["(v + n) % 4", "if one then v % 4 else m", "min(v, 3)"]),
    st.integers(1, 9),
    st.integers(0, 1),
)
def test_drawn_algorithms(one: str, v: str, odd: str, out: str, dims: int, layer: int) -> None:
    text = (
        f"algorithm {{\n  input  a, b, c : bool\n  input  n : 0..3\n  input  m : 0..2\n"
        f"  var    one : bool  = {one}\n  var    v   : 0..6  = {v}\n  var    odd : bool  = {odd}\n"
        f"  output out : 0..3  = if odd then {out} else 0\n}}\n"
    )
    (algorithm,) = algorithms(text)
    network = made(algorithm, dims=dims, layer=layer, seed=dims)
    inputs = every(algorithm)
    generator = np.random.default_rng(0)
    base, source = (
        {name: column[generator.integers(0, len(column), 500)] for name, column in inputs.items()}
        for _ in range(2)
    )
    source = {name: np.roll(column, 7) for name, column in source.items()}
    for moved in (("one",), ("v",), ("odd",), ("one", "v"), ("one", "odd")):
        assert iia(network, algorithm, moved, algorithm, moved, base, source) == 1.0, moved


# ----------------------------------------------------------------------- how it is hidden


def test_a_seed_is_a_network_and_another_seed_another() -> None:
    first, _ = algorithms(SUM)
    same, again, other = (made(first, seed=seed).record["weights"] for seed in (3, 3, 4))
    assert same == again != other


def test_principal_components_are_the_distractors() -> None:
    first, _ = algorithms(SUM)
    network = made(first, distractors=12)
    (seen,) = network.capture(
        network.encode(first.evaluate(every(first))), [network.site("partial")]
    )
    _, _, directions = torch.linalg.svd(seen.double() - seen.double().mean(dim=0))
    block = network.columns["partial"]
    kept = (directions[: block.shape[1]] @ block).square().sum() / block.shape[1]
    assert float(kept) < 0.6  # a random subspace of that size would hold .29


def test_noise_is_the_inputs_own_and_is_felt() -> None:
    first, _ = algorithms(SUM)
    inputs = first.evaluate(every(first))
    plain, noisy, again = (made(first, noise=noise) for noise in (0.0, 0.05, 0.05))
    site = plain.site("partial")
    seen = [net.capture(net.encode(inputs), [site])[0] for net in (plain, noisy, again)]
    assert torch.equal(seen[1], seen[2])
    codes = seen[1] @ noisy.columns["partial"].float()
    values = torch.from_numpy(np.asarray(inputs["partial"]))
    inside = torch.stack([codes[values == value].std(dim=0).mean() for value in range(4)])
    assert bool((inside > 0.005).all())


def test_too_much_noise_is_refused() -> None:
    first, _ = algorithms(SUM)
    with pytest.raises(EngineError, match=r"noise of 0\.5 could change"):
        made(first, noise=0.5)


def test_fresh_weights_hold_nothing() -> None:
    first, _ = algorithms(SUM)
    base, source = pairs(every(first))
    network = made(first, trained=False)
    assert network.record["origin"] == "untrained"
    assert iia(network, first, ("partial",), first, ("partial",), base, source) < 0.4


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(1, 31))
def test_codes_are_told_apart(count: int, dims: int) -> None:
    code = code_of(count, dims)
    rise = (code.words @ code.reads.T - code.low) / (code.high - code.low)
    ramps = np.concatenate([np.ones((count, 1)), rise.clip(0, 1)], axis=1)
    assert np.allclose(ramps @ code.combine.T, np.eye(count))
    assert code.words.shape[1] <= dims


# ------------------------------------------------------------------------------- places


def test_a_familys_members_share_coordinates() -> None:
    (adder,) = algorithms(CHAIN)
    layout = lay_out(adder, outputs=("sum[0]", "sum[1]", "sum[2]"), dims=3)
    assert [layout.home[f"carry[{i}]"] for i in range(3)] == [0, 1, 2]
    slots = [layout.slot(f"carry[{i}]", i) for i in range(3)]
    assert [(slot.first, slot.size) for slot in slots if slot is not None] == [(0, 3)] * 3
    network = made(adder, dims=3)
    assert torch.equal(network.columns["carry[0]"], network.columns["carry[2]"])


def test_what_is_no_longer_needed_is_not_there() -> None:
    first, _ = algorithms(SUM)
    layout = lay_out(first, outputs=("total",), layer=1, layers=3)
    there = [{slot.variable for slot in slots} for slots in layout.layers]
    assert there == [{"x", "y", "z"}, {"partial", "z"}, {"total"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input x : 0..9\n output big : set of 0..9 = {y in 0..9 where y > x}", "is a set"),
        ("input a : real in 0..1\n var c : bool = a < 0.5\n output o : bool = c", "measures"),
        ("input x, y : 0..199\n var s : 0..398 = x + y\n output o : bool = s > 9", "40,000"),
        ("input x, y : 0..39\n var s : 0..78 = x + y\n output o : 0..78 = s", "told apart"),
    ],
)
def test_what_cannot_be_built_is_said_first(text: str, said: str) -> None:
    (algorithm,) = algorithms(f"algorithm {{\n {text}\n}}\n")
    with pytest.raises(HomelessError, match=said):
        lay_out(algorithm, outputs=tuple(v.name for v in algorithm.outputs), dims=2)


# ------------------------------------------------------------------------ through `run`

FILE = (
    "hypothesis found\n"
    + SUM
    + """
network compiled(first, dims = 5, layer = 1, layers = 3) {
  feed x, y, z
  read total
}

alignment of first {
  partial -> hidden 1..2 in 5 BASIS dims
}

counterfactuals {
  exhaustive
  interchange first.partial
  split train 60%, select 20%, heldout 20% by input
}

expect iia of first >= 0.99 on heldout
"""
)


def loaded(basis: str) -> Hypothesis:
    return causalabs.loads(FILE.replace("BASIS", basis))


def test_a_fit_finds_what_was_hidden(tmp_path) -> None:  # type: ignore[no-untyped-def]
    results = causalabs.run(loaded("learned"), runs=tmp_path, bare=True)
    assert results.verdict == "met"
    (fits,) = results.fits.values()
    assert fits[0].choice == "hidden 1"
    assert results.network["origin"] == "compiled"


def test_principal_components_do_not(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert causalabs.run(loaded("pca"), runs=tmp_path, bare=True).verdict == "not met"
