"""A plan for people: what would run and what it costs."""

from __future__ import annotations

from causalabs.extras import BATTERY, REFITTED, not_run, subjects
from causalabs.hypothesis import registry
from causalabs.hypothesis.model import Hypothesis, Setting, inner_settings
from causalabs.plans import Plan, cost, not_measured


def planned_text(hypothesis: Hypothesis, plan: Plan) -> str:
    """The plan as lines of text."""
    found = cost(hypothesis, plan)
    lines = [f"{hypothesis.name or '(no name)'}  plan {plan.hash}", ""]
    network = hypothesis.network
    settings = ", ".join(f"{key} = {_plain(value)}" for key, value in network.settings)
    lines.append(f"network   {network.kind}({settings}), seeds {_seeds(plan.seeds)}")
    lines += _examples(hypothesis, found.examples)
    kind = registry.find(registry.NetworkKind, network.kind)
    made = "trained" if kind is not None and kind.built_in else "loaded"
    made = "compiled" if network.kind == "compiled" else made
    networks = "no network" if hypothesis.unsupported else _many(found.networks, "network")
    fits = _many(found.fits, "fit")
    lines.append(f"cost      {_many(found.jobs, 'job')}, {fits}, {networks} {made}")
    for job in plan.jobs:
        moved = ", ".join(hypothesis.counterfactuals.lines[line].name for line in job.lines)
        metrics = ", ".join(("iia" if moved else "accuracy", *job.metrics))
        what = f"{metrics} of {moved}" if moved else metrics
        lines.append(f"  {job.name}: {what} on {', '.join(job.splits)}")
    lines += _beside(hypothesis, plan)
    missing = not_measured(hypothesis)
    if missing:
        lines.append(f"aligned but never interchanged: {', '.join(missing)}")
    if hypothesis.unsupported:
        lines += ["", "this version checks but cannot run:"]
        lines += [f"  {each}" for each in hypothesis.unsupported]
    return "\n".join(lines)


def _beside(hypothesis: Hypothesis, plan: Plan) -> list[str]:
    """What `run` measures beside the jobs unless it is bare, for the first seed."""
    found = []
    asked = {(job.control, job.alignment) for job in plan.jobs}
    for job in subjects(hypothesis, plan):
        if job.seed == plan.seeds[0]:
            without = not_run(hypothesis, plan, job)
            names = [name for name in BATTERY if name not in without]
            anew = [n for n in names if n in REFITTED and (n, job.alignment) not in asked]
            told = f"{_many(len(anew), 'fit')} more" if anew else "no further fit"
            found.append(f"beside {job.alignment}, unless --bare: {', '.join(names)} ({told})")
            found += [f"  not {name}: {why}" for name, why in without.items()]
    return found


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _plain(value: Setting) -> str:
    """A setting as the file writes it."""
    if isinstance(value, tuple):
        inside = inner_settings(value)
        if value and isinstance(value[0], str) and len(inside) == len(value) - 1:
            return f"{value[0]}({', '.join(f'{key} = {_plain(each)}' for key, each in inside)})"
        return "[" + ", ".join(map(_plain, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _seeds(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 1 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}..{seeds[-1]}"
    return ", ".join(map(str, seeds))


def _examples(hypothesis: Hypothesis, count: int | None) -> list[str]:
    counterfactuals = hypothesis.counterfactuals
    splits = ", ".join(f"{name} {float(share):.0%}" for name, share in counterfactuals.splits)
    how = "every interchange" if count is None else f"{count:,} examples a seed"
    by = f" by {counterfactuals.by}" if counterfactuals.by else ""
    return [f"examples  {how} over {_many(len(counterfactuals.lines), 'line')}; {splits}{by}"]
