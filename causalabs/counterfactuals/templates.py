"""Templates that take some inputs only: inputs that none takes are never drawn (F1)."""

from __future__ import annotations

from causalabs.algorithm.domains import Bool, Domain, Integer, Real, SetOf, size
from causalabs.algorithm.expression import Expression, LookUp, Operation, Table, Variable
from causalabs.hypothesis.model import FeedText, Hypothesis

Limit = tuple[tuple[str, tuple[int, ...]], ...]


def taken_by_some(hypothesis: Hypothesis) -> Expression | None:
    """That some template takes the input; None where one of them takes every input."""
    feed = hypothesis.network.feed
    if not isinstance(feed, FeedText) or not feed.limits:
        return None
    domains = {variable.name: variable.domain for variable in hypothesis.algorithms[0].inputs}
    each = [_takes(limit, domains) for limit in feed.limits]
    known = tuple(dict.fromkeys(found for found in each if found is not None))
    if len(known) < len(set(each)):
        return None
    return known[0] if len(known) == 1 else Operation("or", known, Bool())


def _takes(limit: Limit, domains: dict[str, Domain]) -> Expression | None:
    """That an input has the values a template is restricted to; None without restriction."""
    held = tuple(
        _among(name, domains[name], allowed)
        for name, allowed in limit
        if len(allowed) < (size(domains[name]) or 0)
    )
    if not held:
        return None
    return held[0] if len(held) == 1 else Operation("and", held, Bool())


def _among(name: str, domain: Domain, allowed: tuple[int, ...]) -> Expression:
    if isinstance(domain, Real | SetOf | Integer):
        raise ValueError(f"`{name}` has no list of values")  # the checker lets none through
    places = frozenset(allowed)
    codes = tuple(int(place in places) for place in range(size(domain) or 0))
    table = Table("templates", (domain,), Bool(), codes, (True,) * len(codes))
    return LookUp(table, (Variable(name, domain),), Bool())
