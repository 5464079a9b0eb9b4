"""Prompts of real tokenizers: what is written, and which tokens a position means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from causalabs.algorithm.domains import Enum, Interval, encode
from causalabs.algorithm.expression import Variable
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.prompts import TokenPrompter
from causalabs.hypothesis.model import (
    After,
    AllOf,
    AnyOf,
    AtIndex,
    AtText,
    FeedText,
    FeedTokens,
    Last,
    Part,
    Several,
    Slot,
)
from tests.engine.language_models.tiny import CHAT, tokenizer

BYTES, FRAMED, PIECES = (tokenizer(kind) for kind in ("bytes", "framed", "pieces"))
KINDS = {"bytes": BYTES, "framed": FRAMED, "pieces": PIECES}
NAMES = Enum(("John", "Mary", "Anna"))


def prompter(template, domains, words=BYTES, **told):
    feed = template if isinstance(template, FeedTokens) else FeedText((template,), **told)
    return TokenPrompter(words, feed, domains, list(domains))


def columns(domains, **values):
    return {name: encode(domains[name], given) for name, given in values.items()}


def shown(found, prompts, numbers):
    """The tokens at (rows, count) numbers, as text."""
    return [
        "".join(found.tokens(prompts, row)[i] for i in each) for row, each in enumerate(numbers)
    ]


IOI = ("When ", Part("first"), " and ", Part("second"), " went to the store, gave")
PEOPLE = {"first": NAMES, "second": NAMES}


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_each_slot_is_its_own_token_though_its_value_stands_elsewhere(words):
    found = prompter(IOI, PEOPLE, words)
    prompts = found.encode(columns(PEOPLE, first=["John", "Mary"], second=["John", "Anna"]))
    first = found.resolve(Slot(("first",)), prompts)
    second = found.resolve(Slot(("second",)), prompts)
    assert (first < second).all()
    assert [each.strip()[-1] for each in shown(found, prompts, first)] == ["n", "y"]
    assert [each.strip()[-1] for each in shown(found, prompts, second)] == ["n", "a"]
    assert found.text(prompts, 0) == "When John and John went to the store, gave"
    last = found.resolve(Last(), prompts)
    assert shown(found, prompts, last)[0].strip().endswith("e")
    assert (last[:, 0] == prompts.lengths.numpy() - 1).all()


def test_what_a_tokenizer_adds_stands_in_front_and_never_behind():
    prompts = prompter(IOI, PEOPLE, FRAMED).encode(columns(PEOPLE, first=["Mary"], second=["John"]))
    assert prompts.ids[0, 0] == FRAMED.bos_token_id
    assert FRAMED.eos_token_id not in prompts.ids[0]
    plain = prompter(IOI, PEOPLE).encode(columns(PEOPLE, first=["Mary"], second=["John"]))
    assert plain.ids[0].tolist() == prompts.ids[0, 1:].tolist()


def test_each_distinct_prompt_is_tokenised_once_and_shorter_ones_are_padded_on_the_right():
    found = prompter(("a ", Part("x"), " b"), {"x": Interval(0, 2000)})
    prompts = found.encode({"x": np.array([5, 1234, 5, 5, 1234])})
    assert len(found._prompts) == 2
    assert prompts.ids[0].tolist() == prompts.ids[2].tolist()
    few, many = int(prompts.lengths[0]), int(prompts.lengths[1])
    assert few < many == prompts.ids.shape[1]
    alone = BYTES("a 5 b")["input_ids"]
    assert prompts.ids[0, :few].tolist() == alone
    cut = prompts.take(slice(0, 1))
    assert cut.ids.shape == (1, few)
    assert found.resolve(Last(), cut).tolist() == [[few - 1]]


def test_a_format_is_python_s():
    found = prompter(("year 17", Part("x", "02"), "."), {"x": Interval(0, 99)})
    prompts = found.encode({"x": np.array([3])})
    assert found.text(prompts, 0) == "year 1703."


def test_tokens_of_a_slot_and_after_it():
    domains = {"x": Interval(100, 999)}
    found = prompter(("+ ", Part("x"), " = is"), domains)
    prompts = found.encode({"x": np.array([345, 986])})
    ends = [found.resolve(Slot(("x",), token=k), prompts)[:, 0] for k in range(1)]
    last = found.resolve(Slot(("x",)), prompts)[:, 0]
    assert (ends[0] <= last).all()
    after = found.resolve(After(Slot(("x",)), 1), prompts)[:, 0]
    assert (after == last + 1).all()
    assert (after == found.resolve(AtText("="), prompts)[:, 0]).all()
    with pytest.raises(EngineError, match=r"`token 9 of x` is missing from the prompt \"\+ 345"):
        found.resolve(Slot(("x",), token=9), prompts)
    with pytest.raises(EngineError, match="`token 30 after x` is missing"):
        found.resolve(After(Slot(("x",)), 30), prompts)
    with pytest.raises(EngineError, match="`index 40` is missing"):
        found.resolve(AtIndex(40), prompts)
    with pytest.raises(EngineError, match="is missing"):
        found.resolve(AtText("nowhere"), prompts)
    with pytest.raises(EngineError, match="names a token twice"):
        found.resolve(Several((Slot(("x",)), After(Slot(("x",)), 0))), prompts)


def test_all_tokens_of_a_slot_must_be_equally_many():
    domains = {"x": Interval(0, 10**6)}
    found = prompter(("+ ", Part("x"), " ="), domains)
    prompts = found.encode({"x": np.array([3456, 9861])})
    width = found.count(AllOf(Slot(("x",))))
    numbers = found.resolve(AllOf(Slot(("x",))), prompts)
    assert numbers.shape == (2, width)
    assert shown(found, prompts, numbers)[0].strip() == "3456"
    found.encode({"x": np.array([7])})
    with pytest.raises(EngineError, match=r"`tokens of x` differs in width: .* \"\+ 7 =\""):
        found.count(AllOf(Slot(("x",))))
    with pytest.raises(EngineError, match="`every token` differs in width"):
        found.count(AllOf())


def test_a_picked_slot_is_told_row_by_row():
    domains = {"a": NAMES, "b": NAMES, "which": Interval(0, 1)}
    found = prompter(("x ", Part("a"), " y ", Part("b"), " z"), domains)
    given_columns = columns(domains, a=["John", "John"], b=["Mary", "Mary"], which=[0, 1])
    prompts = found.encode(given_columns)
    position = Slot(("a", "b"), Variable("which", Interval(0, 1)))
    each = found.resolve(position, prompts)[:, 0]
    assert each[0] == found.resolve(Slot(("a",)), prompts)[0, 0]
    assert each[1] == found.resolve(Slot(("b",)), prompts)[1, 0]
    turned = prompts.take(slice(1, 2))
    assert found.resolve(position, turned)[0, 0] == each[1]


def test_a_literal_twice_is_an_error_that_names_the_prompt():
    found = prompter(("to ", Part("x"), " to"), {"x": NAMES})
    prompts = found.encode(columns({"x": NAMES}, x=["Mary"]))
    with pytest.raises(EngineError, match=r'"to" occurs more than once in the prompt "to Mary to"'):
        found.resolve(AtText("to"), prompts)
    assert found.resolve(AtText("to M"), prompts)[0, 0] >= 0


def test_any_token_is_searched_from_where_prompts_differ():
    found = prompter(("went to the ", Part("x"), " is"), {"x": Enum(("red", "green"))})
    same = BYTES("went to the")["input_ids"]
    positions = found.expand(AnyOf())
    indices = [each.index for each in positions if isinstance(each, AtIndex)]
    assert indices[0] >= len(same) - 1
    assert indices == list(range(indices[0], indices[-1] + 1))
    before = found.expand(AnyOf(Slot(("x",))))
    found.encode(columns({"x": Enum(("red", "green"))}, x=["red"]))
    assert found.expand(AnyOf()) == positions  # whatever was drawn
    assert found.expand(AnyOf(Slot(("x",)))) == before


def test_a_prefix_and_a_chat_stand_around_the_prompt():
    words = tokenizer("bytes", chat=CHAT)
    found = prompter((Part("x"), " gave "), {"x": NAMES}, words, prefix="John went.\n", chat=True)
    prompts = found.encode(columns({"x": NAMES}, x=["John", "Anna"]))
    assert found.text(prompts, 0) == "<|user|>\nJohn went.\nJohn gave\n<|assistant|>\n"
    (at,) = found.resolve(Slot(("x",)), prompts)[0]
    text = "".join(found.tokens(prompts, 0)[: at + 1])
    assert text == "<|user|>\nJohn went.\nJohn"
    with pytest.raises(EngineError, match="needs a chat template"):
        prompter((Part("x"),), {"x": NAMES}, BYTES, chat=True)
    loud = tokenizer("bytes", chat=CHAT.replace("| trim", "| upper"))
    with pytest.raises(EngineError, match="rewrites the prompt"):
        prompter((Part("x"),), {"x": NAMES}, loud, chat=True).encode(
            columns({"x": NAMES}, x=["John"])
        )


def test_one_token_each():
    feed = FeedTokens(("<s>", Part("x"), Part("y")))
    letters = Enum(("a", "b"))
    found = prompter(feed, {"x": letters, "y": letters})
    prompts = found.encode(columns({"x": letters, "y": letters}, x=["a"], y=["b"]))
    assert prompts.ids.tolist() == [[1, *BYTES("a")["input_ids"], *BYTES("b")["input_ids"]]]
    assert found.resolve(Slot(("y",)), prompts).tolist() == [[2]]
    whole = prompter(FeedTokens((Part("x"),)), {"x": Enum(("a b c d",))})
    with pytest.raises(EngineError, match="tokens of this model"):
        whole.encode(columns({"x": Enum(("a b c d",))}, x=["a b c d"]))


def test_prompts_that_a_model_cannot_take_are_refused():
    found = TokenPrompter(BYTES, FeedText((IOI,)), PEOPLE, list(PEOPLE), longest=5)
    with pytest.raises(EngineError, match="tokens, and the model takes 5"):
        found.encode(columns(PEOPLE, first=["Mary"], second=["John"]))


# ------------------------------------------------------------------- properties

LETTERS = "abc xé🙂.17"
TEXT = st.text(LETTERS, max_size=6)
VALUE = st.text("aJohnMéry17🙂", min_size=1, max_size=6)


def bytes_of_tokens(ids):
    """What each token of a byte-level tokenizer stands for, told by its own alphabet."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    table = {chr(byte): byte for byte in visible}
    table |= {chr(256 + place): byte for place, byte in enumerate(hidden)}
    return [bytes(table[char] for char in BYTES.convert_ids_to_tokens(i)) for i in ids]


@settings(max_examples=120, deadline=None)
@given(st.lists(TEXT, min_size=3, max_size=3), st.lists(VALUE, min_size=2, max_size=2))
def test_the_token_at_a_slot_holds_the_slot_s_last_character(texts, values):
    """Told by counting bytes, not by offsets of the tokenizer."""
    one, other = (Enum((value,)) for value in values)
    template = (texts[0], Part("x"), texts[1], Part("y"), texts[2])
    found = prompter(tuple(p for p in template if p), {"x": one, "y": other})
    prompts = found.encode({"x": np.array([0]), "y": np.array([0])})
    each = bytes_of_tokens(prompts.ids[0].tolist())
    assert b"".join(each).decode() == found.text(prompts, 0)
    ends = np.cumsum([len(piece) for piece in each])
    before = {"x": texts[0], "y": texts[0] + values[0] + texts[1]}
    for name, value in zip("xy", values, strict=True):
        start = len(before[name].encode())
        last = start + len(value.encode()) - 1
        token = int(np.searchsorted(ends, last, side="right"))
        assert found.resolve(Slot((name,)), prompts).tolist() == [[token]]
        first = int(np.searchsorted(ends, start, side="right"))
        assert found.resolve(Slot((name,), token=0), prompts).tolist() == [[first]]
        assert found.count(AllOf(Slot((name,)))) == token - first + 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**5), min_size=1, max_size=12), st.sampled_from(sorted(KINDS)))
def test_rows_are_what_each_prompt_is_alone(numbers, kind):
    domains = {"x": Interval(0, 10**5)}
    template = ("John gave ", Part("x"), " to")
    together = prompter(template, domains, KINDS[kind])
    prompts = together.encode({"x": np.array(numbers)})
    for row, number in enumerate(numbers):
        alone = prompter(template, domains, KINDS[kind])
        single = alone.encode({"x": np.array([number])})
        length = int(prompts.lengths[row])
        assert prompts.ids[row, :length].tolist() == single.ids[0].tolist()
        for position in (Last(), Slot(("x",)), AtText(" to"), AtIndex(1)):
            here = together.resolve(position, prompts)[row]
            assert here.tolist() == alone.resolve(position, single)[0].tolist()
