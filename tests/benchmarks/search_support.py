"""A search over the layers of a model of SmolLM2's shape, and what is timed of it.

Weights are drawn: only their number matters here. Run as a program it searches 4,000 distinct
prompts and tells the peak of its memory.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from causalabs.engine.bases import find
from causalabs.engine.fit import Budget, Fitted, Free, Race, Way, fit
from causalabs.engine.interchange import Batch, Program
from causalabs.engine.language_models.contract import Read
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.rows import Table
from causalabs.engine.store import Store
from causalabs.engine.streams import stream
from causalabs.engine.writes import Home, Write
from causalabs.hypothesis.model import Last, Site
from tests.engine.jobs_support import space
from tests.engine.language_models.support import WORDS, WordPrompter

TOKENS, DIMS, WIDTH = 14, 16, 576


def smollm2_shaped(layers: int = 30, *, inner: int = 1536) -> LanguageModel:
    """Random weights in the shape of SmolLM2-135M; `inner` is the MLPs' width."""
    import transformers as hf

    config = hf.LlamaConfig(
        vocab_size=49_152,
        hidden_size=WIDTH,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    prompter = WordPrompter()
    prompter.length = TOKENS
    reads = (Read("answer", Last(), ((3,), (5,), (7,))),)
    return LanguageModel(hf.LlamaForCausalLM(config), prompter=prompter, reads=reads)


class Search:
    """`residual 0..29 at last` in 16 learned dims, over `inputs` distinct prompts."""

    def __init__(self, network: LanguageModel, inputs: int, pairs: int) -> None:
        draws = np.random.default_rng(0)
        words = {"words": draws.integers(0, WORDS, (inputs, TOKENS))}
        self.store = Store(network, words)
        layers = int(network.record["layers"])
        self.sites = [Site("residual", layer, position=Last()) for layer in range(layers)]
        self.free = Free(space("learned", {"v": range(DIMS)}, *self.sites), find("learned"), WIDTH)
        base, source = (torch.from_numpy(draws.integers(0, inputs, pairs)) for _ in range(2))
        answers = {"answer": torch.from_numpy(draws.integers(0, 3, pairs))}
        used = torch.ones(1, pairs, dtype=torch.bool)
        self.train = Table(Batch(base, source[None], used, answers), (0,), (0, pairs))

    def fill(self) -> float:
        """Processor's seconds that activations and prefix take."""
        start = time.process_time()
        self.store.capture(self.sites)
        self.store.prefix(self.sites, torch.tensor([0]))
        return time.process_time() - start

    def ways(self, sites: Sequence[Site], restarts: int) -> list[Way]:
        """A way for each site."""
        found = []
        for number, site in enumerate(sites):
            home = Home(0, "learned", (site,), (site,), tuple(range(DIMS)))
            program = Program((Write(home, home),), {0: ((0, 0),)})
            draws = stream(0, "starts", number)
            starts = self.free.kind.start(self.free.space, WIDTH, restarts, generator=draws)
            found.append(Way(program, {}, {0: starts}))
        return found

    def stepper(self, sites: Sequence[Site], restarts: int) -> Callable[[Tensor], None]:
        """Steps of one race over these sites in which nothing is dropped."""
        budget = Budget(restarts=restarts, together=100_000)
        race = Race(self.ways(sites, restarts), {0: self.free}, self.store, budget)
        return lambda rows: race.step(self.train, rows, 5e-2, 0.5)

    def race(self, budget: Budget) -> list[Fitted]:
        """The whole race."""
        ways, batches = self.ways(self.sites, budget.restarts), stream(0, "batches")
        return fit(ways, {0: self.free}, self.train, self.store, budget=budget, batches=batches)


def seconds(step: Callable[[Tensor], None], rows: Tensor) -> float:
    """Of the processor, one step: what else the machine does matters less."""
    start = time.process_time()
    step(rows)
    return time.process_time() - start


if __name__ == "__main__":
    torch.set_num_threads(1)
    prompts, inner = int(sys.argv[1]), int(sys.argv[2])
    many = Search(smollm2_shaped(inner=inner), prompts, 2 * prompts)
    filled = many.fill()
    step = many.stepper(many.sites, 4)
    spent = [seconds(step, torch.arange(16) + 16 * i) for i in range(2)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{filled:.1f} {min(spent):.1f} {peak:.2f}")
