"""Feeding: codes, prompts, templates and the errors that name what cannot be fed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from causalabs.algorithm.domains import Bool, Cyclic, Domain, Interval, Real, SetOf
from causalabs.engine.encode import MOST_CLASSES, vectors, vectors_width
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.prompts import Tokenizer
from causalabs.engine.networks.tokens import make_vocabulary
from causalabs.hypothesis.model import (
    AnyOf,
    AtIndex,
    AtText,
    FeedText,
    FeedTokens,
    Last,
    Part,
    Site,
    Slot,
)
from tests.engine.networks_support import fresh, rows_of, sum_algorithm, transformer_spec

torch.set_num_threads(1)

DOMAINS: dict[str, Domain] = {
    "day": Cyclic(("Mon", "Tue", "New Year")),
    "n": Interval(8, 11),
    "wet": Bool(),
}
COLUMNS = {
    "day": np.array([2, 0, 1, 2]),
    "n": np.array([8, 11, 9, 10]),
    "wet": np.array([True, False, True, True]),
}


def tokenizer(*templates: tuple[str | Part, ...], **others: object) -> Tokenizer:
    feed = FeedText(tuple(templates), **others)  # type: ignore[arg-type]
    return Tokenizer(make_vocabulary(feed, DOMAINS), tuple(DOMAINS))


def test_vectors_stand_side_by_side() -> None:
    domains: dict[str, Domain] = {"r": Real(2, 0, 1), "s": Real(), "set": SetOf(Bool()), **DOMAINS}
    columns = {
        **COLUMNS,
        "r": np.ones((4, 2), np.float32) / 2,
        "s": np.ones(4, np.float32) / 4,
        "set": np.array([[True, False]] * 4),
    }
    names = ("wet", "r", "day", "s", "set")
    found = vectors(columns, names, domains)
    assert found[0].tolist() == [1, 0.5, 0.5, 0, 0, 1, 0.25, 1, 0]
    assert found.shape[1] == vectors_width(names, domains)
    assert vectors({"r": np.zeros((0, 2), np.float32)}, ("r",), domains).shape == (0, 2)


def test_words_fall_apart_at_white_space_and_slots() -> None:
    cutter = tokenizer(("On ", Part("day"), ", take ", Part("n", "03"), " (", Part("wet"), ")."))
    prompts = cutter.encode(COLUMNS, torch.device("cpu"))
    assert cutter.text(prompts, 0) == "On New Year , take 008 ( true )."
    assert cutter.text(prompts, 1) == "On Mon , take 011 ( false )."
    assert prompts.ids.shape == (4, 8)
    assert cutter.resolve(Slot(("n",)), prompts).tolist() == [[4]] * 4
    assert cutter.resolve(AtText(", take"), prompts).tolist() == [[3]] * 4


def test_one_input_is_always_the_same_prompt_and_limits_are_kept() -> None:
    short, long = ("it is ", Part("n")), ("so on ", Part("day"), " it is ", Part("n"), "!")
    cutter = tokenizer(short, long, short, limits=((("n", (0, 1)),), (), (("n", (0, 1)),)))
    rng = np.random.default_rng(0)
    columns = {
        "day": rng.integers(0, 3, 300),
        "n": rng.integers(8, 12, 300),
        "wet": rng.random(300) < 0.5,
    }
    prompts = cutter.encode(columns, torch.device("cpu"))
    seen: dict[tuple[int, ...], int] = {}
    for row, template in enumerate(prompts.templates):
        key = tuple(int(column[row]) for column in columns.values())
        assert seen.setdefault(key, template) == template
        assert columns["n"][row] <= 9 or template == 1
    assert set(prompts.templates) == {0, 1, 2}
    lengths = np.where(prompts.templates == 1, 7, 3)
    assert cutter.resolve(Last(), prompts)[:, 0].tolist() == (lengths - 1).tolist()
    assert [p.index for p in cutter.expand(AnyOf())] == [0, 1, 2]  # type: ignore[union-attr]
    none = tokenizer(short, limits=((("n", (0,)),),))
    with pytest.raises(EngineError, match="no template takes"):
        none.encode(columns, torch.device("cpu"))


def test_a_prefix_and_single_tokens() -> None:
    cutter = tokenizer((Part("n"), " ="), prefix="1 + 1 = 2 .")
    assert cutter.text(cutter.encode(COLUMNS, torch.device("cpu")), 1) == "1 + 1 = 2 . 11 ="
    feed = FeedTokens(("BOS", Part("day"), "is it"))
    single = Tokenizer(make_vocabulary(feed, DOMAINS), tuple(DOMAINS))
    assert single.encode(COLUMNS, torch.device("cpu")).ids.shape == (4, 3)


def test_what_stands_twice_is_no_position() -> None:
    cutter = tokenizer((Part("n"), " and ", Part("n"), " and ", Part("day")))
    prompts = cutter.encode(COLUMNS, torch.device("cpu"))
    with pytest.raises(EngineError, match='occurs 2 times in the prompt "8 and 8 and New Year"'):
        cutter.resolve(AtText("and"), prompts)
    with pytest.raises(EngineError, match="`n` occurs 2 times"):
        cutter.resolve(Slot(("n",)), prompts)
    with pytest.raises(EngineError, match="`wet` is missing"):
        cutter.resolve(Slot(("wet",)), prompts)


@pytest.mark.parametrize(
    ("domain", "said"),
    [(Real(2, 0, 1), "`x` has no finite"), (Interval(0, MOST_CLASSES), "`x` has 20,001 values")],
)
def test_slots_without_a_list_of_values_are_named(domain: Domain, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        make_vocabulary(FeedText(((Part("x"),),)), {"x": domain})


def test_chat_and_empty_prompts_are_refused() -> None:
    with pytest.raises(EngineError, match="chat"):
        make_vocabulary(FeedText((("hi",),), chat=True), {})
    with pytest.raises(EngineError, match="no tokens"):
        make_vocabulary(FeedText(((" ",),)), {})


def test_a_search_over_tokens_is_expanded() -> None:
    network = fresh(transformer_spec(), sum_algorithm())
    found = network.expand(Site("mlp", 0, position=AnyOf()))
    assert [site.position for site in found] == [AtIndex(i) for i in range(6)]
    one = Site("mlp", 0, position=AnyOf(Slot(("x",))))
    assert network.expand(one) == (replace(one, position=Slot(("x",))),)
    assert network.expand(found[0]) == (found[0],)


def test_prompts_of_no_rows() -> None:
    algorithm = sum_algorithm()
    network = fresh(transformer_spec(), algorithm)
    none = {name: column[:0] for name, column in rows_of(algorithm, 3).items()}
    assert network.scores(network.encode(none))["total"].shape == (0, 7)
