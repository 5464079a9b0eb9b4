"""Distributed alignment search here and with pyvene: told as ratios, never judged.

Both sides use one thread, the same network, the same data and the same loss, taken in turn. Times
are of the processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import causalabs
from causalabs.engine.bases import find
from causalabs.engine.fit import Budget, Free, Race, Way
from causalabs.engine.interchange import Batch, compile_lines, run
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.rows import Table
from causalabs.engine.store import Store
from causalabs.hypothesis.model import Alignment, AtIndex, Last, Line, Position, Site, Take
from causalabs.plans import make_plan
from tests.benchmarks.test_fit import Task, ours
from tests.engine.jobs_support import space
from tests.engine.language_models.support import WordPrompter
from tests.engine.pyvene.support import needs_pyvene, pyvene_mlp

pytestmark = [pytest.mark.benchmark, needs_pyvene, pytest.mark.timeout(1800)]

Step = Callable[[Tensor], Any]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seconds(step: Step, rows: Iterable[Tensor]) -> float:
    """Median time of a step."""
    found = []
    for each in rows:
        start = time.process_time()
        step(each)
        found.append(time.process_time() - start)
    return statistics.median(found)


def rows_of(count: int, batch: int, times: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, count, (batch,), generator=generator) for _ in range(times)]


def at_best(step: Step, count: int, batches: tuple[int, ...], times: int) -> int:
    """The batch at which a step costs least per example."""
    costs = {}
    step(rows_of(count, min(batches), 1)[0])  # whatever the first step makes
    for batch in batches:
        costs[batch] = seconds(step, rows_of(count, batch, times)) / batch
    return min(costs, key=costs.__getitem__)


def in_turn(
    first: Step, second: Step, count: int, batches: tuple[int, int], *, times: int, steps: int
) -> tuple[float, float, float]:
    """Milliseconds per example of each side, medians of interleaved steps, and their ratio."""
    pairs = []
    for _ in range(times):
        pair = [
            seconds(step, rows_of(count, batch, steps)) / batch * 1e3
            for step, batch in zip((first, second), batches, strict=True)
        ]
        pairs.append(pair)
    ratio = statistics.median(theirs / mine for mine, theirs in pairs)
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    return mine, theirs, ratio


# ------------------------------------------------------------ hierarchical equality

TEXT = """
hypothesis hierarchical_equality
algorithm {
  input  a, b, c, d : real[4] in -1..1
  var    left  : bool = a == b
  var    right : bool = c == d
  output same  : bool = left == right
}
network mlp(hidden = [16, 16, 16]) {
  feed a, b, c, d
  read same
  train until accuracy >= 0.995
}
alignment {
  left  -> hidden 0 in 8 learned dims
  right -> hidden 0 in 8 learned dims
}
counterfactuals {
  sample SAMPLE
  balance left, right
  interchange left
  interchange right
  interchange left, right
  split train 80%, heldout 20%
}
expect iia >= 0.80 on heldout
"""
EXAMPLES, BATCH, EPOCHS, RATE = 1_280_000, 6400, 10, 1e-3
"""pyvene's tutorial on distributed alignment search: examples, batch, epochs, rate of Adam."""

DIMS = 8


class Tutorial:
    """The tutorial's model: one rotation of 2 x 8 dims that two interventions share."""

    def __init__(self, network: Any) -> None:
        from causalabs.engine.pyvene_backend.importing import pyvene, quiet

        package = pyvene()
        self.quiet = quiet
        shared = {"subspace_partition": [[0, DIMS], [DIMS, 2 * DIMS]], "intervention_link_key": 0}
        representations = [
            package.RepresentationConfig(0, "block_output", "pos", 1, **shared) for _ in range(2)
        ]
        torch.manual_seed(0)
        config = package.IntervenableConfig(
            representations, intervention_types=package.RotatedSpaceIntervention
        )
        with quiet():
            self.model = package.IntervenableModel(config, pyvene_mlp(network))
        once = dict.fromkeys(self.model.get_trainable_parameters())  # the two share them
        self.adam = torch.optim.Adam(list(once), lr=RATE)

    def scores(self, base: Tensor, sources: list[Tensor | None]) -> Tensor:
        """Scores (batch, classes); None for a side that is left alone."""
        batch = len(base)
        there = [None if source is None else [[0]] * batch for source in sources]
        subspaces = [None if s is None else [[side]] * batch for side, s in enumerate(sources)]
        fed = [None if s is None else {"inputs_embeds": s[:, None]} for s in sources]
        with self.quiet():
            _, out = self.model(
                {"inputs_embeds": base[:, None]},
                fed,
                {"sources->base": (there, there)},
                subspaces=subspaces,
            )
        return out[0].view(batch, -1)

    def step(self, base: Tensor, sources: list[Tensor | None], answers: Tensor) -> Tensor:
        loss = functional.cross_entropy(self.scores(base, sources), answers)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss


class Drawn:
    """Examples of one line as pyvene's tutorial feeds them: base, a source a side, answers."""

    def __init__(self, resources: Resources, number: int, split: int) -> None:
        examples = resources.examples(0)
        self.inputs = resources.store(0).inputs
        line = examples.lines[number]
        rows = np.flatnonzero(line.split == split)
        self.base = torch.from_numpy(line.base[rows])
        self.sides = [self._source(line, rows, number, side) for side in (0, 1)]
        self.answers = torch.from_numpy(line.answers["same"][rows])

    @staticmethod
    def _source(line: Any, rows: Any, number: int, side: int) -> Tensor | None:
        if number not in (side, 2):
            return None
        return torch.from_numpy(line.sources[side if number == 2 else 0, rows])

    def batch(self, rows: Tensor) -> tuple[Tensor, list[Tensor | None], Tensor]:
        sources = [None if side is None else self.inputs[side[rows]] for side in self.sides]
        return self.inputs[self.base[rows]], sources, self.answers[rows]


def our_fit(resources: Resources, job: Any, steps: int, patch: Any) -> tuple[float, float]:
    """Held-out IIA of a fit of so many steps, and seconds for fitting and measuring."""
    patch.setattr("causalabs.engine.jobs.budget_for", lambda network: Budget(steps=steps))
    start = time.process_time()
    outcome = run_job(job, resources.hypothesis, resources=resources)
    spent = time.process_time() - start
    found = [m.values.mean() for m in outcome.measured if m.metric == "iia"]
    return float(np.mean(found)), spent


def test_time_to_equal_heldout_iia(capsys, monkeypatch):
    hypothesis = causalabs.loads(TEXT.replace("SAMPLE", "100_000"))
    large = causalabs.loads(TEXT.replace("SAMPLE", str(EXAMPLES // 3 * 5 // 4 + 1)))
    resources = Resources(hypothesis)
    job = make_plan(hypothesis).jobs[0]
    resources.network(0)
    resources.store(0)
    theirs = Tutorial(resources.network(0))
    more = Resources(large, make_network=lambda *_: resources.network(0))
    train = [Drawn(more, number, 0) for number in range(3)]
    heldout = [Drawn(resources, number, 1) for number in range(3)]
    generator = torch.Generator().manual_seed(0)
    clock, best, told = 0.0, 0.0, []
    for _ in range(EPOCHS):
        batches = [
            (number, rows)
            for number, each in enumerate(train)
            for rows in torch.randperm(len(each.base), generator=generator).split(BATCH)
        ]
        for place in torch.randperm(len(batches), generator=generator).tolist():
            number, rows = batches[place]
            batch = train[number].batch(rows)
            start = time.process_time()
            theirs.step(*batch)
            clock += time.process_time() - start
        best = heldout_iia(theirs, heldout)  # looking is not counted
        told.append(f"{clock:.0f} s: {best:.4f}")
    for steps in (125, 250, 500, 1000, 2000):
        mine, spent = our_fit(resources, job, steps, monkeypatch)
        if mine >= best:
            break
    whole, default = our_fit(resources, job, Budget().steps, monkeypatch)
    with capsys.disabled():
        print(
            f"\nhierarchical equality: pyvene {best:.4f} in {clock:.1f} s ({'; '.join(told)}); "
            f"ours {mine:.4f} in {spent:.2f} s ({steps} steps), {whole:.4f} in {default:.2f} s by "
            f"default; ratio {clock / spent:.1f}, by default {clock / default:.1f}"
        )


@torch.no_grad()
def heldout_iia(model: Tutorial, heldout: list[Drawn]) -> float:
    found = []
    for each in heldout:
        parts = []
        for rows in torch.arange(len(each.base)).split(BATCH):
            base, sources, answers = each.batch(rows)
            parts.append(model.scores(base, sources).argmax(dim=1) == answers)
        found.append(float(torch.cat(parts).double().mean()))
    return float(np.mean(found))


def test_a_step_on_an_mlp(capsys):
    task = Task(16)
    theirs = Tutorial(task.network)
    batch, inputs = task.train.rows, task.store.inputs
    bounds = task.train.bounds

    def step(rows: Tensor) -> None:  # a batch of pyvene's has one kind of interchange
        rows = bounds[2] + rows % (bounds[3] - bounds[2])
        sources = [inputs[batch.source[write, rows]] for write in (0, 1)]
        theirs.step(inputs[batch.base[rows]], sources, batch.answers["same"][rows])

    count = len(batch)
    mine = ours(task, 1)
    sizes = at_best(mine, count, (512, 2048, 6400), 20), at_best(step, count, (512, 2048, 6400), 5)
    ratio = in_turn(mine, step, count, sizes, times=9, steps=3)
    with capsys.disabled():
        print(
            f"\nMLP 16 wide, two 8-dim subspaces: {ratio[0] * 1e3:.2f} us an example (batch "
            f"{sizes[0]}), pyvene {ratio[1] * 1e3:.2f} us (batch {sizes[1]}); ratio {ratio[2]:.1f}"
        )


# -------------------------------------------------------------------------- SmolLM2

NAMES = ("Mary", "John", "Tom", "James", "Dan", "Martin", "Amy", "Scott", "Paul", "Anna", "Mark")
PROMPTS, LAYER, RANK = 256, 20, 16


class Language:
    """SmolLM2, prompts of 14 tokens, and random pairs of them."""

    def __init__(self, position: Position) -> None:
        from causalabs.engine.language_models.contract import Read
        from causalabs.engine.language_models.model import LanguageModel

        module, tokenizer = smollm2()
        generator = np.random.default_rng(0)
        words, answers = [], []
        ids = [tokenizer(f" {name}")["input_ids"] for name in NAMES]
        assert all(len(each) == 1 for each in ids)
        for _ in range(PROMPTS):
            first, second = generator.choice(len(NAMES), 2, replace=False)
            a, b = NAMES[first], NAMES[second]
            text = f"When {a} and {b} went to the store, {b} gave a drink to"
            words.append(tokenizer(text)["input_ids"])
            answers.append(first)
        self.words = np.array(words)
        reads = [Read("answer", Last(), tuple(map(tuple, ids)))]
        prompter = WordPrompter()
        prompter.length = self.words.shape[1]
        self.network = LanguageModel(module, prompter=prompter, reads=reads)
        self.site = Site("residual", LAYER, position=position)
        self.store = Store(self.network, {"words": self.words})
        member = space("learned", {"name": range(RANK)}, self.site)
        line = Line("l", "a", (Take("name", "name", 0),))
        self.space, alignment = member, Alignment("", "a", (member,))
        self.program = compile_lines({0: line}, alignment, {0: 0})
        self.store.capture(self.program.read)
        base = torch.arange(PROMPTS)
        source = base.roll(7)[None]
        wanted = torch.tensor(answers)[source[0]]
        used = torch.ones(1, PROMPTS, dtype=torch.bool)
        batch = Batch(base, source, used, {"answer": wanted})
        self.train = Table(batch, (0,), (0, PROMPTS))
        self.answers = torch.tensor([each[0] for each in ids])

    def start(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        width = self.network.width(self.site)
        return torch.linalg.qr(torch.randn(width, RANK, generator=generator))[0]

    def ours(self) -> Step:
        way = Way(self.program, {}, {0: {"free": self.start()[None].clone()}})
        free = {0: Free(self.space, find("learned"), len(self.start()))}
        race = Race([way], free, self.store, Budget(restarts=1))
        return lambda rows: race.step(self.train, rows, 1e-2, 0.5)

    def our_loss(self, rows: Tensor) -> float:
        bases = {0: find("learned").basis(self.space, {"free": self.start()[None]}, 1.0)}
        batch = self.train.rows.take(rows)
        scores = run(self.program, bases, batch, self.store)["answer"]
        return float(functional.cross_entropy(scores, batch.answers["answer"]))

    def pyvenes(self) -> tuple[Step, Callable[[Tensor], float]]:
        from causalabs.engine.pyvene_backend.importing import pyvene, quiet
        from causalabs.engine.pyvene_backend.oracle import low_rank

        package = pyvene()
        intervention = low_rank(self.start())
        place = package.RepresentationConfig(
            LAYER, "block_output", "pos", 1, intervention=intervention
        )
        with quiet():
            model = package.IntervenableModel(
                package.IntervenableConfig([place]), self.network.module
            )
        adam = torch.optim.Adam(intervention.parameters(), lr=1e-2)
        batch, ids = self.train.rows, torch.from_numpy(self.words)
        at = self.network.prompter.resolve(self.site.position, self.store.inputs)[:, 0].tolist()

        def loss(rows: Tensor) -> Tensor:
            sources = batch.source[0, rows]
            where = [[[at[row]] for row in rows.tolist()]]
            with quiet():
                _, out = model(
                    {"input_ids": ids[batch.base[rows]], "use_cache": False},
                    [{"input_ids": ids[sources], "use_cache": False}],
                    {"sources->base": (where, where)},
                )
            scores = out.logits[:, -1][:, self.answers]
            return functional.cross_entropy(scores, batch.answers["answer"][rows])

        def step(rows: Tensor) -> None:
            found = loss(rows)
            adam.zero_grad()
            found.backward()
            adam.step()

        return step, lambda rows: float(loss(rows))


def smollm2() -> tuple[Any, Any]:
    from causalabs.engine.errors import EngineError
    from causalabs.engine.language_models.loading import load
    from causalabs.engine.protocol import Device

    try:
        loaded = load("smollm2-135m", folder=None, device=Device())
    except EngineError as error:
        pytest.skip(str(error))
    return loaded.module, loaded.tokenizer


@pytest.mark.parametrize("position", [Last(), AtIndex(7)], ids=["last", "middle"])
def test_a_step_on_smollm2(position, capsys):
    task = Language(position)
    step, their_loss = task.pyvenes()
    rows = torch.arange(24)
    mine, theirs = task.our_loss(rows), their_loss(rows)
    assert abs(mine - theirs) < 1e-3 * abs(theirs), (mine, theirs)
    our_step = task.ours()
    sizes = (
        at_best(our_step, PROMPTS, (64, 128, 256), 2),
        at_best(step, PROMPTS, (16, 64), 1),
    )
    ratio = in_turn(our_step, step, PROMPTS, sizes, times=3, steps=1)
    with capsys.disabled():
        print(
            f"\nSmolLM2 residual {LAYER}, {RANK} dims: {ratio[0]:.2f} ms an example (batch "
            f"{sizes[0]}), pyvene {ratio[1]:.1f} ms (batch {sizes[1]}); ratio {ratio[2]:.1f}; "
            f"losses {mine:.5f} and {theirs:.5f}"
        )
