"""Files made at random: the whole pipeline against a slow evaluator, example by example.

The evaluator knows only what the file was made to mean (`files.py`), the network's weights
and the rotation that was drawn: neither the parser, the checker, the sampler nor the engine.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from causalabs.algorithm.domains import decode
from causalabs.counterfactuals.draw import DrawError
from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine.resources import all_columns
from causalabs.hypothesis.model import Hypothesis
from tests.end_to_end.files import make
from tests.end_to_end.running import as_run, random_networks, run_text
from tests.end_to_end.slow import interchanged, watched
from tests.end_to_end.writer import Made, Move, sides

torch.set_num_threads(1)

SHOWN = 8
"""Examples of a line that the slow network runs."""


@dataclass
class Case:
    """One file, run; clean runs by row of the table of inputs."""

    made: Made
    hypothesis: Hypothesis
    examples: Examples
    network: Any
    envs: list[dict[str, Any]]
    templates: list[int]
    columns: dict[str, torch.Tensor]
    kept: dict[int, Any] = field(default_factory=dict)

    def clean(self, row: int) -> Any:
        """(environment, template, activations, answers) of a row's clean run."""
        if row not in self.kept:
            env, template = self.envs[row], self.templates[row]
            seen, answers = watched(self.network, self.made, env, template)
            self.kept[row] = (env, template, seen, answers)
        return self.kept[row]


def written_inputs(made: Made, hypothesis: Hypothesis, examples: Examples) -> list[dict[str, Any]]:
    """Each row of the table of inputs as written values, every variable computed anew."""
    inputs = hypothesis.algorithm.inputs
    assert [v.name for v in inputs] == [e.name for e in made.inputs]
    columns = [decode(v.domain, examples.inputs[v.name]) for v in inputs]
    rows = list(zip(*columns, strict=True))
    assert len(set(rows)) == len(rows)
    return [made.run(dict(zip((v.name for v in inputs), row, strict=True))) for row in rows]


def blocks(made: Made, hypothesis: Hypothesis, outcome: str, folder: Path) -> dict[str, Any]:
    """The learned directions of each element, as they lie in the run folder."""
    found: dict[str, Any] = {}
    spaces = hypothesis.alignments[0].spaces
    assert sorted(made.homes) == sorted(m.variable for s in spaces for m in s.members)
    for number, space in enumerate(spaces):
        assert space.basis.kind == made.homes[space.members[0].variable].style
        path = folder / f"{outcome}-{number}.safetensors"
        if space.basis.kind != "learned" or not path.exists():
            continue
        columns = load_file(path)["columns"].double()
        unit = torch.eye(columns.shape[1], dtype=torch.float64)
        torch.testing.assert_close(columns.T @ columns, unit, rtol=0, atol=1e-5)
        taken: Counter[int] = Counter()
        for member in space.members:
            assert len(member.block) == made.homes[member.variable].dims
            found[member.variable] = columns[:, list(member.block)]
            taken.update(member.block)
        family = all(member.variable.startswith("acc[") for member in space.members)
        assert max(taken.values()) == 1 or family
    return found


def run_case(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Case, Any, Any]:
    made, networks = make(seed), {}
    random_networks(monkeypatch, networks)
    hypothesis, results, outcomes = run_text(made.text, folder)
    examples = as_run(hypothesis)
    envs = written_inputs(made, hypothesis, examples)
    network = networks[True]
    templates = [0] * len(envs)
    if made.kind == "transformer":
        prompts = network.encode(all_columns(hypothesis, examples.inputs, examples.clean))
        templates = prompts.templates.tolist()
    job = next(name for name in outcomes if made.control in name and "network" not in name)
    folder = Path(results.run) / "bases"
    columns = blocks(made, hypothesis, job, folder)
    return Case(made, hypothesis, examples, network, envs, templates, columns), results, outcomes


# -------------------------------------------------------------------- the sampler


def check_examples(case: Case, number: int, move: Move) -> None:
    """Every example is one that the file admits, and labelled as the file says."""
    made, drawn, envs = case.made, case.examples.lines[number], case.envs
    assert drawn.sources.shape[0] == move.sources
    outputs = [element for element in made.elements if element.role == "output"]
    assert sorted(drawn.answers) == sorted(element.name for element in outputs)
    inputs = [element.name for element in made.inputs]
    for i in range(len(drawn)):
        base, sources = envs[drawn.base[i]], [envs[row] for row in drawn.sources[:, i]]
        for env in (base, *sources):
            assert made.where is None or made.where.value(env)
        named = sides(base, sources, move)
        assert move.holds is None or move.holds(named)
        assert made.keep is None or made.keep.value(named)
        if made.changes is not None:
            for source in sources:
                assert all(source[n] == base[n] for n in inputs if n not in made.changes)
        forced = {variable: sources[k][origin] for variable, origin, k in move.takes}
        wanted = made.run(base, forced)
        for element in outputs:
            place = element.kind.values.index(wanted[element.name])
            assert drawn.answers[element.name][i] == place, (number, i, element.name)
    check_counts(case, drawn, move)


def check_counts(case: Case, drawn: LineExamples, move: Move) -> None:
    """`sample N` gives N; `exhaustive` every admitted example once, within splits if dealt."""
    made = case.made
    splits = max(1, len(made.splits))
    sizes = np.bincount(drawn.split, minlength=splits)
    if made.sample is not None:
        for split in range(splits):
            if split in case.examples.whole:  # small: every interchange, whatever the sample
                check_whole(case, drawn, move, split)
            else:
                assert sizes[split] == made.sample // splits
        return
    tuples = [tuple(found) for found in np.vstack([drawn.base, drawn.sources]).T.tolist()]
    assert len(set(tuples)) == len(tuples)
    every = made.all_inputs()
    seen = {tuple(e[i.name] for i in made.inputs): row for row, e in enumerate(case.envs)}
    if made.by is None:
        assert abs(int(sizes.max()) - int(sizes.min())) <= 1
        groups = [every]
    else:
        dealt = [set(), set()]
        for each, split in zip(tuples, drawn.split.tolist(), strict=True):
            dealt[split] |= set(each)
        assert not dealt[0] & dealt[1]
        assert len(dealt[0] | dealt[1]) == len(every)
        groups = [[case.envs[row] for row in sorted(found)] for found in dealt]
        if made.by != "input":
            assert not {e[made.by] for e in groups[0]} & {e[made.by] for e in groups[1]}
    wanted = set()
    for group in groups:
        for chosen in product(group, repeat=move.sources + 1):
            named = sides(chosen[0], chosen[1:], move)
            if move.holds is not None and not move.holds(named):
                continue
            if made.keep is None or made.keep.value(named):
                wanted.add(tuple(seen[tuple(e[i.name] for i in made.inputs)] for e in chosen))
    assert set(tuples) == wanted


def check_whole(case: Case, drawn: LineExamples, move: Move, split: int) -> None:
    """Every admitted interchange between the split's inputs once, and no other."""
    made, members = case.made, drawn.split == split
    assert not made.balance
    stacked = np.vstack([drawn.base, drawn.sources])[:, members]
    tuples = [tuple(found) for found in stacked.T.tolist()]
    assert len(set(tuples)) == len(tuples)
    seen = {tuple(e[i.name] for i in made.inputs): row for row, e in enumerate(case.envs)}
    group = made.all_inputs()
    if made.by is not None:
        group = [case.envs[row] for row in sorted({row for found in tuples for row in found})]
    wanted = set()
    for chosen in product(group, repeat=move.sources + 1):
        if made.changes is not None and any(
            source[i.name] != chosen[0][i.name]
            for source in chosen[1:]
            for i in made.inputs
            if i.name not in made.changes
        ):
            continue
        named = sides(chosen[0], chosen[1:], move)
        if (move.holds is None or move.holds(named)) and (
            made.keep is None or made.keep.value(named)
        ):
            wanted.add(tuple(seen[tuple(e[i.name] for i in made.inputs)] for e in chosen))
    assert set(tuples) == wanted


def check_deal(case: Case) -> None:
    """No input is in two splits, over all lines, where inputs are dealt; nor a value."""
    by, splits = case.made.by, dict[Any, set[int]]()

    def dealt(row: int) -> Any:
        return row if by == "input" else case.envs[row].get(by)

    for drawn in case.examples.lines:
        for row, split in zip(drawn.base.tolist(), drawn.split.tolist(), strict=True):
            splits.setdefault(dealt(row), set()).add(split)
        for sources in drawn.sources:
            for row, split in zip(sources.tolist(), drawn.split.tolist(), strict=True):
                splits.setdefault(dealt(row), set()).add(split)
    if by is not None:
        assert all(len(found) == 1 for found in splits.values())


def check_balance(case: Case) -> None:
    """Each value of a balanced variable that can be reached comes up."""
    for name in case.made.balance:
        reached = Counter(env[name] for env in case.made.all_inputs())
        if len(reached) > 3 or case.made.keep is not None:
            continue
        for move, drawn in zip(case.made.moves, case.examples.lines, strict=True):
            if move.holds is None and case.made.changes is None:
                found = Counter(case.envs[row][name] for row in drawn.base)
                assert set(found) == set(reached)


# --------------------------------------------------------------------- the engine


def check_hits(case: Case, outcomes: Any, rng: Random) -> Counter[str]:
    """Agreement after interchanges, and how often the network's answer was moved."""
    made, told = case.made, Counter[str]()
    split = made.splits.index("heldout") if made.splits else 0
    found = {m.line: m.hits for o in outcomes.values() for m in o.measured if m.metric == "iia"}
    assert sorted(found) == list(range(len(made.moves)))
    for number, move in enumerate(made.moves):
        drawn = case.examples.lines[number]
        members = np.flatnonzero(drawn.split == split)
        assert len(found[number]) == len(members)
        for i in rng.sample(range(len(members)), min(SHOWN, len(members))):
            at = members[i]
            base = case.clean(int(drawn.base[at]))
            sources = [case.clean(int(row)) for row in drawn.sources[:, at]]
            said = interchanged(
                case.network,
                made,
                move.takes,
                base[:3],
                [each[:3] for each in sources],
                case.columns,
            )
            agree = all(said[name] == drawn.answers[name][at] for name in said)
            assert len(said) == len(drawn.answers)
            assert bool(found[number][i]) == agree, (number, i)
            told["run"] += 1
            told["agree"] += agree
            told["moved"] += said != base[3]
    return told


def check_accuracy(case: Case, outcomes: Any, rng: Random) -> None:
    """Clean answers over the bases of all lines, with multiplicity."""
    split = case.made.splits.index("heldout") if case.made.splits else 0
    (hits,) = {
        tuple(m.hits.tolist())
        for outcome in outcomes.values()
        for m in outcome.measured
        if m.metric == "accuracy" and "untrained" not in outcome.job
    }
    bases = np.concatenate([d.base[d.split == split] for d in case.examples.lines])
    assert len(hits) == len(bases)
    for i in rng.sample(range(len(bases)), min(SHOWN, len(bases))):
        env, _, _, answers = case.clean(int(bases[i]))
        places = {
            e.name: e.kind.values.index(env[e.name])
            for e in case.made.elements
            if e.role == "output"
        }
        assert hits[i] == (answers == places)


def check_results(case: Case, results: Any, outcomes: Any) -> None:
    """The numbers told are those of the rows; exact only where everything was enumerated."""
    accuracy, iia = results.reports
    rows = [m.hits for o in outcomes.values() for m in o.measured if m.metric == "iia"]
    assert iia.value == pytest.approx(np.mean([each.mean() for each in rows]), abs=1e-12)
    whole = case.made.sample is None and (case.made.by is not None or not case.made.splits)
    whole |= (case.made.splits.index("heldout") if case.made.splits else 0) in case.examples.whole
    assert iia.exact == whole
    assert (iia.low == iia.value == iia.high) == whole or iia.low < iia.value < iia.high
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1


def impossible(made: Made) -> bool:
    """Whether some line has no example that the file admits."""
    inputs = [element.name for element in made.inputs]
    kept = [name for name in inputs if name not in (made.changes or inputs)]
    every = made.all_inputs()
    groups: dict[Any, list[Any]] = {}
    for env in every:
        groups.setdefault(tuple(env[name] for name in kept), []).append(env)

    def held(move: Move) -> bool:
        for group in groups.values():
            for chosen in product(group, repeat=1 + move.sources):
                named = sides(chosen[0], chosen[1:], move)
                if all(c.value(named) for c in [made.keep] if c is not None) and (
                    move.holds is None or move.holds(named)
                ):
                    return True
        return False

    return not all(map(held, made.moves))


def compare(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    try:
        case, results, outcomes = run_case(seed, folder, monkeypatch)
    except DrawError:
        assert impossible(make(seed))
        return Counter(["impossible"])
    for number, (move, line) in enumerate(
        zip(case.made.moves, case.hypothesis.counterfactuals.lines, strict=True)
    ):
        assert {(t.variable, t.origin) for t in line.takes} == {t[:2] for t in move.takes}
        check_examples(case, number, move)
    check_deal(case)
    check_balance(case)
    rng = Random(seed)
    told = check_hits(case, outcomes, rng)
    check_accuracy(case, outcomes, rng)
    check_results(case, results, outcomes)
    made = case.made
    told.update([made.kind, *(home.style for home in made.homes.values()), f"by {made.by}"])
    told.update(["balance"] * bool(made.balance) + ["exhaustive"] * (made.sample is None))
    told.update(f"{move.sources} sources" for move in made.moves)
    told.update("condition" for move in made.moves if move.holds is not None)
    told.update("directed" for move in made.moves if any(a != b for a, b, _ in move.takes))
    told.update("together" for m in made.moves if m.sources < len(m.takes))
    told.update("joint sites" for home in made.homes.values() if len(home.writes) > 1)
    told["files"] += 1
    told["templates"] += made.kind == "transformer" and len(made.feed) > 1
    told.update({spot.component for home in made.homes.values() for spot in home.writes})
    told.update("from" for home in made.homes.values() if home.writes != home.reads)
    return told


@pytest.mark.parametrize("start", range(0, 264, 24))
def test_generated_files_agree_with_the_slow_evaluator(
    start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Counter[str] = Counter()
    for seed in range(start, start + 24):
        try:
            told += compare(seed, tmp_path / str(seed), monkeypatch)
        except BaseException as error:
            error.add_note(f"seed {seed}:\n{make(seed).text}")
            raise
    # The networks answer variously, so that agreement says something.
    assert told["agree"] > 0.05 * told["run"]
    assert told["agree"] < 0.95 * told["run"]
    assert told["moved"] > 0.05 * told["run"]
    assert told["files"] >= 20
    for word in ("mlp", "gru", "transformer", "whole", "neurons", "learned", "condition"):
        assert told[word] > 0, word
