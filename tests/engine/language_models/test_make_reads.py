"""Which tokens stand for an answer."""

from __future__ import annotations

import pytest

from causalabs.algorithm.domains import Enum, Interval, SetOf
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.reads import answer_tokens, make_reads
from causalabs.hypothesis.model import Last, Part, Readout
from tests.engine.language_models.tiny import tokenizer

BYTES, PIECES = tokenizer("bytes"), tokenizer("pieces")


SPACED = (" ", Part("v"))


def readout(style="as", template=SPACED, **told):
    return Readout("v", Last(), style, template, **told)


@pytest.mark.parametrize("words", [BYTES, tokenizer("framed"), PIECES])
def test_an_answer_s_tokens_are_those_that_follow_a_prompt(words):
    domain = Enum(("John", "Mary", "Tom"))
    (read,) = make_reads([readout(among="vocabulary")], {"v": domain}, words)
    assert read.vocabulary
    prompt = "gave a drink to"
    before = len(words(prompt, add_special_tokens=False)["input_ids"])
    for value, tokens in zip(domain.values, read.answers, strict=True):
        together = words(f"{prompt} {value}", add_special_tokens=False)["input_ids"]
        assert tokens == (together[before],)


def test_classes_stand_in_the_order_of_the_domain_and_formats_count():
    (read,) = make_reads(
        [readout(template=("x", Part("v", "02")), style="spelled")], {"v": Interval(3, 12)}, BYTES
    )
    assert [BYTES.decode(tokens) for tokens in read.answers] == [f"x{n:02}" for n in range(3, 13)]


def test_answers_that_begin_alike_are_named():
    domains = {"v": Enum(("New York", "New Delhi", "Paris"))}
    with pytest.raises(EngineError, match='" New York" and " New Delhi" of `v` both begin') as told:
        make_reads([readout()], domains, BYTES)
    assert 'spelled " {v}"' in told.value.help
    (read,) = make_reads([readout("spelled")], domains, BYTES)
    assert all(len(tokens) > 1 for tokens in read.answers[:2])
    inside = {"v": Enum(("New York", "New Yorker"))}
    with pytest.raises(
        EngineError, match='" New Yorker" of `v` begins with the answer " New York"'
    ):
        make_reads([readout("spelled")], inside, BYTES)
    stop = make_reads([readout("spelled", (" ", Part("v"), "."))], inside, BYTES)
    assert len(stop[0].answers) == 2


def test_a_set_is_read_by_its_members():
    (read,) = make_reads([readout(template=(Part("v"),))], {"v": SetOf(Interval(0, 9))}, BYTES)
    assert [BYTES.decode(list(tokens)) for tokens in read.answers] == [str(n) for n in range(10)]


def test_an_answer_that_merges_with_what_stands_before_is_cut_by_itself():
    assert answer_tokens(BYTES, "= 1")[0] == BYTES("=")["input_ids"][0]
