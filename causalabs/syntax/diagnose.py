"""What a person meant when the grammar has no place for a token: one rule a mistake.

Each function below looks at the token, its neighbours and what could stand there, and
either recognises its mistake or passes. The first that recognises it speaks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from causalabs.diagnostics import Rule, Span
from causalabs.syntax import habits, misplaced, mistakes, rules
from causalabs.syntax.lexer import END, LEADING, Token
from causalabs.syntax.rules_habits import NameSign, shape
from causalabs.syntax.statements import CLOSERS, HOMES, INSIDE, TOP
from causalabs.syntax.wording import listed, shown

OPERANDS = frozenset({"NAME", "INT", "NUMBER", "HEAD", "STRING", "true", "false"})
OPERATORS = frozenset({"COMPARE", "+", "-", "*", "//", "%", "and", "or", "xor", "not"})
_WANTING = OPERATORS | {"=", ",", ":", "->", "..", "|", "if", "then", "else", "where", "(", "["}
_MIDWAY = frozenset({"and", "or", "xor", "then", "else", "for"})


@dataclass(frozen=True)
class Scene:
    """Where reading stopped: the token, those around it, and what could have come."""

    text: str
    tokens: list[Token]
    at: int
    statement: int  # token number of the statement's first word
    block: str  # the kind of block that is open, "file" outside all
    expected: frozenset[str]
    opener: Token | None  # the innermost bracket that is open
    in_block: bool  # whether that bracket is the block's own
    complete: bool  # whether the statement before may end here

    @property
    def token(self) -> Token:
        """The token that has no place."""
        return self.tokens[self.at]

    @property
    def before(self) -> Token:
        """The token read last."""
        return self.tokens[self.at - 1] if self.at else Token(END, "", 0, 0)

    @property
    def next(self) -> Token:
        """The token behind."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    @property
    def head(self) -> Token:
        """The first word of the statement."""
        return self.tokens[self.statement]

    @property
    def gap(self) -> Span:
        """The place right behind the token read last."""
        return Span(self.before.end, self.before.end)

    @cached_property
    def fresh(self) -> bool:
        """Whether the token is the first of its line."""
        return self.at == 0 or "\n" in self.text[self.before.end : self.token.start]

    def touches(self, left: Token, right: Token) -> bool:
        """Whether nothing stands between two tokens."""
        return left.end == right.start

    @property
    def operand(self) -> bool:
        """Whether the token could begin a value."""
        return self.token.kind in OPERANDS or self.token.kind in ("(", "{")


def diagnose(scene: Scene) -> Rule:
    """The rule that the text broke at `scene.token`."""
    for recognise in _RECOGNISERS:
        found = recognise(scene)
        if found is not None:
            return found
    wanted = listed(scene.expected)
    token = scene.token
    whole = "" if scene.complete and scene.fresh else shape(scene.head.text)
    if token.kind == END or (scene.at > scene.statement and token.kind in ("}", *TOP, *HOMES)):
        return misplaced.EndsEarly(
            span=scene.gap, statement=scene.head.text, wanted=wanted, shape=whole
        )
    return misplaced.Unexpected(span=token.span, found=shown(token), wanted=wanted, shape=whole)


# ------------------------------------------------------------------------ signs

_FOREIGN = {"&": "and", "!": "not", "^": "xor", "/": "//", "~": "not"}
_LOOKALIKE = {"“": '`"`', "”": '`"`', "–": "`-`", "—": "`-`", "×": "`*`", "≤": "`<=`", "≥": "`>=`",
              "≠": "`!=`", "→": "`->`", "÷": "`//`", "…": "`..`", "−": "`-`", "∧": "`and`",
              "∨": "`or`", "¬": "`not`"}  # fmt: skip


def _stray(s: Scene) -> Rule | None:
    token, sign = s.token, s.token.text
    if token.kind != "BAD":
        return None
    rest = s.text[token.start :].split("\n", 1)[0]
    span = token.span
    if sign == '"':
        return rules.UnterminatedString(span=Span(token.start, token.start + len(rest.rstrip())))
    if sign == "'":
        end = rest.find("'", 1)
        inner = rest[1:end] if end > 0 else ""
        return rules.SingleQuotes(
            span=Span(token.start, token.start + max(end, 0) + 1), inner=inner
        )
    if sign == ";":
        return rules.Semicolon(span=span)
    if sign.isdigit():
        word = _run(rest, lambda c: c.isalnum() or c in "_.")
        number = _run(rest, lambda c: c.isdigit() or c == "_")
        return rules.GluedNumber(
            span=Span(token.start, token.start + len(word)), text=word, number=number
        )
    if rest.startswith("/*"):
        return rules.ForeignComment(span=Span(token.start, token.start + 2), sign="/*")
    if sign in _FOREIGN:
        wide = sign == "&" and rest.startswith("&&")
        end = token.start + 2 if wide else token.end
        return mistakes.ForeignOperator(
            span=Span(token.start, end), sign=s.text[token.start : end], instead=_FOREIGN[sign]
        )
    if sign.isalpha() and sign not in _LOOKALIKE:
        start = token.start - len(_run(s.text[: token.start][:-81:-1], _nameable))
        end = token.start + len(_run(rest, _nameable))
        return NameSign(span=Span(start, end), name=s.text[start:end])
    title = "" if sign.isascii() else unicodedata.name(sign, "").lower()
    return rules.StrayCharacter(span=span, sign=sign, title=title, instead=_LOOKALIKE.get(sign, ""))


def _nameable(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _run(text: str, wanted: Callable[[str], bool]) -> str:
    end = next((position for position, sign in enumerate(text) if not wanted(sign)), len(text))
    return text[:end]


def _signs(s: Scene) -> Rule | None:
    token, before = s.token, s.before
    close = s.touches(before, token)
    both = Span(before.start, token.end)
    if token.kind == "//" and s.fresh:
        return rules.ForeignComment(span=token.span, sign="//")
    if token.kind == "=" and before.kind == ":" and close:
        return mistakes.Walrus(span=both)
    if token.kind == ":" and s.next.kind == "=" and s.touches(token, s.next):
        return mistakes.Walrus(span=Span(token.start, s.next.end))
    if token.kind == "*" and before.kind == "*" and close:
        return mistakes.ForeignOperator(span=both, sign="**", instead="x * x")
    if token.kind == "=" and s.next.text == ">" and s.touches(token, s.next):
        return mistakes.MissingArrow(span=Span(token.start, s.next.end), sign="=>")
    if token.kind == "|" and (s.next.kind == "|" or before.kind == "|"):
        last = s.next if s.next.kind == "|" else token
        return mistakes.ForeignOperator(span=Span(token.start, last.end), sign="||", instead="or")
    if token.kind == "=" and before.text in ("<", ">", "==", "!="):
        return mistakes.ForeignOperator(
            span=both, sign=s.text[before.start : token.end], instead="=="
        )
    if before.kind == ".." and token.kind in (".", ".."):
        return misplaced.RangeSign(span=both, sign=s.text[before.start : token.end])
    if token.kind == "." and before.kind == "INT" and close and s.next.kind != "INT":
        return rules.BarePoint(span=both, text=f"{before.text}.", instead=f"{before.text}.0")
    if token.kind == "." and s.next.kind == "INT" and s.touches(token, s.next):
        whole = before.text if before.kind == "INT" and close else ""
        number = s.next.text.replace("_", "")  # digits behind a point stand in one row
        return rules.BarePoint(
            span=Span(before.start if whole else token.start, s.next.end),
            text=f"{whole}.{s.next.text}",
            instead=f"{whole or 0}.{number}",
        )
    if ".." in s.expected and "," not in s.expected and token.text in (":", "-", "to", "."):
        return misplaced.RangeSign(span=token.span, sign=token.text)
    return None


# ------------------------------------------------------------------ definitions


def _equals(s: Scene) -> Rule | None:
    token, head = s.token, s.head.kind
    if token.kind == "=":
        if ":" in s.expected and head in ("var", "output", "input"):
            return mistakes.MissingDomain(span=s.gap, name=_declared(s))
        if s.before.kind == ":" and head in ("var", "output", "input"):
            return mistakes.MissingDomain(span=token.span, name=_declared(s))
        if head == "input" and s.complete:
            return mistakes.InputWithMechanism(span=token.span, name=_declared(s))
        if "COMPARE" in s.expected and head in ("expect", "train"):
            return mistakes.AssignForEqual(span=token.span, instead=">=")
        if "COMPARE" in s.expected and "->" not in s.expected:
            return mistakes.AssignForEqual(span=token.span)
    if token.text == "==" and "=" in s.expected:
        return mistakes.EqualForAssign(span=token.span)
    if head == "def" and token.kind == ":" and "=" in s.expected:
        return mistakes.PythonDef(span=token.span)
    return None


def _declared(s: Scene) -> str:
    names = [token for token in s.tokens[s.statement : s.at] if token.kind == "NAME"]
    return names[0].text if names else s.head.text


def _chained(s: Scene) -> Rule | None:
    if s.token.kind != "COMPARE" or "COMPARE" in s.expected or s.before.kind in _WANTING:
        return None
    depth = 0
    for number in range(s.at - 1, s.statement, -1):
        token = s.tokens[number]
        depth += (token.kind in (")", "]", "}")) - (token.kind in CLOSERS)
        if depth < 0 or (depth == 0 and token.kind in ("and", "or", "xor", "then", "else", "if")):
            return None
        if depth == 0 and token.kind == "COMPARE":
            left, right = s.tokens[number - 1], s.next
            return mistakes.ChainedComparison(
                span=s.token.span,
                first=token.span,
                left=left.text if left.kind in OPERANDS else "...",
                middle=s.text[s.tokens[number + 1].start : s.before.end],
                sign=token.text,
                other=s.token.text,
                third=right.text if right.kind in OPERANDS else "...",
            )
    return None


# ------------------------------------------------------------------- conditions


def _python(s: Scene) -> Rule | None:
    token, before = s.token, s.before
    if token.text in ("elif", "elsif", "elseif"):
        return mistakes.Elif(span=token.span, word=token.text)
    if before.text == "return" and before.kind == "NAME" and s.operand:
        return mistakes.Return(span=before.span)
    if token.kind == "if" and before.kind in {*OPERANDS, ")", "]"} and not s.fresh:
        return mistakes.PythonTernary(span=token.span)
    if "then" in s.expected and (s.operand or token.kind == ":"):
        return mistakes.MissingThen(span=token.span if token.kind == ":" else s.gap)
    if "else" in s.expected and before.kind in {*OPERANDS, ")", "]", "}"} and not s.operand:
        ifs = [each for each in s.tokens[s.statement : s.at] if each.kind == "if"]
        if ifs and token.kind != "if":
            return mistakes.MissingElse(span=s.gap, at=ifs[-1].span)
    return None


# ----------------------------------------------------------- brackets and places


def _brackets(s: Scene) -> Rule | None:
    token, opener = s.token, s.opener
    ends = token.kind == END or token.kind in ("}", ")", "]") or (s.fresh and token.kind in HOMES)
    stray = opener is None or (s.in_block and token.kind in (")", "]"))
    if token.kind in (")", "]", "}") and stray:
        return misplaced.Unmatched(span=token.span, sign=token.kind)
    if opener is None or s.in_block or s.before.kind in _WANTING - {","}:
        return None
    if ends and CLOSERS[opener.kind] != token.kind:
        return unclosed(opener, s.gap)
    return None


def unclosed(opener: Token, missing: Span) -> Rule:
    """The bracket `opener` should have been closed at `missing`."""
    closer = CLOSERS[opener.kind]
    return misplaced.Unclosed(span=opener.span, sign=opener.kind, closer=closer, missing=missing)


def _operand(s: Scene) -> Rule | None:
    token, before = s.token, s.before
    if before.kind not in _WANTING or token.kind == "BAD" or s.at <= s.statement:
        return None
    misused = token.kind in LEADING - _MIDWAY and not s.fresh
    if s.operand or misused or not s.expected & {"NAME", "STRING", "INT"}:
        return None
    if before.text in ("[", "(") and token.kind in ("]", ")"):
        return None
    return mistakes.MissingOperand(span=s.gap, sign=before.text, wanted=_wanted(s))


def _wanted(s: Scene) -> str:
    if "bool" in s.expected:
        return "a domain"
    if "INT" in s.expected or "true" in s.expected:
        return "a number" if "NAME" not in s.expected else "a value"
    return "a name" if "NAME" in s.expected else "a string"


def _missing_part(s: Scene) -> Rule | None:
    token, head = s.token, s.head.kind
    closing = token.kind in (END, "}") or token.kind in HOMES or token.kind in TOP
    if head in ("var", "output") and closing and s.at > s.statement + 1:
        if ":" in s.expected:
            return mistakes.MissingDomain(span=s.gap, name=_declared(s))
        if "=" in s.expected:
            return mistakes.MissingMechanism(span=s.gap, name=_declared(s))
    if head == "import" and "from" in s.expected and s.before.kind == "NAME":
        return misplaced.WantsText(span=s.before.span, found=s.before.text)
    behind = s.tokens[max(0, s.at - 3) : s.at]
    if [each.kind for each in behind] == ["NAME", "INT", "NAME"] and behind[0].text == "layer":
        return misplaced.LayerFirst(
            span=Span(behind[0].start, behind[2].end),
            component=behind[2].text,
            layer=behind[1].text,
        )
    if head == "expect" and "COMPARE" in s.expected and (closing or token.text in ("on", "over")):
        return misplaced.MissingBound(span=s.gap)
    if head == "split" and "%" in s.expected:
        return misplaced.MissingPercent(span=s.gap, share=s.before.text)
    return None


def _arrow(s: Scene) -> Rule | None:
    if "->" not in s.expected:
        return None
    if s.token.kind in ("=", ":"):
        return mistakes.MissingArrow(span=s.token.span, sign=s.token.text)
    if s.operand or s.token.kind in ("if", "match") or s.token.text == "every":
        return mistakes.MissingArrow(span=s.gap, found=s.token.text)
    return None


# ------------------------------------------------------------------------ words


def _statement(s: Scene) -> Rule | None:
    token, word = s.token, s.token.text
    if not (s.complete and s.at != s.statement + 1 and (s.fresh or s.at == 0)):
        return None
    where = f"in `{s.block}`" if s.block != "file" else "outside all blocks"
    if token.kind in ("import", "hypothesis") and s.block == "file":
        return misplaced.OutOfOrder(span=token.span, word=word)
    if (
        word in HOMES
        and (token.kind == word or word in INSIDE[HOMES[word]])
        and s.block != HOMES[word]
    ):
        home = f"`{HOMES[word]} {{ ... }}`"
        if token.kind == word or s.next.kind in ("NAME", "STRING", "INT"):
            return misplaced.WrongBlock(span=token.span, word=word, where=where, home=home)
    if token.kind == "NAME" and s.block in ("file", *INSIDE):
        from difflib import get_close_matches

        known = TOP if s.block == "file" else INSIDE[s.block]
        near = get_close_matches(word, known, n=1, cutoff=0.6)
        names = ", ".join(f"`{name}`" for name in known)
        return misplaced.UnknownStatement(
            span=token.span, word=word, where=where, near=near[0] if near else "", known=names
        )
    return None


def _names(s: Scene) -> Rule | None:
    token = s.token
    misused = token.kind in LEADING - _MIDWAY and s.before.kind not in OPERANDS
    if "NAME" in s.expected and misused and (not s.fresh or s.next.kind in ("->", ":", "=")):
        return misplaced.KeywordAsName(span=token.span, word=token.text)
    if s.expected == {"NAME"} and s.at > s.statement:
        whole = shape(s.head.text)
        return misplaced.MissingName(span=s.gap, after=s.before.text, shape=whole)
    return None


def _lists(s: Scene) -> Rule | None:
    token = s.token
    if s.expected == {"STRING"} and token.kind == "NAME":
        return misplaced.WantsText(span=token.span, found=token.text)
    if "INT" in s.expected and "NUMBER" not in s.expected and token.kind in ("NUMBER", "-"):
        last = s.next if token.kind == "-" else token
        span = Span(token.start, last.end)
        return misplaced.WantsWhole(span=span, found=s.text[span.start : span.end])
    list_goes_on = "," in s.expected and (not s.fresh or not s.in_block) and s.opener is not None
    if s.operand and list_goes_on and not (token.kind == "INT" and "in" in s.expected):
        return mistakes.MissingComma(span=s.gap, found=token.text)
    if s.operand and not s.fresh and {"+", "and"} <= s.expected:
        return mistakes.MissingOperator(span=s.gap, found=token.text)
    return None


def _only_word(s: Scene) -> Rule | None:
    words = [kind for kind in s.expected if (kind.isalpha() and kind.islower()) or kind in "=:,)]}"]
    found = "" if s.token.kind == END or s.fresh else s.token.text
    if "dims" in s.expected and s.before.kind not in ("in", "->"):
        return mistakes.MissingWord(span=s.gap, word="dims", found=found)
    homed = s.block in ("alignment", "implement") and "in" in s.expected and not s.fresh
    if homed and (s.token.kind == "INT" or s.token.text == "dims"):
        return mistakes.MissingWord(span=s.gap, word="in", found=found)
    if len(s.expected) == 1 and words:
        return mistakes.MissingWord(span=s.gap, word=words[0], found=found)
    return None


_RECOGNISERS: tuple[Callable[[Scene], Rule | None], ...] = (
    habits.conflict, _stray, habits.signs, _signs, habits.alignments, habits.brackets,
    habits.membership, habits.statements, _equals, _chained, _python, _statement, _brackets,
    _operand, _missing_part, _arrow, _names, _lists, _only_word,
)  # fmt: skip
