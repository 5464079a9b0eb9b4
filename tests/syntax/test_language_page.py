"""One grammar rule, one class, one heading; every example of the page parses."""

import re
from pathlib import Path

import pytest
from lark import Lark

from causalabs.diagnostics import Source, render
from causalabs.syntax import ast
from causalabs.syntax.build import BUILDERS
from causalabs.syntax.lexer import LEADING, SOFT
from causalabs.syntax.parse import parse
from causalabs.syntax.tables import OPTIONS, convert, grammar_text

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text("utf-8")
HEADINGS = re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)
EXAMPLES = re.findall(r"^### `(\w+)`$.*?^```causal\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
RULES = set(re.findall(r"^([a-z]\w*):", grammar_text(), re.MULTILINE))


def camel(rule: str) -> str:
    return "".join(part.capitalize() for part in rule.split("_"))


def test_rules_classes_and_headings_agree() -> None:
    assert len(HEADINGS) == len(set(HEADINGS))
    assert set(HEADINGS) == RULES == set(BUILDERS)
    assert {kind.__name__ for kind in ast.Node.__subclasses__()} == {camel(rule) for rule in RULES}


@pytest.mark.parametrize(("rule", "text"), EXAMPLES, ids=[rule for rule, _ in EXAMPLES])
def test_example_parses_and_shows_its_rule(rule: str, text: str) -> None:
    parsed = parse(Source(text))
    assert not parsed.diagnostics, render(parsed.diagnostics[0])
    assert camel(rule) in {type(node).__name__ for node in ast.walk(parsed.file)}


def test_every_rule_has_an_example() -> None:
    assert {rule for rule, _ in EXAMPLES} == RULES


def test_grammar_has_no_conflicts() -> None:
    strict = Lark(grammar_text(), **OPTIONS, strict=True)
    assert convert(strict).rules


def test_words_are_those_of_the_grammar() -> None:
    plain = {str(terminal.pattern.value) for terminal in Lark(grammar_text(), **OPTIONS).terminals}
    assert {word for word in plain if word.isalpha()} == LEADING | SOFT
