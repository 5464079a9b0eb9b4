"""Networks and interchanges run the slow way: one example, one token, one unit at a time.

Nothing here shares code with the engine but the encoding of inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from causalabs.hypothesis.model import AtIndex, AtStep, Line, Member, Site

Point = tuple[str, "int | None", "int | None"]
Hook = Callable[[Point, Tensor], Tensor]


def point(site: Site) -> Point:
    match site.position:
        case AtIndex(index):
            return (site.component, site.layer, index)
        case AtStep(step):
            return (site.component, site.layer, step)
        case _:
            return (site.component, site.layer, None)


def run_mlp(net: Any, fed: Tensor, hook: Hook) -> dict[str, Tensor]:
    for number, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        fed = torch.stack([row @ fed for row in weight]) + bias
        if number < len(net.weights) - 1:
            fed = hook(("hidden", number, None), torch.clamp(fed, min=0))
    return cut(net, fed)


def run_gru(net: Any, fed: Tensor, hook: Hook) -> dict[str, Tensor]:
    width, state = net.state_width, torch.zeros(net.state_width, dtype=fed.dtype)
    states = []
    for step, given in enumerate(fed):
        a = net.input_weight @ given + net.input_bias
        b = net.state_weight @ state + net.state_bias
        reset = torch.sigmoid(a[:width] + b[:width])
        keep = torch.sigmoid(a[width : 2 * width] + b[width : 2 * width])
        new = torch.tanh(a[2 * width :] + reset * b[2 * width :])
        state = hook(("state", None, step), (1 - keep) * new + keep * state)
        states.append(state)
    found, first = {}, 0
    for output in net.outputs:
        rows = slice(first, first + output.classes)
        found[output.name] = (
            net.head_weight[rows] @ states[output.position.step] + net.head_bias[rows]
        )
        first += output.classes
    return found


def norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean()
    return centred / torch.sqrt((centred**2).mean() + 1e-5) * weight + bias


def run_transformer(net: Any, ids: Tensor, hook: Hook) -> dict[str, Tensor]:
    count, width, size = len(ids), net.residual_width, net.residual_width // net.heads
    x = [net.token_weight[token] + net.position_weight[i] for i, token in enumerate(ids)]
    for layer, block in enumerate(net.blocks):
        parts = [
            block["qkv_weight"] @ norm(row, block["first_weight"], block["first_bias"])
            + block["qkv_bias"]
            for row in x
        ]
        added = []
        for i in range(count):
            mixed = []
            for head in range(net.heads):
                mine = slice(head * size, (head + 1) * size)
                query = parts[i][:width][mine]
                keys = [parts[j][width : 2 * width][mine] for j in range(i + 1)]
                values = [parts[j][2 * width :][mine] for j in range(i + 1)]
                scores = torch.stack([query @ key / math.sqrt(size) for key in keys])
                weights = torch.softmax(scores, dim=0)
                mixed.append(sum(w * v for w, v in zip(weights, values, strict=True)))
            out = block["out_weight"] @ torch.cat(mixed) + block["out_bias"]
            added.append(hook(("attention", layer, i), out))
        x = [row + more for row, more in zip(x, added, strict=True)]
        for i, row in enumerate(x):
            inner = block["widen_weight"] @ norm(row, block["second_weight"], block["second_bias"])
            inner = torch.clamp(inner + block["widen_bias"], min=0)
            out = block["narrow_weight"] @ inner + block["narrow_bias"]
            x[i] = hook(("residual", layer, i), row + hook(("mlp", layer, i), out))
    last = norm(x[-1], net.norm_weight, net.norm_bias)
    return cut(net, net.head_weight @ last + net.head_bias)


def cut(net: Any, logits: Tensor) -> dict[str, Tensor]:
    found, first = {}, 0
    for output in net.outputs:
        found[output.name] = logits[first : first + output.classes]
        first += output.classes
    return found


def run_slowly(net: Any, inputs: Any, row: int, hook: Hook) -> dict[str, Tensor]:
    """The scores on one input."""
    if net.kind == "transformer":
        return run_transformer(net, inputs.ids[row], hook)
    return (run_mlp if net.kind == "mlp" else run_gru)(net, inputs[row], hook)


def answer(scores: Tensor) -> int:
    """The highest score's place, the first of equals."""
    found = scores.tolist()
    return found.index(max(found))


def seen_on(net: Any, inputs: Any, row: int) -> dict[Point, Tensor]:
    seen: dict[Point, Tensor] = {}

    def look(at: Point, value: Tensor) -> Tensor:
        seen[at] = value.clone()
        return value

    run_slowly(net, inputs, row, look)
    return seen


def interchanged(
    net: Any,
    inputs: Any,
    base: int,
    sources: list[int],
    line: Line,
    homes: Mapping[str, tuple[str, Member, Tensor | None]],
) -> dict[str, Tensor]:
    """Scores after the line's interchange; homes are (kind, member, columns of a rotation)."""
    clean = [seen_on(net, inputs, row) for row in sources]
    own = seen_on(net, inputs, base)

    def hook(at: Point, value: Tensor) -> Tensor:
        result = value.clone()
        for take in line.takes:
            kind, member, columns = homes[take.variable]
            _, origin, theirs = homes[take.origin]
            writes = [point(site) for site in member.choices[0].writes]
            if at not in writes:
                continue
            place = writes.index(at)
            reads = [point(site) for site in origin.choices[0].reads]
            given = torch.cat([clean[take.source][each] for each in reads])
            low = sum(len(own[each]) for each in writes[:place])
            if kind == "whole":
                result = given[low : low + len(value)].clone()
            elif kind == "neurons":
                for to, come in zip(member.block, origin.block, strict=True):
                    if low <= to < low + len(value):
                        result[to - low] = given[come]
            else:
                assert columns is not None
                assert theirs is not None
                whole = torch.cat([value if w == at else own[w] for w in writes])
                for to, come in zip(member.block, origin.block, strict=True):
                    change = given @ theirs[:, come] - whole @ columns[:, to]
                    result = result + change * columns[low : low + len(value), to]
        return result

    return run_slowly(net, inputs, base, hook)
