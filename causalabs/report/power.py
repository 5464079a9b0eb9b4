"""How often a file's procedure is right, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from causalabs.power.results import Power, Share, Tried, shares


def power_text(found: Power) -> str:
    """The counts, what they were taken at, and each network that was misjudged."""
    return "\n".join(_lines(found))


def _lines(found: Power) -> Iterator[str]:
    yield f"{found.hypothesis}  power of the procedure, for `{found.claimed}`"
    yield ""
    rows: list[tuple[str, ...]]
    rows = [("networks that", "right", "95 % interval", "met", "not met", "undecided")]
    rows += [_row("implement it", found.implementing), _row("do not", found.others)]
    kinds = [(kind, share) for kind, share in found.by_means if _not(found, kind)]
    rows += [_row(f"  {kind}", share) for kind, share in kinds]
    rows.append(_row("all", shares(found.tried)))
    yield from _table(rows)
    yield ""
    yield f"judged      {'; '.join(found.expectations)}"
    if found.left_out:
        yield f"left out    {'; '.join(found.left_out)}"
    yield f"at          {_budget(found.budget)}"
    yield from (f"note        {note}" for note in found.notes)
    wrong = [each for each in found.tried if not each.right]
    if wrong:
        yield ""
        yield "not right:"
        yield from (f"  {_tried(each)}" for each in wrong)


def _not(found: Power, kind: str) -> bool:
    return any(each.means == kind and not each.implements for each in found.tried)


def _row(name: str, share: Share) -> tuple[str, ...]:
    interval = f"{_number(share.low)} .. {_number(share.high)}"
    counts = (str(share.met), str(share.not_met), str(share.undecided))
    return (name, f"{share.right} of {share.networks}", interval, *counts)


def _number(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 1 else "1.00"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first, *rest]).rstrip()


def _budget(budget: Mapping[str, Any]) -> str:
    sample = "every interchange" if budget["sample"] is None else f"sample {budget['sample']:,}"
    splits = ", ".join(f"{name} {share:.0%}" for name, share in budget["splits"].items())
    dims = ", ".join(f"{name} {count}" for name, count in budget["dims"].items())
    parts = [f"{sample} ({splits})" if splits else sample]
    parts += [f"dims {dims}"] if dims else []
    if budget["compiled_dims"] is not None:
        parts.append(f"variables in {budget['compiled_dims']} of a network")
    plural = "s" if budget["layers"] > 1 else ""
    parts.append(f"{budget['layers']} hidden layer{plural} of {budget['width']}")
    parts.append(f"{budget['steps']:,} steps of fitting for each network")
    return "; ".join(parts) + f"; {budget['seconds']:g} s in all"


def _tried(each: Tried) -> str:
    values = "; ".join(f"{text} {value:.3f}" for text, value in each.values)
    place = f", chose {', '.join(each.chosen)}" if each.chosen else ""
    truth = "implements it" if each.implements else each.means
    where = f" at layer {each.layer}" if each.implements else ""
    return f"network {each.number} ({truth}{where}): {each.verdict}; {values}{place}; {each.run}"
