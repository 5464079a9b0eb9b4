"""A step on SmolLM2 against a hand-written loop over the same blocks and positions, and a search
over all layers as one staggered pass against its single fits: told as ratios, never judged."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from causalabs.engine.language_models.contract import Read
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.language_models.packaged import find, kept
from causalabs.hypothesis.model import AtIndex, Last, Site
from tests.engine.language_models.support import WordPrompter

pytestmark = pytest.mark.benchmark

TOKENS, DIMS, ANSWERS = 14, 16, tuple(range(100, 114))


@pytest.fixture(scope="module")
def network():
    found = find("smollm2-135m")
    folder = kept(found) if found is not None else None
    if folder is None:
        pytest.skip("type `causalabs models fetch smollm2-135m` first")
    from transformers import AutoModelForCausalLM

    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompter = WordPrompter()
    prompter.length = TOKENS
    reads = (Read("answer", Last(), tuple((token,) for token in ANSWERS)),)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield LanguageModel(module, prompter=prompter, reads=reads)
    torch.set_num_threads(threads)


def prompts(network, rows: int):
    words = np.random.default_rng(0).integers(0, 40_000, (rows, TOKENS))
    return network.encode({"words": words})


class ByHand:
    """Blocks after `layer` from token `first` on over kept keys and values, in plain torch."""

    def __init__(self, network, inputs, layer: int, first: int) -> None:
        self.model, self.layer = network.module, layer
        inner = self.model.model
        with torch.no_grad():
            full = inner(inputs.ids, use_cache=True, output_hidden_states=True)
        self.start = full.hidden_states[layer + 1][:, first:].clone()
        self.past = [
            (each.keys[:, :, :first].clone(), each.values[:, :, :first].clone())
            for each in full.past_key_values.layers
        ]
        positions = torch.arange(first, TOKENS)[None]
        self.angles = inner.rotary_emb(self.start, positions)
        self.mask = (torch.arange(TOKENS) <= positions[0, :, None])[None, None]
        self.weight = self.model.lm_head.weight[list(ANSWERS)].clone()

    def __call__(self, write: Callable[[Tensor], Tensor]) -> Tensor:
        from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

        x = torch.cat([write(self.start[:, 0])[:, None], self.start[:, 1:]], dim=1)
        rows, tokens = x.shape[:2]
        for number in range(self.layer + 1, len(self.model.model.layers)):
            block = self.model.model.layers[number]
            attention, normed = block.self_attn, block.input_layernorm(x)
            q, k, v = (
                projection(normed).view(rows, tokens, -1, attention.head_dim).transpose(1, 2)
                for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            q, k = apply_rotary_pos_emb(q, k, *self.angles)
            k = torch.cat([self.past[number][0], k], dim=2)
            v = torch.cat([self.past[number][1], v], dim=2)
            z = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=self.mask if tokens > 1 else None, enable_gqa=True
            )
            x = x + attention.o_proj(z.transpose(1, 2).reshape(rows, tokens, -1))
            x = x + block.mlp(block.post_attention_layernorm(x))
        return functional.linear(self.model.model.norm(x[:, -1]), self.weight)


def swapped(current: Tensor, source: Tensor, columns: Tensor) -> Tensor:
    return current + ((source - current) @ columns) @ columns.mT


def took(run: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.process_time() - processor, time.perf_counter() - wall


@pytest.mark.parametrize("first", [TOKENS - 1, 7], ids=["last", "middle"])
@pytest.mark.parametrize("rows", [16, 64, 128])
def test_a_step_against_a_loop_by_hand(network, rows, first, capsys):
    inputs, layer = prompts(network, rows), 20
    site = Site("residual", layer, position=AtIndex(first))
    prefix = network.prefix(inputs, [site])
    source = network.capture(inputs, [site])[0].flip(0)
    by_hand = ByHand(network, inputs, layer, first)
    columns = torch.linalg.qr(torch.randn(576, DIMS))[0].requires_grad_()
    wanted = torch.arange(rows) % len(ANSWERS)
    optimiser = torch.optim.Adam([columns], 1e-3)

    def ours() -> Tensor:
        write = partial(swapped, source=source, columns=columns)
        return network.resume(prefix, [(site, write)])["answer"]

    def hand() -> Tensor:
        return by_hand(partial(swapped, source=source, columns=columns))

    def step(scores: Callable[[], Tensor]) -> None:
        optimiser.zero_grad()
        functional.cross_entropy(scores(), wanted).backward()
        optimiser.step()

    torch.testing.assert_close(ours(), hand(), atol=2e-3, rtol=1e-3)
    step(ours)
    step(hand)
    times = 15 if rows * (TOKENS - first) < 100 else 4
    pairs = [(took(partial(step, ours)), took(partial(step, hand))) for _ in range(times)]
    ratios = [statistics.median(a[i] / b[i] for a, b in pairs) for i in range(2)]
    seconds = statistics.median(a[0] for a, _ in pairs)
    with capsys.disabled():
        print(
            f"\nlayer {layer}, {rows} prompts, {TOKENS - first} tokens: {seconds * 1e3:.0f} ms of "
            f"processor, against a loop by hand {ratios[0]:.2f} (wall {ratios[1]:.2f})"
        )


@pytest.mark.parametrize("threads", [1, 2])
def test_a_staggered_search_against_single_fits(network, threads, capsys):
    rows, seeds = 16, 4
    layers = len(network.wiring.blocks)
    inputs = prompts(network, rows)
    sites = [Site("residual", layer, position=Last()) for layer in range(layers)]
    prefix = network.prefix(inputs, sites)
    sources = [found.flip(0) for found in network.capture(inputs, sites)]
    columns = [torch.linalg.qr(torch.randn(seeds, 576, DIMS))[0].requires_grad_() for _ in sites]
    wanted = torch.arange(rows) % len(ANSWERS)

    def group(layer: int, slots: int):
        def write(current: Tensor) -> Tensor:
            stacked = current.view(slots, rows, -1)
            return swapped(stacked, sources[layer], columns[layer][:slots]).flatten(0, 1)

        return [(sites[layer], write)]

    def single() -> None:
        for layer in range(layers):
            scores = network.resume(prefix, group(layer, 1))["answer"]
            functional.cross_entropy(scores, wanted).backward()

    def together(passes: int = 1) -> None:
        for number in range(passes):
            chosen = range(number * layers // passes, (number + 1) * layers // passes)
            groups = [group(layer, seeds) for layer in chosen]
            found = network.resume_each(prefix, groups, slots=seeds)
            losses = [functional.cross_entropy(s["answer"], wanted.repeat(seeds)) for s in found]
            torch.stack(losses).sum().backward()

    torch.set_num_threads(threads)
    single()
    ratios: dict[int, list[tuple[float, float]]] = {1: [], 3: []}
    for _ in range(3):
        alone = took(single)
        for passes, found in ratios.items():
            mine = took(partial(together, passes))
            found.append((mine[0] / alone[0] / seeds, mine[1] / alone[1] / seeds))
    torch.set_num_threads(1)
    with capsys.disabled():
        for passes, found in ratios.items():
            processor, wall = (statistics.median(each[i] for each in found) for i in range(2))
            print(
                f"\n{layers} layers x {seeds} seeds, {rows} prompts, {threads} threads, "
                f"{passes} passes: {wall:.2f} of the single fits (processor {processor:.2f})"
            )
