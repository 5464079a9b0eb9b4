"""`and`, `or`, `not`, `xor`, `if` and `match`: what is constant decides what is dead."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from causalabs.algorithm.context import DEPTH, Context, Env, OutOfBudget
from causalabs.algorithm.declared import coded_value, whole
from causalabs.algorithm.domains import (
    Bool,
    Cyclic,
    Domain,
    Enum,
    Interval,
    Mod,
    Real,
    SetOf,
    size,
)
from causalabs.algorithm.expand import expand, handles, pending, truth
from causalabs.algorithm.expression import Constant, Expression
from causalabs.algorithm.operators import balanced, choose, operation
from causalabs.algorithm.rules_types import NotExhaustive, OutsideDomain, UnreachableArm
from causalabs.algorithm.typing_ import (
    BOOL,
    INTEGER,
    domain_text,
    integral,
    join,
    joint,
    written,
    wrong,
)
from causalabs.diagnostics import Span
from causalabs.syntax import ast

CHAIN = 32
"""More arms than this are laid out as a tree, so that no evaluator nests too deep."""

Term = tuple[Callable[[], Expression | None], ast.Node]


def connective(
    context: Context, operator: str, terms: Iterable[Term], span: Span, place: str = ""
) -> Expression | None:
    """`and`/`all` or `or`/`any`: a deciding constant leaves the other terms unread (A1)."""
    deciding = operator in ("or", "any")
    mark = context.mark()
    kept: list[Expression] = []
    failed = False
    for make, node in terms:
        found = truth(context, make(), node, place or f"an operand of `{operator}`")
        if found is None:
            failed = True
        elif isinstance(found, Constant):
            if bool(found.value) is deciding:
                context.forget(mark)
                return Constant(deciding, BOOL, context.at(span))
        else:
            kept.append(found)
    if failed:
        return None
    if not kept:
        return Constant(not deciding, BOOL, context.at(span))
    if len(kept) == 1:
        return kept[0]
    return operation(operator, tuple(kept), BOOL, context.at(span))  # type: ignore[arg-type]


@handles(ast.Or, ast.And)
def expand_or(
    context: Context, node: ast.Or | ast.And, env: Env, hint: Domain | None
) -> Expression | None:
    """`a or b or c`, `a and b and c`."""
    terms: list[Term] = [
        (lambda term=term: expand(context, term, env, BOOL), term)  # type: ignore[misc]
        for term in node.terms
    ]
    return connective(context, "or" if isinstance(node, ast.Or) else "and", terms, node.span)


@handles(ast.Xor)
def expand_xor(context: Context, node: ast.Xor, env: Env, hint: Domain | None) -> Expression | None:
    """`a xor b xor c`."""
    found = [
        truth(context, expand(context, term, env, BOOL), term, "an operand of `xor`")
        for term in node.terms
    ]
    kept = [each for each in found if each is not None]
    if len(kept) < len(found):
        return None
    flips = sum(bool(each.value) for each in kept if isinstance(each, Constant)) % 2
    live = [each for each in kept if not isinstance(each, Constant)]
    span = context.at(node.span)
    if not live:
        return Constant(bool(flips), BOOL, span)
    result = balanced("xor", live, BOOL, span)
    return operation("not", (result,), BOOL, span) if flips else result


@handles(ast.Not)
def expand_not(context: Context, node: ast.Not, env: Env, hint: Domain | None) -> Expression | None:
    """`not a`."""
    found = truth(context, expand(context, node.term, env, BOOL), node.term, "what `not` negates")
    if found is None:
        return None
    span = context.at(node.span)
    if isinstance(found, Constant):
        return Constant(not found.value, BOOL, span)
    return operation("not", (found,), BOOL, span)


# --------------------------------------------------------------------------- if


@handles(ast.Choose)
def expand_choose(
    context: Context, node: ast.Choose, env: Env, hint: Domain | None
) -> Expression | None:
    """`if a then x else if b then y else z`; a constant condition takes its branch."""
    arms: list[tuple[Expression, ast.Expr, Span]] = []
    failed = False
    last: ast.Expr = node
    while isinstance(last, ast.Choose):
        context.spend()
        found = expand(context, last.condition, env, BOOL)
        condition = truth(context, found, last.condition, "the condition of `if`")
        if condition is None:
            failed = True
            arms.append((Constant(True, BOOL), last.yes, last.span))
        elif not isinstance(condition, Constant):
            arms.append((condition, last.yes, last.span))
        elif condition.value:
            last = last.yes
            break
        last = last.no
    if len(arms) + context.depth > DEPTH:
        raise OutOfBudget(f"nests more than {DEPTH} deep")
    results = branches(context, [*(yes for _, yes, _ in arms), last], env, hint)
    if results is None or failed:
        return None
    result = results[-1]
    for (condition, _, span), yes in zip(reversed(arms), reversed(results[:-1]), strict=True):
        result = choose(condition, yes, result, joint(yes.type, result.type), context.at(span))
    return result


def branches(
    context: Context, nodes: Sequence[ast.Expr], env: Env, hint: Domain | None
) -> list[Expression] | None:
    """Expressions of one type; those whose type shows give it to those whose does not."""
    found: dict[int, Expression | None] = {}
    if hint is None:
        for place, node in enumerate(nodes):
            if not pending(context, node, env):
                found[place] = each = expand(context, node, env)
                if each is not None:
                    hint = each.type
                    break
    for place, node in enumerate(nodes):
        if place not in found:
            found[place] = expand(context, node, env, hint)
    results = [found[place] for place in range(len(nodes))]
    pairs: list[tuple[Expression, ast.Node]]
    pairs = [(each, node) for each, node in zip(results, nodes, strict=True) if each is not None]
    joined = join(context, pairs, "the branches", hint)
    if joined is None or len(pairs) < len(nodes):
        return None
    return joined


# ------------------------------------------------------------------------ match


@handles(ast.Match)
def expand_match(
    context: Context, node: ast.Match, env: Env, hint: Domain | None
) -> Expression | None:
    """`match x { p | q -> a, else -> b }`, as a chain of choices."""
    before = context.spent
    subject = expand(context, node.subject, env)
    cost = context.spent - before
    if subject is None:
        return None
    if isinstance(subject.type, (Real, SetOf)):
        wrong(context, subject, node.subject, "what `match` looks at", INTEGER)
        return None
    cover = _Cover(context, subject.type)
    live: list[tuple[list[tuple[int, int]], ast.Arm]] = []
    sound = True
    for arm in node.arms:
        ranges = cover.add(arm)
        if ranges is None:
            sound = False
        else:
            live.append((ranges, arm))
    constant = isinstance(subject, Constant)
    if sound and not constant and not cover.complete():
        context.report(NotExhaustive(span=_head(node), missing=cover.missing()))
        sound = False
    if constant and sound:
        return _decided(context, int(subject.value), live, node, env, hint)  # type: ignore[union-attr]
    context.spend((cost + 2) * sum(max(1, len(ranges)) for ranges, _ in live))
    results = branches(context, [arm.result for arm in node.arms], env, hint)
    if results is None or not sound:
        return None
    conditions = [_within(context, subject, ranges, arm) for ranges, arm in live]
    if len(conditions) + context.depth > DEPTH and len(conditions) <= CHAIN:
        raise OutOfBudget(f"nests more than {DEPTH} deep")
    return _chain(conditions, results, context.at(node.span))


def _head(node: ast.Match) -> Span:
    return Span(node.span.start, max(node.subject.span.end, node.span.start))


def _decided(
    context: Context,
    value: int,
    live: list[tuple[list[tuple[int, int]], ast.Arm]],
    node: ast.Match,
    env: Env,
    hint: Domain | None,
) -> Expression | None:
    for ranges, arm in live:
        if not arm.patterns or any(low <= value <= high for low, high in ranges):
            return expand(context, arm.result, env, hint)
    context.report(NotExhaustive(span=_head(node), missing=f"`{value}`"))
    return None


def _within(
    context: Context, subject: Expression, ranges: list[tuple[int, int]], arm: ast.Arm
) -> Expression:
    """Whether the subject is in one of `ranges` of codes."""
    span = context.at(arm.span)
    tests: list[Expression] = []
    for low, high in ranges:
        if isinstance(subject.type, Bool):
            test = subject if low else operation("not", (subject,), BOOL, span)
        elif low == high:
            type_ = INTEGER if integral(subject.type) else subject.type
            test = operation("eq", (subject, Constant(low, type_, span)), BOOL, span)
        else:
            ends = [Constant(low, INTEGER, span), Constant(high, INTEGER, span)]
            above = operation("ge", (subject, ends[0]), BOOL, span)
            below = operation("le", (subject, ends[1]), BOOL, span)
            test = operation("and", (above, below), BOOL, span)
        tests.append(test)
    if not tests:
        return Constant(True, BOOL, span)
    return tests[0] if len(tests) == 1 else operation("or", tuple(tests), BOOL, span)


def _chain(conditions: list[Expression], results: list[Expression], span: Span) -> Expression:
    if len(results) > CHAIN:
        half = len(results) // 2
        first = operation("or", tuple(conditions[:half]), BOOL, span)
        yes = _chain(conditions[:half], results[:half], span)
        no = _chain(conditions[half:], results[half:], span)
        return choose(first, yes, no, joint(yes.type, no.type), span)
    result = results[-1]
    for condition, yes in zip(reversed(conditions[:-1]), reversed(results[:-1]), strict=True):
        result = choose(condition, yes, result, joint(yes.type, result.type), span)
    return result


class _Cover:
    """Which codes of a domain the arms of a `match` have covered so far."""

    def __init__(self, context: Context, domain: Domain) -> None:
        self.context, self.domain = context, domain
        self.low = domain.low if isinstance(domain, Interval) else 0
        count = size(domain)
        self.high = None if count is None else self.low + count - 1
        self.lows: list[int] = []
        self.ranges: list[tuple[int, int, Span]] = []
        self.otherwise: Span | None = None

    def add(self, arm: ast.Arm) -> list[tuple[int, int]] | None:
        """The ranges of codes of an arm; None and a finding where it is wrong."""
        if self.otherwise is not None:
            self._unreachable("this arm", arm.span, self.otherwise)
            return None
        if not arm.patterns:
            if self.complete():
                self._unreachable("else", arm.span, self.ranges[-1][2])
                return None
            self.otherwise = arm.span
            return []
        found: list[tuple[int, int]] = []
        failed = False
        for pattern in arm.patterns:
            codes = self._codes(pattern)
            if codes is None or not self._insert(codes, pattern):
                failed = True
            else:
                found.append(codes)
        return None if failed else found

    def _unreachable(self, shown: str, span: Span, first: Span) -> None:
        self.context.report(UnreachableArm(span=span, shown=shown, first=self.context.at(first)))

    def _codes(self, pattern: ast.Pattern) -> tuple[int, int] | None:
        context, node = self.context, pattern.value
        if isinstance(node, ast.Interval):
            low, high = whole(node.low, context.report), whole(node.high, context.report)
            if low is None or high is None:
                return None
            if not integral(self.domain):
                self._outside(f"{low}..{high}", node)
                return None
            if (
                low > high
                or low < self._lowest(low)
                or (self.high is not None and high > self.high)
            ):
                self._outside(f"{low}..{high}", node)
                return None
            return low, high
        if integral(self.domain) and self.high is None and isinstance(node, ast.Number):
            value = whole(node, context.report)
            return None if value is None else (value, value)
        code, problems = coded_value(node, self.domain)
        for problem in problems:
            context.report(problem)
        return None if code is None else (code, code)

    def _lowest(self, low: int) -> int:
        return low if self.high is None else self.low

    def _outside(self, shown: str, node: ast.Node) -> None:
        domain = f"`{domain_text(self.domain)}`"
        self.context.report(OutsideDomain(span=node.span, value=shown, domain=domain))

    def _insert(self, codes: tuple[int, int], pattern: ast.Pattern) -> bool:
        low, high = codes
        place = bisect_right(self.lows, low)
        for other in self.ranges[max(0, place - 1) : place + 1]:
            if other[0] <= high and low <= other[1]:
                self._unreachable(self.context.shown(pattern), pattern.span, other[2])
                return False
        self.lows.insert(place, low)
        self.ranges.insert(place, (low, high, pattern.span))
        return True

    def complete(self) -> bool:
        """Whether every value has its arm."""
        if self.otherwise is not None:
            return True
        if self.high is None:
            return False
        return sum(high - low + 1 for low, high, _ in self.ranges) == self.high - self.low + 1

    def missing(self) -> str:
        """The first values without an arm."""
        if self.high is None:
            return "other integers"
        gaps: list[str] = []
        at = self.low
        for low, high, _ in [*self.ranges, (self.high + 1, self.high + 1, Span(0, 0))]:
            while at < low and len(gaps) < 3:
                if integral(self.domain) or isinstance(self.domain, Mod):
                    gaps.append(str(at) if at == low - 1 else f"{at}..{low - 1}")
                    at = low
                else:
                    gaps.append(self._written(at))
                    at += 1
            at = high + 1
        return ", ".join(f"`{gap}`" for gap in gaps)

    def _written(self, place: int) -> str:
        if isinstance(self.domain, (Enum, Cyclic)):
            return written(self.domain.values[place])
        return written(bool(place))
