"""What tells rivals apart, as text."""

from __future__ import annotations

from collections.abc import Iterator

from causalabs.report.terminal import number
from causalabs.rivals.compare import Against
from causalabs.rivals.distinguish import Compared, Distinguished, Example, line_text
from causalabs.rivals.relation import Relation
from causalabs.rivals.rows import Share


def rivals_text(found: Distinguished) -> str:
    """The whole comparison, pair by pair, then the examples that separate all."""
    parts = ["\n".join(_pair(pair)) for pair in found.pairs]
    parts += ["\n".join(_examples(found))] if found.examples else []
    parts += ["\n".join(f"note: {note}" for note in found.notes)] if found.notes else []
    return "\n\n".join(parts)


def _pair(pair: Compared) -> Iterator[str]:
    verdict = "told apart" if pair.apart else "not told apart"
    yield f"{pair.one} and {pair.other}: {verdict}"
    if pair.outputs.value:
        yield f"  answer {_share(pair.outputs)} of inputs differently with nothing interchanged"
    else:
        yield f"  the same answers with nothing interchanged ({_seen(pair.outputs)})"
    for each in pair.lines:
        yield from _line(each)
    if not pair.lines:
        yield "  no variable can be interchanged"
    for relation in pair.relations:
        yield from _relation(relation)
    if pair.suggested is not None:
        each = pair.suggested
        yield (
            f"  would tell them apart: `interchange {line_text(each.line)}` of {each.of} "
            f"({_share(each.share)} differ)"
        )
    elif not pair.apart and all(each.kind != "same" for each in pair.relations):
        yield "  no interchange of one or two variables tells them apart"


def _line(each: Against) -> Iterator[str]:
    what = f"  interchange {line_text(each.line)} of {each.of}"
    ways = f"{each.tried} ways tried" + ("" if each.all_tried else ", there are more")
    if each.apart:
        yield f"{what}: {_share(each.share)} differ"
        yield f"    closest in {each.other}: {each.closest.text} ({ways})"
    else:
        yield f"{what}: {each.other} answers alike ({_seen(each.share)})"
        yield f"    by: {each.closest.text}"


def _relation(found: Relation) -> Iterator[str]:
    if found.kind == "not decided":
        yield f"  is {found.above} an abstraction of {found.below}: not decided ({found.how})"
        return
    if found.kind == "no":
        yield f"  {found.above} is no abstraction of {found.below} ({found.how})"
        return
    what = "an abstraction of"
    if found.kind == "same":
        what = "up to renaming the same as"
    yield f"  {found.above} is {what} {found.below} ({found.how})"
    if found.map:
        yield "    " + ", ".join(f"{name} = {' with '.join(group)}" for name, group in found.map)
    for name, values in found.values:
        shown = ", ".join(f"{a} is {b}" for a, b in values[:8])
        yield f"    values of {name}: {shown}" + (", ..." if len(values) > 8 else "")


def _examples(found: Distinguished) -> Iterator[str]:
    count = len(found.examples)
    few = "the fewest there are among" if found.fewest else "chosen greedily from"
    noun = "example separates" if count == 1 else "examples separate"
    which = "all" if found.apart else "those that are told apart"
    yield f"{count} {noun} {which} ({few} {found.looked_at:,})"
    for place, each in enumerate(found.examples, 1):
        yield from _example(place, each)


def _example(place: int, each: Example) -> Iterator[str]:
    of = f" of {each.of}" if each.of else ""
    yield f"  {place}. " + (f"interchange {each.interchange}{of}" if of else "nothing interchanged")
    runs = [("base", each.base)]
    several = len(each.sources) > 1
    runs += [
        (f"source {i}" if several else "source", source) for i, source in enumerate(each.sources, 1)
    ]
    for title, inputs in runs:
        yield f"     {title + ':':10} " + ", ".join(f"{name} = {text}" for name, text in inputs)
    yield "     answers:   " + "; ".join(f"{name}: {text}" for name, text in each.answers)


def _share(share: Share) -> str:
    if share.exact:
        return f"{number(share.value)} (exact, {share.examples:,} examples)"
    return (
        f"{number(share.value)} ({number(share.low)} .. {number(share.high)}, "
        f"{share.examples:,} examples drawn)"
    )


def _seen(share: Share) -> str:
    if share.exact:
        return f"exact, {share.examples:,} examples"
    return f"{share.examples:,} examples drawn, at most 1 in {int(1 / share.high):,} differs"
