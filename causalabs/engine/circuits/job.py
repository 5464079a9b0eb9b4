"""The circuits of a job: found where they are searched for, measured, set beside random ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from causalabs.counterfactuals.examples import Examples, LineExamples
from causalabs.engine.answers import classes_of_outputs
from causalabs.engine.circuits.build import wired
from causalabs.engine.circuits.contract import Edge, Wired
from causalabs.engine.circuits.discover import Discovered, discover
from causalabs.engine.circuits.edges import Kept, whole, with_written, within, written
from causalabs.engine.circuits.ground import Ground, Pairs, reference
from causalabs.engine.circuits.measures import (
    areas,
    completeness,
    faithfulness,
    ladder,
    minimality,
    scale_of,
)
from causalabs.engine.circuits.ranking import Scores, roc
from causalabs.engine.circuits.row_values import Wanted
from causalabs.engine.circuits.shelf import Shelf
from causalabs.engine.store import Store
from causalabs.engine.streams import numpy_stream
from causalabs.hypothesis.circuit_rules import RANKED, pairs_of, searched_on
from causalabs.hypothesis.model import Circuit, Hypothesis, Term
from causalabs.hypothesis.replacements import RECOVERED
from causalabs.intervals import Values
from causalabs.plans import Job, procedure, quantities
from causalabs.results import Measured

DRAWS = 10
"""Random circuits that `random_circuit` is a mean of."""
FEWER_DRAWS = 3
"""Of measures that run many sets of edges each."""
USUAL = "logit_difference"
"""What a circuit's measures are made of, where the file does not say `by`."""
COSTLY = ("completeness", "minimality", "cpr", "cmd")

Report = Callable[[str, float], None]


def circuit_terms(hypothesis: Hypothesis, job: Job) -> dict[tuple[str, str], Term]:
    """What a job measures of circuits: by what it is kept as, and split ("" for none)."""
    return {
        (term.measured, quantity.split or ""): term
        for quantity in quantities(hypothesis)
        for term in quantity.terms
        if term.subjects
        and term.metric != RECOVERED
        and procedure(term) == (job.control, job.alignment)
    }


def swept(hypothesis: Hypothesis) -> frozenset[str]:
    """Circuits that something asks for at every size."""
    return frozenset(
        name
        for quantity in quantities(hypothesis)
        for term in quantity.terms
        for name in term.subjects[:1]
        if term.metric in RANKED or "edges" in dict(quantity.axes)
    )


@dataclass(frozen=True, eq=False)
class Subject:
    """A circuit as measured: its edges, and how much each edge of the network matters.

    `kept` are columns of the graph of `ground`, which has the circuit's edges at some tokens too.
    """

    circuit: Circuit
    kept: Kept
    ground: Ground
    found: Discovered | None = None

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges that it keeps."""
        edges = self.ground.wired.edges
        return tuple(edges[i] for i in np.flatnonzero(self.kept))

    @property
    def scores(self) -> Scores:
        """The ranking that its search made."""
        if self.found is None or self.found.ranked is None:
            raise ValueError(f"{self.circuit.name} has no ranking")
        return self.found.ranked.scores


@dataclass(eq=False)
class Bench:
    """A network's graph over a job's examples, and the circuits found on it."""

    hypothesis: Hypothesis
    seed: int
    store: Store
    examples: Examples
    graph: Wired
    report: Report | None = None
    shelf: Shelf = field(default_factory=Shelf)
    procedure: str = "plain"
    """What the searches of this bench are searches of: the same for jobs that share them."""
    _grounds: dict[str, Ground] = field(default_factory=dict)
    _subjects: dict[str, Subject] = field(default_factory=dict)

    @property
    def line(self) -> LineExamples:
        """The pairs that circuits are run on."""
        return self.examples.lines[pairs_of(self.hypothesis)]

    def exact(self, split: str) -> bool:
        """Whether the pairs of a split are all there are."""
        names = [name for name, _ in self.hypothesis.counterfactuals.splits]
        number = names.index(split) if split in names else 0
        return self.examples.exact_on(pairs_of(self.hypothesis), number)

    def pairs(self, split: str) -> Pairs:
        """The pairs of a split; all of them where a file splits nothing, or has none of that."""
        names = [name for name, _ in self.hypothesis.counterfactuals.splits]
        line = self.line
        rows = np.arange(len(line))
        if split in names:
            rows = np.flatnonzero(line.split == names.index(split))
        base = line.base[rows]
        source = line.sources[0][rows] if len(line.sources) else base
        return Pairs(base, source)

    def searched(self) -> Pairs | None:
        """The pairs that searches read, None where there is no split for them."""
        split = searched_on(self.hypothesis.counterfactuals)
        return None if split is None else self.pairs(split)

    def ground(self, ablation: str) -> Ground:
        """What circuits of an ablation are run on."""
        if ablation not in self._grounds:
            self._grounds[ablation] = self._ground(ablation, self.graph)
        return self._grounds[ablation]

    def _ground(self, ablation: str, graph: Wired) -> Ground:
        algorithm = self.hypothesis.algorithms[0]
        answers = self.store.wanted(algorithm, self.examples.clean[algorithm.name])
        wanted = Wanted(answers, self.store.scores(), classes_of_outputs(algorithm))
        ground = Ground(graph, self.store.inputs, wanted, ablation)
        pairs = self.searched() or self.pairs("")
        ground.mean = reference(ground, np.unique(pairs.base))
        return ground

    def subject(self, name: str) -> Subject:
        """A circuit by name; searched for when first asked for."""
        if name not in self._subjects:
            circuit = self.hypothesis.circuit_named(name)
            ground = self.ground(circuit.ablation)
            if circuit.found:
                found = self._found(circuit, ground)
                self._subjects[name] = Subject(circuit, found.kept, ground, found)
            else:
                self._subjects[name] = self._written(circuit, ground)
        return self._subjects[name]

    def _written(self, circuit: Circuit, ground: Ground) -> Subject:
        """A circuit of the file; on a graph of its own where it has edges at some tokens."""
        graph, kept = with_written(written(circuit, self.graph), self.graph)
        if graph is not self.graph:
            ground = self._ground(circuit.ablation, graph)
        return Subject(circuit, kept, ground)

    def _found(self, circuit: Circuit, ground: Ground) -> Discovered:
        """What a circuit's search finds; searched for once a seed and procedure."""
        name = f"seed{self.seed}-{self.procedure}-{circuit.name}"
        found = self.shelf.take(name, len(ground.wiring))
        if found is None:
            if self.report is not None:
                self.report(f"finding {circuit.name}", 0.0)
            pairs = self.searched() or self.pairs("")
            sweep = circuit.name in swept(self.hypothesis)
            found = discover(circuit, ground, pairs, seed=self.seed, sweep=sweep)
            self.shelf.put(name, found)
        return found


def make_bench(
    job: Job,
    hypothesis: Hypothesis,
    store: Store,
    examples: Examples,
    report: Report | None = None,
    shelf: Shelf | None = None,
) -> Bench:
    """The bench of a job; `EngineError` where the network is no graph of nodes and edges.

    Circuits on the `shelf` are not searched for again. Random circuits stand beside those that
    the procedure itself finds.
    """
    control = "" if job.control == "random_circuit" else job.control
    graph = wired(store.network)
    shelf = Shelf() if shelf is None else shelf
    return Bench(hypothesis, job.seed, store, examples, graph, report, shelf, control or "plain")


def measure_circuits(bench: Bench, job: Job) -> tuple[Measured, ...]:
    """Everything that the job is asked of circuits, example by example."""
    random = job.control == "random_circuit"
    found = []
    for (name, split), term in circuit_terms(bench.hypothesis, job).items():
        values, whole = _values(bench, term, split, random=random)
        found.append(Measured(name, -1, split, values, whole and not (random and not split)))
    return tuple(found)


def _values(bench: Bench, term: Term, split: str, *, random: bool) -> tuple[Values, bool]:
    """A term's values, and whether they are all there are."""
    subjects = [bench.subject(name) for name in term.subjects]
    first = subjects[0]
    if not random:
        return _of(bench, term, split, first, subjects[1:])
    draws = FEWER_DRAWS if term.metric in COSTLY else DRAWS
    generator = numpy_stream(bench.seed, "random circuits", first.circuit.name)
    made = [_random(bench, first, generator) for _ in range(draws)]
    if term.metric == "faithfulness":
        ground, judge = bench.ground(first.circuit.ablation), bench.pairs(split)
        sets = [subject.kept for subject in made]
        scale, rows = scale_of(ground, judge, term.by or USUAL, sets)
        return scale.faithfulness(rows.mean(axis=0)), bench.exact(split)
    each = [_of(bench, term, split, subject, subjects[1:]) for subject in made]
    if not split:  # edges are compared: each draw is an example
        return np.array([float(values.mean()) for values, _ in each]), False
    return np.mean([values for values, _ in each], axis=0), each[0][1]


def _of(
    bench: Bench, term: Term, split: str, subject: Subject, others: Sequence[Subject]
) -> tuple[Values, bool]:
    kept, metric = subject.kept, term.by or USUAL
    match term.metric:
        case "edges":
            return np.array([float(kept.sum())]), True
        case "precision":
            return _share(within(subject.edges, others[0].edges)), True
        case "recall":
            return _share(within(others[0].edges, subject.edges)), True
        case "auc":
            claimed = within(subject.ground.wired.edges, [whole(e) for e in others[0].edges])
            return np.array([roc(subject.scores, claimed)]), True
    ground, judge = subject.ground, bench.pairs(split)
    search = bench.searched() or judge
    match term.metric:
        case "faithfulness":
            values = faithfulness(ground, judge, kept, metric)
        case "completeness":
            values = completeness(ground, search, judge, kept, metric, seed=bench.seed)
        case "minimality":
            values = minimality(ground, search, judge, kept, metric)
        case "cpr" | "cmd":
            every = np.ones(len(ground.wiring), bool)
            rungs = ladder(ground.wiring, subject.scores, every)
            values = areas(ground, judge, rungs, metric)[term.metric]
        case _:
            values = ground.values(judge, [kept], [term.metric])[0, 0]
    return values, bench.exact(split)


def _share(truths: Kept) -> NDArray[np.float64]:
    """Truths as numbers; none of nothing is 0."""
    return truths.astype(np.float64) if len(truths) else np.zeros(1)


def _random(bench: Bench, subject: Subject, generator: np.random.Generator) -> Subject:
    """As many edges drawn at random, each at every token, and a ranking by chance."""
    ground = bench.ground(subject.circuit.ablation)
    kept = random_edges(len(ground.wiring), int(subject.kept.sum()), generator)
    if subject.found is None or subject.found.ranked is None:
        return Subject(subject.circuit, kept, ground)
    ranked = subject.found.ranked
    chance = type(ranked)(generator.random(len(kept)), np.zeros(len(kept)))
    found = type(subject.found)(kept, subject.found.among, chance)
    return Subject(subject.circuit, kept, ground, found)


def random_edges(among: int, count: int, generator: np.random.Generator) -> Kept:
    """So many edges drawn from all."""
    kept = np.zeros(among, bool)
    kept[generator.permutation(among)[:count]] = True
    return kept
