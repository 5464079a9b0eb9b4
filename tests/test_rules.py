"""Every rule: its explanation, its examples, and files that draw it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import causalabs
from causalabs.diagnostics import Diagnostic, Rule, Source, every_rule, render
from causalabs.hypothesis.check import check_source

GOLDEN = Path(__file__).parent / "golden"
CODE = re.compile(r"^C[0-7]\d\d$")


def _import_all() -> None:
    """Rules are known once their modules are imported."""
    for module in pkgutil.walk_packages(causalabs.__path__, "causalabs."):
        if ".rules" in module.name:
            importlib.import_module(module.name)


_import_all()
RULES = tuple(every_rule())
FILES = sorted(GOLDEN.glob("C*.causal"))


def drawn(text: str, name: str = "<text>") -> list[Diagnostic]:
    return check_source(Source(text, name, GOLDEN / "data"))


def _of_files(rule: type[Rule]) -> bool:
    """Whether a rule is about the file itself: what draws it is no text."""
    return rule.code in ("C001", "C002", "C003", "C004", "C005", "C006")


def test_codes_are_unique_and_well_formed() -> None:
    every = [rule for rule in _subclasses(Rule) if "code" in vars(rule)]
    codes = [rule.code for rule in every]
    assert len(codes) == len(set(codes)), sorted(c for c in codes if codes.count(c) > 1)
    assert all(CODE.match(code) for code in codes)
    assert len(codes) > 100


def _subclasses(rule: type[Rule]) -> list[type[Rule]]:
    return [each for child in rule.__subclasses__() for each in (child, *_subclasses(child))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_explains_itself(rule: type[Rule]) -> None:
    explanation = vars(rule).get("__doc__") or ""
    assert explanation.strip(), "`explain` would print nothing"
    assert explanation.strip().split("\n\n")[0].endswith(".")
    assert rule.severity in ("error", "warning", "note")
    assert rule.wrong != rule.right


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_wrong_example_draws_the_rule_and_the_right_one_does_not(rule: type[Rule]) -> None:
    if _of_files(rule):
        pytest.skip("about files, tested where files are read")
    assert rule.code in {each.code for each in drawn(rule.wrong)}
    right = drawn(rule.right)
    assert rule.code not in {each.code for each in right}
    if not rule.code.startswith("C0"):  # those are fragments of every kind
        assert not [render(each) for each in right if each.severity == "error"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_texts_of_a_rule_are_in_style(rule: type[Rule]) -> None:
    if _of_files(rule):
        pytest.skip("about files, tested where files are read")
    for each in drawn(rule.wrong):
        if each.code == rule.code:
            assert each.message
            assert not each.message.endswith(".")
            first = each.message.lstrip("`")[0]
            assert not first.isupper() or each.message.startswith("`"), each.message
            assert 0 <= each.span[0] <= each.span[1] <= len(rule.wrong)


def test_there_are_a_hundred_golden_files() -> None:
    assert len(FILES) >= 100


def test_every_rule_has_a_golden_file() -> None:
    there = {path.stem[:4] for path in FILES}
    missing = [rule.code for rule in RULES if not _of_files(rule) and rule.code not in there]
    assert not missing
