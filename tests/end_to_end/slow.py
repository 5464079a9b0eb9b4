"""Interchanges run the slow way, one example at a time, from what a generated file means.

Inputs are encoded here too; networks lend their weights and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tests.end_to_end.meanings import Env, Kind, spelled
from tests.end_to_end.writer import Home, Made, Spot
from tests.engine.slow_runs import answer, norm, run_gru, run_mlp

Values = dict["int | None", Tensor]
Hook = Callable[[str, "int | None", Values], Values]
"""(component, layer, activation at each token or step) -> what stands there then."""


def one_hot(kind: Kind, value: Any) -> list[float]:
    if kind.sort == "bool":
        return [float(value)]
    return [float(each == value) for each in kind.values]


def fed(made: Made, names: Sequence[str], env: Env) -> Tensor:
    found = [number for name in names for number in one_hot(made.kind_of(name), env[name])]
    return torch.tensor(found, dtype=torch.float64)


def words_of(made: Made, template: int, env: Env) -> list[str]:
    return [spelled(env[w[1:-1]]) if w[0] == "{" else w for w in made.feed[template]]


def run(net: Any, made: Made, env: Env, template: int, hook: Hook) -> dict[str, int]:
    """The network's answer for each output, as a place in its domain."""

    def single(at: Any, value: Tensor) -> Tensor:
        return hook(at[0], at[1], {at[2]: value})[at[2]]

    if made.kind == "mlp":
        scores = run_mlp(net, fed(made, made.feed, env), single)
    elif made.kind == "gru":
        steps = torch.stack([fed(made, names, env) for names in made.feed])
        scores = run_gru(net, steps, single)
    else:
        scores = run_transformer(net, made, env, template, hook)
    return {name: answer(column) for name, column in scores.items()}


def run_transformer(net: Any, made: Made, env: Env, template: int, hook: Hook) -> dict[str, Tensor]:
    size = net.residual_width // net.heads
    number = net.tokenizer.vocabulary.words.index
    ids = [number(word) for word in words_of(made, template, env)]
    rows: Values = {
        i: net.token_weight[token] + net.position_weight[i] for i, token in enumerate(ids)
    }
    x = hook("embedding", None, rows)
    for layer, block in enumerate(net.blocks):
        added = attention(net, block, layer, x, size, hook)
        x = {i: x[i] + added[i] for i in x}
        more = {}
        for i, row in x.items():
            inner = block["widen_weight"] @ norm(row, block["second_weight"], block["second_bias"])
            inner = torch.clamp(inner + block["widen_bias"], min=0)
            more[i] = block["narrow_weight"] @ inner + block["narrow_bias"]
        more = hook("mlp", layer, more)
        x = hook("residual", layer, {i: x[i] + more[i] for i in x})
    found, first = {}, 0
    for (name, at), output in zip(made.reads, net.outputs, strict=True):
        assert name == output.name
        mine = slice(first, first + output.classes)
        (token,) = at(env, template)
        last = norm(x[token], net.norm_weight, net.norm_bias)
        found[name] = net.head_weight[mine] @ last + net.head_bias[mine]
        first += output.classes
    return found


def attention(net: Any, block: Any, layer: int, x: Values, size: int, hook: Hook) -> Values:
    """What attention adds at each token; heads can be watched part by part."""
    width = net.residual_width
    parts = {
        i: block["qkv_weight"] @ norm(row, block["first_weight"], block["first_bias"])
        + block["qkv_bias"]
        for i, row in x.items()
    }
    total = dict.fromkeys(x, block["out_bias"])
    for head in range(net.heads):
        mine = slice(head * size, (head + 1) * size)
        query, key, value = (
            hook(f"head.{head}.{n}", layer, {i: parts[i][k * width :][mine] for i in x})
            for k, n in enumerate("qkv")
        )
        mixed: Values = {}
        for i in x:
            seen = [j for j in x if j <= i]  # type: ignore[operator]
            scores = torch.stack([query[i] @ key[j] / math.sqrt(size) for j in seen])
            weights = torch.softmax(scores, dim=0)
            mixed[i] = torch.stack([w * value[j] for w, j in zip(weights, seen, strict=True)]).sum(
                0
            )
        mixed = hook(f"head.{head}.z", layer, mixed)
        share = {i: block["out_weight"][:, mine] @ mixed[i] for i in x}
        share = hook(f"head.{head}", layer, share)
        total = {i: total[i] + share[i] for i in x}
    return hook("attention", layer, total)


Seen = dict[tuple[str, "int | None"], Values]


def watched(net: Any, made: Made, env: Env, template: int) -> tuple[Seen, dict[str, int]]:
    """All activations of a clean run, and its answers."""
    seen: Seen = {}

    def look(component: str, layer: int | None, values: Values) -> Values:
        seen.setdefault((component, layer), {}).update({i: v.clone() for i, v in values.items()})
        return values

    answers = run(net, made, env, template, look)
    return seen, answers


def there(seen: Seen, spot: Spot, env: Env, template: int) -> Tensor:
    return torch.cat([seen[spot.component, spot.layer][i] for i in spot.at(env, template)])


def interchanged(
    net: Any,
    made: Made,
    takes: Sequence[tuple[str, str, int]],
    base: tuple[Env, int, Seen],
    sources: Sequence[tuple[Env, int, Seen]],
    columns: dict[str, Tensor],
) -> dict[str, int]:
    """Answers after the interchange; `columns` are learned elements' own directions."""
    env, template, own = base

    def hook(component: str, layer: int | None, values: Values) -> Values:
        result = dict(values)
        for variable, origin, number in takes:
            home, from_home = made.homes[variable], made.homes[origin]
            given_env, given_template, clean = sources[number]
            given = torch.cat([there(clean, s, given_env, given_template) for s in from_home.reads])
            low = 0
            for spot in home.writes:
                width = len(there(own, spot, env, template))
                tokens = spot.at(env, template)
                here = (spot.component, spot.layer) == (component, layer)
                if here and set(tokens) <= set(values):
                    parts = Part(home, from_home, low, width, given)
                    new = written(parts, spot, base, values, result, columns, variable, origin)
                    step = width // len(tokens)
                    for place, token in enumerate(tokens):
                        result[token] = new[place * step : (place + 1) * step]
                low += width
        return result

    return run(net, made, env, template, hook)


class Part:
    """One site of a write, and what the source gives to it."""

    def __init__(self, home: Home, origin: Home, low: int, width: int, given: Tensor) -> None:
        self.home, self.origin, self.given = home, origin, given
        self.low, self.width = low, width


def written(
    part: Part,
    spot: Spot,
    base: tuple[Env, int, Seen],
    values: Values,
    result: Values,
    columns: dict[str, Tensor],
    variable: str,
    origin: str,
) -> Tensor:
    """What stands at one site after a write; coordinates are those before any write there."""
    env, template, own = base
    before = torch.cat([values[i] for i in spot.at(env, template)])
    new = torch.cat([result[i] for i in spot.at(env, template)]).clone()
    low, high = part.low, part.low + part.width
    if part.home.style == "whole":
        return part.given[low:high].clone()
    if part.home.style == "neurons":
        for to, at in zip(part.home.block, part.origin.block, strict=True):
            assert low <= to < high
            new[to - low] = part.given[at]
        return new
    pieces = [
        before if each is spot else there(own, each, env, template) for each in part.home.writes
    ]
    mine, theirs = columns[variable], columns[origin]
    for k in range(mine.shape[1]):
        change = part.given @ theirs[:, k] - torch.cat(pieces) @ mine[:, k]
        new = new + change * mine[low:high, k]
    return new
