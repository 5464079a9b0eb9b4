"""Values read in one place and written in another, beside runs edited by hand (I4, S4-S6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from causalabs.engine.rows import members_of
from causalabs.hypothesis.model import Last, Site, Slot
from tests.end_to_end.running import as_run, quick, random_networks, run_text

torch.set_num_threads(1)

TEXT = """
hypothesis bound
"Drinks are found by tag."

domain Name  = {{Bob, Carla, Dean}}
domain Drink = {{tea, milk, beer}}

algorithm {{
  input  who[2]  : Name
  input  what[2] : Drink
  input  asked   : Name
  where  who[0] != who[1] and what[0] != what[1]
  where  asked == who[0] or asked == who[1]
  var    tag[i in 0..1] : 0..1 = i
  var    wanted         : 0..1 = index_of(asked, who)
  output answer         : Drink =
           if wanted == tag[0] then what[0]
           else if wanted == tag[1] then what[1]
           else what[0]
}}

network transformer(layers = 2, heads = 2, width = 12) {{
  feed any of
    "{{who[0]}} has {{what[0]}} . {{who[1]}} has {{what[1]}} . {{asked}} has",
    "{{asked}} met {{who[0]}} with {{what[0]}} and {{who[1]}} with {{what[1]}} so"
  read answer at last
}}

alignment {{
  {places}
}}

counterfactuals {{
  sample 120
  {lines}
  split train 50%, heldout 50%
}}

{asked}
"""
FIRST, SECOND = Slot(("what[0]",)), Slot(("what[1]",))
Tensors = Mapping[Site, torch.Tensor]


def ran(
    monkeypatch: pytest.MonkeyPatch, folder: Path, places: str, lines: str, name: str
) -> tuple[Any, Any, Any, Any]:
    """The hypothesis, its examples, its network, and the logit differences of a line."""
    made: dict[bool, Any] = {}
    random_networks(monkeypatch, made)
    asked = f"report logit_difference of {name} on heldout"
    text = TEXT.format(places=places, lines=lines, asked=asked)
    hypothesis, _, outcomes = run_text(text, folder)
    (outcome,) = outcomes.values()
    found = {m.metric: m.values for m in outcome.measured if m.line >= 0}
    return hypothesis, as_run(hypothesis), made[True], found


def by_hand(
    hypothesis: Any,
    examples: Any,
    network: Any,
    writes: Mapping[Site, Callable[[Any, torch.Tensor], torch.Tensor]],
) -> tuple[np.ndarray, np.ndarray]:
    """Logit differences and agreement; a write is given the sources' reader and the current."""
    line, rows = examples.lines[0], members_of(examples, 0, 1)
    clean = dict(examples.clean["algorithm"])
    every = network.encode(clean)
    base = network.slice(every, torch.from_numpy(line.base[rows]))

    def source(site: Site, number: int = 0) -> torch.Tensor:
        (found,) = network.capture(every, [site])
        return found[line.sources[number, rows]]

    edits = [(site, lambda current, w=write: w(source, current)) for site, write in writes.items()]
    scores = network.resume(network.prefix(base, list(writes)), edits)["answer"].numpy()
    answer, own = line.answers["answer"][rows], clean["answer"][line.base[rows]]
    at = np.arange(len(rows))
    return scores[at, answer] - scores[at, own], scores.argmax(axis=1) == answer


def test_a_joint_exchange_of_two_places(monkeypatch, tmp_path):
    """`tag[0] from tag[1], tag[1] from tag[0] together`: one source, its places crossed.

    Before a block: the last one looks at its tokens in no order.
    """
    case = ran(
        monkeypatch,
        tmp_path,
        "tag[i in 0..1] -> embedding at what[i]",
        "interchange tag[0] from tag[1], tag[1] from tag[0] together as swapped",
        "swapped",
    )
    a, b = Site("embedding", position=FIRST), Site("embedding", position=SECOND)
    difference, right = by_hand(
        *case[:3], {a: lambda source, _: source(b), b: lambda source, _: source(a)}
    )
    assert case[3]["logit_difference"] == pytest.approx(difference, abs=1e-9)
    assert (case[3]["iia"] == right).all()
    straight, _ = by_hand(
        *case[:3], {a: lambda source, _: source(a), b: lambda source, _: source(b)}
    )
    assert np.abs(straight - difference).max() > 1e-3


def test_each_variable_from_a_source_of_its_own(monkeypatch, tmp_path):
    case = ran(
        monkeypatch,
        tmp_path,
        "tag[i in 0..1] -> embedding at what[i]",
        "interchange tag[0] from tag[1], tag[1] from tag[0] as swapped",
        "swapped",
    )
    a, b = Site("embedding", position=FIRST), Site("embedding", position=SECOND)
    difference, _ = by_hand(
        *case[:3], {a: lambda source, _: source(b, 0), b: lambda source, _: source(a, 1)}
    )
    assert case[1].lines[0].sources.shape[0] == 2
    assert case[3]["logit_difference"] == pytest.approx(difference, abs=1e-9)


def test_a_value_read_in_another_layer_at_another_token(monkeypatch, tmp_path):
    case = ran(
        monkeypatch,
        tmp_path,
        "wanted -> residual 1 at last from residual 0 at asked",
        "interchange wanted",
        "wanted",
    )
    to, at = Site("residual", 1, position=Last()), Site("residual", 0, position=Slot(("asked",)))
    difference, right = by_hand(*case[:3], {to: lambda source, _: source(at)})
    assert case[3]["logit_difference"] == pytest.approx(difference, abs=1e-9)
    assert (case[3]["iia"] == right).all()


@pytest.mark.parametrize("place", ["residual 0 at what[wanted]", "residual 1 at what[wanted]"])
def test_a_place_that_depends_on_the_input_is_told_for_each_run(monkeypatch, tmp_path, place):
    """`at what[wanted]` is the base's own token in the base, the source's in the source."""
    case = ran(monkeypatch, tmp_path, f"wanted -> {place}", "interchange wanted", "wanted")
    hypothesis, examples, network, found = case
    line, rows = examples.lines[0], members_of(examples, 0, 1)
    clean = dict(examples.clean["algorithm"])
    every = network.encode(clean)
    layer = int(place.split()[1])
    both = [Site("residual", layer, position=each) for each in (FIRST, SECOND)]
    kept = torch.stack(network.capture(every, both))  # (slots, inputs, width)
    wanted = torch.from_numpy(clean["wanted"])
    own = kept[wanted[line.sources[0, rows]], line.sources[0, rows]]  # (rows, width)

    def write(number: int) -> Callable[[Any, torch.Tensor], torch.Tensor]:
        here = wanted[line.base[rows]] == number
        return lambda _, current: torch.where(here[:, None], own, current)

    difference, _ = by_hand(
        hypothesis, examples, network, dict(zip(both, map(write, (0, 1)), strict=True))
    )
    assert found["logit_difference"] == pytest.approx(difference, abs=1e-9)


@pytest.mark.parametrize(
    ("place", "written", "read"),
    [
        (
            "residual 1 at last from residual 0 at asked",
            [Site("residual", 1, position=Last())],
            Site("residual", 0, position=Slot(("asked",))),
        ),
        (
            "every residual 0..1 at what[0] from residual 0 at asked",
            [Site("residual", n, position=FIRST) for n in (0, 1)],
            Site("residual", 0, position=Slot(("asked",))),
        ),
    ],
)
def test_the_same_coordinates_are_read_and_written(monkeypatch, tmp_path, place, written, read):
    """In learned dims: each place gets the source's coordinates in the one fitted basis."""
    quick(monkeypatch, tmp_path / "cache")
    case = ran(
        monkeypatch,
        tmp_path,
        f"wanted -> {place} in 3 learned dims",
        "interchange wanted",
        "wanted",
    )
    (path,) = tmp_path.glob("*/bases/*.safetensors")
    columns = next(each for each in load_file(path).values() if each.shape == (12, 3)).double()

    def write(source: Any, current: torch.Tensor) -> torch.Tensor:
        return current + (source(read) - current) @ columns @ columns.T

    difference, _ = by_hand(*case[:3], dict.fromkeys(written, write))
    assert case[3]["logit_difference"] == pytest.approx(difference, abs=1e-9)


def test_joint_sites_share_one_space(monkeypatch, tmp_path):
    """Joint sites without `from`: their activations side by side in one basis (S3)."""
    quick(monkeypatch, tmp_path / "cache")
    case = ran(
        monkeypatch,
        tmp_path,
        "wanted -> residual {0, 1} at last in 3 learned dims",
        "interchange wanted",
        "wanted",
    )
    (path,) = tmp_path.glob("*/bases/*.safetensors")
    columns = next(each for each in load_file(path).values() if each.shape == (24, 3)).double()
    low, high = (Site("residual", n, position=Last()) for n in (0, 1))
    hypothesis, examples, network, found = case
    line, rows = examples.lines[0], members_of(examples, 0, 1)
    every = network.encode(dict(examples.clean["algorithm"]))
    clean = torch.cat(network.capture(every, [low, high]), dim=1)  # (inputs, 24)
    base = clean[line.base[rows]]

    def write(part: slice) -> Callable[[Any, torch.Tensor], torch.Tensor]:
        def change(source: Any, current: torch.Tensor) -> torch.Tensor:
            whole = base.clone()
            whole[:, part] = current  # the other site as in the base's clean run
            moved = (clean[line.sources[0, rows]] - whole) @ columns
            return current + moved @ columns[part].T

        return change

    writes = {low: write(slice(0, 12)), high: write(slice(12, 24))}
    difference, _ = by_hand(hypothesis, examples, network, writes)
    assert found["logit_difference"] == pytest.approx(difference, abs=1e-9)
