"""Recognises habits brought along from other languages and tools: the rules C06x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalabs.diagnostics import Rule, Span
from causalabs.syntax import misplaced, mistakes, rules, rules_habits as habits
from causalabs.syntax.lexer import Token

if TYPE_CHECKING:
    from causalabs.syntax.diagnose import Scene

_PREFIXES = ("f", "r", "b", "u", "fr", "rf", "br", "rb")
_ALIGNED = ("alignment", "implement")


def conflict(s: Scene) -> Rule | None:
    """The lines that a failed merge leaves."""
    line = habits.line_at(s.text, s.token.start)
    if s.token.kind not in ("COMPARE", "=") or not habits.marked(s.text[line.start : line.end]):
        return None
    return habits.MergeConflict(span=Span(line.start, line.start + 7))


def signs(s: Scene) -> Rule | None:
    """Commas in numbers, hyphens in names, prefixes of strings, comments."""
    token, before, behind = s.token, s.before, s.next
    tight = s.touches(before, token) and s.touches(token, behind)
    numbers = tight and before.kind == behind.kind == "INT" and len(behind.text) == 3
    if token.kind == "," and numbers and "," not in s.expected:
        span = Span(before.start, behind.end)
        return habits.NumberComma(span=span, number=s.text[span.start : span.end])
    if token.kind == "-" and tight and before.kind == behind.kind == "NAME":
        span = Span(before.start, behind.end)
        name = s.text[span.start : span.end]
        return habits.NameSign(span=span, name=name, instead=name.replace("-", "_"))
    prefixed = before.kind == "NAME" and before.text.lower() in _PREFIXES
    if token.kind == "STRING" and prefixed and s.touches(before, token):
        return habits.StringPrefix(span=before.span, prefix=before.text)
    if token.kind == "//" and token.kind not in s.expected:
        return rules.ForeignComment(span=token.span, sign="//")
    dashes = token.kind == behind.kind == "-" and s.touches(token, behind)
    if dashes and "-" not in s.expected:
        return rules.ForeignComment(span=Span(token.start, behind.end), sign="--")
    return None


def brackets(s: Scene) -> Rule | None:
    """Lists in the brackets of another language, and `:` for `{`."""
    token, before = s.token, s.before
    if token.kind == ":" and "{" in s.expected and s.head.kind in _OPENING:
        return habits.ForeignBlock(span=token.span, word=s.head.text)
    if token.kind == "(" and "[" in s.expected and "(" not in s.expected and before.kind == "=":
        return habits.ForeignBracket(span=token.span, sign="(", instead="write `[16, 16]`")
    if token.kind == "]" and ".." in s.expected and before.kind == ")":
        return _python_range(s)
    if token.kind != "[":
        if s.head.kind == "seeds" and token.kind == "=":
            return habits.ForeignBracket(span=token.span, sign="=", instead=_SEEDS)
        return None
    if s.head.kind == "seeds":
        return habits.ForeignBracket(span=token.span, sign="[", instead=_SEEDS)
    if "bool" in s.expected:
        instead = "write `low..high` for integers, `{a, b}` for named values"
    elif before.kind == "NAME" and s.tokens[s.at - 2].kind == ":":
        instead = "only `real[4]` has a size: a family has it behind its name, as in `a[4] : bool`"
    elif s.expected == {"{"}:
        instead = "write `{...}`"
    elif before.text == "in":
        instead = "compare with each of them: `x == a or x == b`"
    elif {"NAME", "("} <= s.expected:
        instead = "leave the brackets out, as in `count(a, b)` or `any(x[i] for i in 0..3)`"
    else:
        return None
    return habits.ForeignBracket(span=token.span, sign="[", instead=instead)


_SEEDS = "write `seeds 0..4` or `seeds {0, 3, 7}`"
_OPENING = frozenset({"algorithm", "network", "alignment", "counterfactuals", "circuit"})


def _python_range(s: Scene) -> Rule | None:
    for number in range(s.at - 1, s.statement, -1):
        if s.tokens[number].text == "range" and s.tokens[number - 1].text == "in":
            span = Span(s.tokens[number].start, s.before.end)
            return misplaced.RangeSign(span=span, sign="range")
    return None


def membership(s: Scene) -> Rule | None:
    """`x in {a, b}` is a comparison elsewhere."""
    if s.token.text != "in" or not {"and", "+"} <= s.expected or s.next.kind not in ("[", "{", "("):
        return None
    return habits.ForeignBracket(
        span=s.token.span, sign="in", instead="compare with each of them: `x == a or x == b`"
    )


def statements(s: Scene) -> Rule | None:
    """Whole statements as another language or an earlier thought would have them."""
    token, head = s.token, s.head.kind
    if token.kind == "COMPARE" and head == "report":
        return habits.BoundOfReport(span=token.span)
    controlled = "under" in {each.text for each in s.tokens[s.statement : s.at]}
    judged = head == "expect" and controlled and s.complete
    if token.kind == "," and judged and s.next.kind == "NAME":
        return habits.OneControl(span=s.next.span, more=s.next.text)
    if token.kind == "and" and head == "interchange" and "," in s.expected:
        return mistakes.MissingComma(span=token.span, found=s.next.text, sign="and")
    begins = token.kind == "NAME" and s.complete and s.fresh and s.block == "algorithm"
    if begins and s.next.kind == "=":
        return habits.UndeclaredDefinition(span=token.span, name=token.text)
    return None


def alignments(s: Scene) -> Rule | None:
    """`PLACE -> VARIABLE`, a basis without its name."""
    if s.block not in _ALIGNED:
        return None
    if "->" in s.expected and s.token.kind in ("INT", "HEAD", "NUMBER") and not s.fresh:
        return _swapped(s)
    done = any(each.kind == "->" for each in s.tokens[s.statement : s.at])
    if (
        "->" in s.expected
        and done
        and not s.fresh
        and "\n" not in s.text[s.head.start : s.token.end]
    ):
        return misplaced.Unexpected(
            span=s.before.span,
            found=f"`{s.before.text}`",
            wanted="`in 8 learned dims` or a new line",
        )
    if s.before.text == "dims" and s.tokens[s.at - 2].kind == "INT" and "dims" in s.expected:
        return mistakes.MissingWord(span=s.before.span, word="learned", found="dims")
    return None


def _swapped(s: Scene) -> Rule | None:
    line = _rest_of_line(s)
    arrow = next((number for number, each in enumerate(line) if each.kind == "->"), -1)
    if arrow < 1 or arrow + 1 >= len(line) or line[arrow + 1].kind != "NAME":
        return None
    place = Span(s.before.start, line[arrow - 1].end)
    return habits.SwappedArrow(
        span=place, place=s.text[place.start : place.end], variable=line[arrow + 1].text
    )


def _rest_of_line(s: Scene) -> list[Token]:
    end = habits.line_at(s.text, s.token.start).end
    return [each for each in s.tokens[s.at : s.at + 40] if each.start < end]
