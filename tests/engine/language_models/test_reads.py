"""What is read: single tokens, against the vocabulary, whole answers, at several positions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from causalabs.engine.language_models.contract import Prompts, Read
from causalabs.hypothesis.model import AtIndex, Last, Site
from tests.engine.language_models.support import NAMES, columns, network, plain

SPELLED = ((3, 9, 4), (3, 9), (3, 8, 8), (5,), (7, 3))
TWO = (
    Read("early", AtIndex(2), ((1,), (2,))),
    Read("late", Last(), ((3,), (4,), (5,)), vocabulary=True),
)


def spelled_by_hand(name: str, inputs: Prompts, read: Read) -> Tensor:
    """Each answer after each prompt, teacher-forced by the model's own forward."""
    found = torch.zeros(len(inputs), len(read.answers))
    for row in range(len(inputs)):
        length = int(inputs.lengths[row])
        for number, answer in enumerate(read.answers):
            ids = torch.cat([inputs.ids[row, :length], torch.tensor(answer)])[None]
            whole = Prompts(ids, torch.tensor([ids.shape[1]]), {})
            logs = plain(name, whole)[0].log_softmax(dim=-1)
            steps = [logs[length - 1 + i, token] for i, token in enumerate(answer)]
            found[row, number] = torch.stack(steps).sum()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_spelled_answers_are_teacher_forced(name: str) -> None:
    read = Read("answer", Last(), SPELLED)
    net = network(name, [read])
    inputs = net.encode(columns((7, 5, 6)))
    wanted = spelled_by_hand(name, inputs, read)
    torch.testing.assert_close(net.scores(inputs)["answer"], wanted, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "mistral", "gemma3_text", "gpt_neox"])
@pytest.mark.parametrize(("layer", "position"), [(1, Last()), (0, AtIndex(4))])
def test_spelled_answers_see_what_is_written(name: str, layer: int, position: Any) -> None:
    read = Read("answer", Last(), SPELLED)
    net = network(name, [read])
    inputs = net.encode(columns((7, 5, 6)))
    site = Site("residual", layer, position=position)
    at = torch.from_numpy(net.prompter.resolve(position, inputs))[:, 0]
    add = torch.randn(net.width(site), generator=torch.Generator().manual_seed(2))
    row = 0

    def write(_: Any, __: Any, whole: Tensor) -> Tensor:
        whole = whole.clone()
        whole[0, at[row]] += add
        return whole

    found = net.resume(net.prefix(inputs, [site]), [(site, lambda current: current + add)])
    handle = net.wiring.layers[layer].register_forward_hook(write)
    for row in range(3):
        alone = net.slice(inputs, slice(row, row + 1))
        wanted = spelled_by_hand(name, alone, read)
        torch.testing.assert_close(found["answer"][row : row + 1], wanted, atol=2e-5, rtol=1e-4)
    handle.remove()
    assert (found["answer"] - net.scores(inputs)["answer"]).abs().max() > 1e-2


def test_answers_of_one_token_spelled_are_their_probabilities_among_all() -> None:
    inputs = network("llama").encode(columns((7, 5)))
    single = Read("answer", Last(), ((3,), (5,)))
    longer = replace(single, answers=((3,), (5,), (6, 6)))
    logs = network("llama", [longer]).scores(inputs)["answer"]
    logits = network("llama", [single]).scores(inputs)["answer"]
    torch.testing.assert_close(logs[:, 0] - logs[:, 1], logits[:, 0] - logits[:, 1])


@pytest.mark.parametrize("name", NAMES)
def test_outputs_at_two_positions_one_against_the_vocabulary(name: str) -> None:
    net = network(name, TWO)
    inputs = net.encode(columns((7, 5, 6)))
    logits = plain(name, inputs)
    rows = torch.arange(3)
    logs = logits[rows, inputs.lengths - 1].log_softmax(dim=-1)
    others = logs.clone()
    others[:, [3, 4, 5]] = -torch.inf
    wanted = torch.cat([logs[:, [3, 4, 5]], others.amax(dim=1, keepdim=True)], dim=1)
    found = net.scores(inputs)
    torch.testing.assert_close(found["early"], logits[:, 2, [1, 2]], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found["late"], wanted, atol=1e-5, rtol=1e-5)


def test_an_output_read_before_the_write_is_the_clean_one() -> None:
    net = network("gpt2", TWO)
    inputs = net.encode(columns((7, 5, 6)))
    clean = net.scores(inputs)
    site = Site("residual", 0, position=Last())
    found = net.resume(net.prefix(inputs, [site]), [(site, torch.zeros_like)], slots=2)
    assert torch.equal(found["early"], clean["early"].repeat(2, 1))
    assert (found["late"] - clean["late"].repeat(2, 1)).abs().max() > 1e-2
    logits = Site("logits", position=AtIndex(2))
    assert net.width(logits) == 2
    prefix = net.prefix(inputs, [logits, site])
    found = net.resume(prefix, [(logits, torch.zeros_like)])
    assert torch.equal(found["early"], torch.zeros(3, 2))
    assert torch.equal(found["late"], clean["late"])
    (captured,) = net.capture(inputs, [Site("logits")])
    assert torch.equal(captured, torch.cat([clean["early"], clean["late"]], dim=1))
