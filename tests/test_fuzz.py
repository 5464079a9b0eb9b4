"""No text makes the checker or the formatter fail, and none takes long.

`pytest -m slow tests/test_fuzz.py` tries 10^5 mutants; the suite a few thousand.
"""

from __future__ import annotations

import random
import time

import pytest

from causalabs.diagnostics import HypothesisError, Source, render
from causalabs.hypothesis.check import check_source
from causalabs.rendering import as_json
from causalabs.syntax.format import format_source
from causalabs.syntax.parse import parse
from tests.mutations import EXAMPLES, REFERENCES, mutate

SLOWEST = 10.0
"""Seconds that no mutant may need on any machine; typical is 10 ms."""


def _try(text: str) -> None:
    source = Source(text, "mutant.causal", EXAMPLES)
    start = time.perf_counter()
    found = check_source(source)
    for each in found:
        assert 0 <= each.span.start <= each.span.end <= len(text)
        assert each.message
        assert not each.message.endswith(".")
        assert render(each).startswith(f"{each.severity}[{each.code}]")
        assert as_json(each)["line"] >= 1
    assert len({(each.code, each.span, each.message) for each in found}) == len(found)
    if not parse(source).diagnostics:
        formatted = format_source(source)
        again = Source(formatted, "mutant.causal", EXAMPLES)
        assert parse(again).file == parse(source).file
        assert format_source(again) == formatted
    else:
        with pytest.raises(HypothesisError):
            format_source(source)
    assert time.perf_counter() - start < SLOWEST


def _fuzz(count: int, seed: int) -> None:
    texts = [path.read_text() for path in REFERENCES]
    draws = random.Random(seed)
    for number in range(count):
        text = mutate(texts[number % len(texts)], texts, draws)
        try:
            _try(text)
        except Exception as error:
            raise AssertionError(f"mutant {number} of seed {seed}:\n{text}") from error


@pytest.mark.parametrize("seed", range(4))
def test_mutants_are_told_what_is_wrong(seed):
    _fuzz(600, seed)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_mutants_are_told_what_is_wrong(seed):
    _fuzz(5_000, seed)
