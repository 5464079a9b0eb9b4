"""Hypotheses made at random: the engine against a slow evaluator, example by example."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from causalabs.algorithm.domains import Interval
from causalabs.algorithm.expression import LookUp, Table, Variable as Ref
from causalabs.algorithm.model import Algorithm, Variable
from causalabs.engine.bases import Rotation
from causalabs.engine.bases.plain import Own
from causalabs.engine.interchange import compile_lines, run
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.protocol import Device
from causalabs.engine.resources import all_columns
from causalabs.engine.rows import table
from causalabs.hypothesis.model import (
    Alignment,
    AtIndex,
    AtStep,
    BasisSpec,
    Choice,
    Counterfactuals,
    FeedSteps,
    FeedTokens,
    FeedVectors,
    Hypothesis,
    Line,
    Member,
    NetworkSpec,
    Part,
    Readout,
    Site,
    Space,
    Take,
)
from tests.engine.jobs_support import job_of
from tests.engine.slow_runs import answer, interchanged

torch.set_num_threads(1)

THREE = Interval(0, 2)
Rng = np.random.Generator
Mechanisms = dict[str, tuple[tuple[str, ...], tuple[int, ...]]]


def some_algorithm(rng: Rng) -> tuple[Algorithm, Mechanisms]:
    """Three inputs, two or three variables and one or two outputs; random tables."""
    names = ["x", "y", "z"]
    variables = [Variable(n, n, (), "input", THREE) for n in names]
    made: Mechanisms = {}
    count, outputs = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    for number in range(count + outputs):
        output = number >= count
        name = f"o{number - count}" if output else f"v{number}"
        pool = [n for n in names if not n.startswith("o")]
        parents = tuple(rng.choice(pool, size=min(2, len(pool)), replace=False).tolist())
        codes = tuple(rng.integers(0, 3, 9).tolist())
        made[name] = (parents, codes)
        table = Table(f"t{number}", (THREE, THREE), THREE, codes, (True,) * 9)
        keys = tuple(Ref(parent, THREE) for parent in parents)
        role: Any = "output" if output else "var"
        mechanism = LookUp(table, keys, THREE)
        variables.append(Variable(name, name, (), role, THREE, mechanism, parents))
        names.append(name)
    return Algorithm("random", tuple(variables), ()), made


def answers(made: Mechanisms, given: dict[str, int], forced: dict[str, int]) -> dict[str, int]:
    """The plain evaluator: one example."""
    values = {**given, **{k: v for k, v in forced.items() if k in given}}
    for name, (parents, codes) in made.items():
        first, second = (values[parent] for parent in parents)
        values[name] = forced.get(name, codes[3 * first + second])
    return values


def some_network(rng: Rng, algorithm: Algorithm) -> tuple[NetworkSpec, list[Site]]:
    """A tiny network and sites of one width."""
    kind = str(rng.choice(["mlp", "mlp", "gru", "transformer"]))
    outputs = [v.name for v in algorithm.outputs]
    width = int(rng.integers(4, 7))
    if kind == "mlp":
        layers = int(rng.integers(1, 4))
        reads = tuple(Readout(name, None) for name in outputs)
        settings = (("hidden", (width,) * layers),)
        spec = NetworkSpec("mlp", settings, FeedVectors(("x", "y", "z")), reads)
        return spec, [Site("hidden", layer) for layer in range(layers)]
    if kind == "gru":
        reads = tuple(Readout(name, AtStep(2)) for name in outputs)
        feed = FeedSteps((("x",), ("y",), ("z",)))
        spec = NetworkSpec("gru", (("width", width),), feed, reads)
        return spec, [Site("state", position=AtStep(step)) for step in range(3)]
    reads = tuple(Readout(name, AtIndex(3)) for name in outputs)
    feed_tokens = FeedTokens((Part("x"), Part("y"), Part("z"), "="))
    settings = (("layers", 2), ("heads", 2), ("width", 4))
    spec = NetworkSpec("transformer", settings, feed_tokens, reads)
    sites = [
        Site(component, layer, position=AtIndex(index))
        for component in ("residual", "attention", "mlp")
        for layer in range(2)
        for index in range(4)
    ]
    return spec, sites


def some_spaces(rng: Rng, algorithm: Algorithm, sites: list[Site]) -> list[Space]:
    """Two or three variables placed: shared bases, families, whole sites, joint sites."""
    inner = [v.name for v in algorithm.variables if v.role != "output"]
    names = rng.permutation(inner)[: int(rng.integers(1, 4))].tolist()
    width = 4
    style = str(rng.choice(["shared", "family", "whole", "joint", "elsewhere"]))
    kind = str(rng.choice(["neurons", "learned"]))

    def pick(count: int) -> list[Site]:
        return [sites[i] for i in rng.permutation(len(sites))[:count]]

    def one(*written: Site, read: tuple[Site, ...] = ()) -> tuple[Choice, ...]:
        return (Choice(written, read or written),)

    if style == "joint" and len(sites) > 1:
        pair = tuple(pick(2))
        if len(names) == 1 and rng.random() < 0.5:
            return [Space(BasisSpec("whole"), (Member(names[0], one(*pair)),), ("here",))]
        blocks = np.array_split(rng.permutation(2 * width), len(names))
        members = tuple(
            Member(name, one(*pair), tuple(sorted(block.tolist())))
            for name, block in zip(names, blocks, strict=True)
        )
        return [Space(BasisSpec(kind), members, ("here",))]
    if style == "whole" and len(sites) >= len(names):
        places = pick(len(names))
        return [
            Space(BasisSpec("whole"), (Member(name, one(site)),), ("here",))
            for name, site in zip(names, places, strict=True)
        ]
    if style == "family" and len(sites) >= len(names):
        block = tuple(sorted(rng.permutation(width)[: int(rng.integers(1, width))].tolist()))
        block = tuple(range(len(block))) if kind == "learned" else block
        family = tuple(
            Member(name, one(site), block)
            for name, site in zip(names, pick(len(names)), strict=True)
        )
        return [Space(BasisSpec(kind), family, ("here",))]
    here, there = pick(1)[0], pick(1)[0]
    read = (there,) if style == "elsewhere" else (here,)
    size = width // len(names)
    dims = rng.permutation(width).tolist() if kind == "neurons" else list(range(width))
    members = tuple(
        Member(name, one(here, read=read), tuple(sorted(dims[i * size : (i + 1) * size])))
        for i, name in enumerate(names)
    )
    return [Space(BasisSpec(kind), members, ("here",))]


def some_lines(rng: Rng, spaces: list[Space]) -> list[Line]:
    """Single, joint, together and directed interchanges."""
    names = [member.variable for space in spaces for member in space.members]
    widths = {m.variable: len(m.block) for space in spaces for m in space.members}
    kinds = {m.variable: space.basis.kind for space in spaces for m in space.members}
    lines = [Line("single", "random", (Take(names[0], names[0], 0),))]
    if len(names) > 1:
        alike = widths[names[0]] == widths[names[1]] and kinds[names[0]] == kinds[names[1]]
        style = str(rng.choice(["joint", "together", "directed", "swap"]))
        if style == "joint" or not alike:
            takes = tuple(Take(name, name, i) for i, name in enumerate(names))
            lines.append(Line("joint", "random", takes, sources=len(names)))
        elif style == "together":
            takes = tuple(Take(name, name, 0) for name in names)
            lines.append(Line("together", "random", takes))
        elif style == "directed":
            lines.append(Line("directed", "random", (Take(names[0], names[1], 0),)))
        else:
            swap = (Take(names[0], names[1], 0), Take(names[1], names[0], 0))
            lines.append(Line("swap", "random", swap))
    return lines


def some_hypothesis(rng: Rng) -> tuple[Hypothesis, Mechanisms]:
    algorithm, made = some_algorithm(rng)
    spec, sites = some_network(rng, algorithm)
    spaces = some_spaces(rng, algorithm, sites)
    lines = some_lines(rng, spaces)
    return (
        Hypothesis(
            name="random",
            claim="",
            algorithms=(algorithm,),
            network=spec,
            alignments=(Alignment("places", "random", tuple(spaces)),),
            counterfactuals=Counterfactuals(8, tuple(lines), (("heldout", Fraction(1)),)),
            expectations=(),
            reports=(),
        ),
        made,
    )


def compare(seed: int, folder: Path) -> str:
    """Run one random hypothesis both ways; its style, for the count of what was covered."""
    rng = np.random.default_rng(seed)
    hypothesis, made = some_hypothesis(rng)
    resources = Resources(hypothesis, device=Device(dtype=torch.float64))
    built = resources.network(seed, trained=False)
    resources.make_network = lambda *_: built
    job = replace(job_of(hypothesis, "random_basis"), seed=seed)
    outcome = run_job(job, hypothesis, resources=resources, folder=folder)
    spaces = hypothesis.alignments[0].spaces
    homes: dict[str, Any] = {}
    for number, space in enumerate(spaces):
        path = folder / f"{job.name}-{number}.safetensors"
        columns = load_file(path)["columns"] if path.exists() else None
        assert (columns is not None) == (space.basis.kind == "learned")
        for member in space.members:
            homes[member.variable] = (space.basis.kind, member, columns)
    examples = resources.examples(seed)
    inputs = built.encode(all_columns(hypothesis, examples.inputs, examples.clean))
    table = {name: examples.inputs[name].tolist() for name in "xyz"}
    found = {m.line: m.hits for m in outcome.measured if m.metric == "iia"}
    assert set(found) == set(range(len(hypothesis.counterfactuals.lines)))
    scores, mixed = all_scores(hypothesis, resources, seed, homes), -1
    for number, line in enumerate(hypothesis.counterfactuals.lines):
        drawn = examples.lines[number]
        for i in range(len(drawn)):
            mixed += 1
            sources = [int(row) for row in drawn.sources[:, i]]
            base = int(drawn.base[i])
            clean = [answers(made, {n: table[n][row] for n in "xyz"}, {}) for row in sources]
            forced = {t.variable: clean[t.source][t.origin] for t in line.takes}
            wanted = answers(made, {n: table[n][base] for n in "xyz"}, forced)
            said = interchanged(built, inputs, base, sources, line, homes)
            agree = all(answer(said[o]) == wanted[o] for o in said)
            assert bool(found[number][i]) == agree, (seed, number, i)
            for name, column in said.items():
                torch.testing.assert_close(scores[name][mixed], column, rtol=0, atol=1e-9)
    return f"{hypothesis.network.kind} {spaces[0].basis.kind} {'+'.join(n.name for n in hypothesis.counterfactuals.lines)}"  # noqa: E501


def all_scores(
    hypothesis: Hypothesis, resources: Resources, seed: int, homes: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Scores of all lines' examples run as one batch, as a fit runs them."""
    alignment = hypothesis.alignments[0]
    lines = dict(enumerate(hypothesis.counterfactuals.lines))
    store = resources.store(seed)
    program = compile_lines(lines, alignment, {})
    rows = table(program, resources.examples(seed), list(lines), 0, device="cpu").rows
    bases: dict[int, Any] = {}
    for number, space in enumerate(alignment.spaces):
        columns = homes[space.members[0].variable][2]
        kind = space.basis.kind
        bases[number] = Own(kind, 0)
        if columns is not None:  # twice, as two restarts
            bases[number] = Rotation(kind, columns[None].expand(2, -1, -1))
    stacked = run(program, bases, rows, store, restarts=2)
    first = {name: column[: len(rows)] for name, column in stacked.items()}
    for name, column in stacked.items():
        torch.testing.assert_close(column[len(rows) :], first[name], rtol=0, atol=1e-12)
    return first


@pytest.mark.parametrize("start", range(0, 240, 20))
def test_random_hypotheses_agree_with_the_slow_evaluator(start: int, tmp_path: Path) -> None:
    covered = {compare(seed, tmp_path) for seed in range(start, start + 20)}
    assert len(covered) > 5
