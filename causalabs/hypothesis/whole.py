"""Which interchanges can be made with whole sites (the control `whole_site`)."""

from __future__ import annotations

from collections.abc import Iterable

from causalabs.hypothesis.model import Line, Site, Space


def clash(line: Line, spaces: Iterable[Space]) -> str:
    """Why a line cannot be made with whole sites; "" where it can.

    What two variables write at one site must come from one place.
    """
    if line.assignments:
        return "a whole site has no coordinates in which a value could be set"
    homes = {m.variable: (m, space) for space in spaces for m in space.members}
    if not all({take.variable, take.origin} <= set(homes) for take in line.takes):
        return ""
    most = max((len(member.choices) for member, _ in homes.values()), default=0)
    for number in range(most):
        written: dict[Site, tuple[str, object]] = {}
        for take in line.takes:
            target, space = homes[take.variable]
            origin, _ = homes[take.origin]
            place = min(number, len(target.choices) - 1)
            come = (take.source, origin.choices[min(number, len(origin.choices) - 1)].reads)
            for site in target.choices[place].writes:
                name, before = written.setdefault(site, (take.variable, come))
                if before != come:
                    return (
                        f"`{name}` and `{take.variable}` are both written at {space.labels[place]}"
                    )
    return ""
