"""How a run came about: fits, network, lock, environment, and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from causalabs.report.html_elements import Markup, element, figure_of, pairs, section, table
from causalabs.report.reading import Run
from causalabs.report.registration import registration_text
from causalabs.results import FitRecord

FITS = (
    "fit", "variables", "place", "numbers fitted", "examples", "steps", "restarts", "train IIA",
)  # fmt: skip


def fits_section(run: Run) -> Markup | None:
    """What every fit cost, the place that it ended with, what its examples gave."""
    rows = [
        _fit(job, fit)
        for job, fits in run.results.fits.items()
        for fit in fits
        if fit.steps or fit.select_scores or fit.capacity
    ]
    if not rows:
        return None
    return section("Fits", table("Fitted on train, chosen on select", FITS, rows))


def _fit(job: str, fit: FitRecord) -> list[str]:
    counts = (fit.capacity, fit.examples, fit.steps, fit.restarts)
    return [job, fit.space, fit.choice, *(f"{each:,}" for each in counts), figure_of(fit.train_iia)]


def registration_section(run: Run) -> Markup | None:
    """What was registered before results were seen, and what was amended since."""
    if run.registration is None:
        said = "With this run nothing is kept of what was registered before it."
        return section("Pre-registration", element("p", said))
    text = registration_text(run.registration)
    amended = run.registration["status"] == "amended" or run.registration["edited"]
    if not amended and "\n" not in text:
        return section("Pre-registration", element("p", text[:1].upper() + text[1:] + "."))
    return section("Pre-registration", element("pre", text, class_="warning"))


def network_section(run: Run) -> Markup | None:
    """The record of the network under test, of each seed where there are several."""
    seeds = run.results.network.get("seeds")
    if not isinstance(seeds, Mapping):
        return section("Network", _record(run.results.network))
    each = [
        part
        for seed, record in seeds.items()
        if isinstance(record, Mapping)
        for part in (element("h3", f"Seed {seed}"), _record(record))
    ]
    return section("Network", *each)


def _record(record: Mapping[str, Any]) -> Markup | None:
    return pairs((str(name), _plain(value)) for name, value in record.items())


def _plain(value: Any) -> str:
    """A value of a record: numbers exactly, lists in one line."""
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    return str(value)


def environment_section(run: Run) -> Markup | None:
    """What numbers may depend on beside plan and seed, and what took how long."""
    told = [*_items(run.results.environment)]
    told += [(f"seconds, {kind}", f"{value:.1f}") for kind, value in run.results.seconds.items()]
    return section("Environment and time", pairs(told))


def _items(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((str(name), _plain(value)) for name, value in record.items())


def repeat_section(run: Run) -> Markup | None:
    """The text that was run, the command that runs it, and hashes to compare."""
    name = f"{run.plan.hypothesis or 'hypothesis'}.causal"
    hashes = [("plan", run.results.plan)]
    hashes += [(f"sha256 of {path}", digest) for path, digest in run.plan.files]
    hashes += [("network handed over", run.plan.network)] if run.plan.network else []
    hashes.append(("run folder", run.results.run))
    changed = None
    if run.plan.hash != run.results.plan:
        changed = element(
            "p",
            f"plan.json has the hash {run.plan.hash}, not that of these results: it was written "
            "by an earlier version, or edited.",
            class_="warning",
        )
    return section(
        "How to repeat it",
        element("p", f"Save the text below as {name}, with its data files beside it, and type:"),
        element("pre", command(run, name)),
        changed,
        pairs(hashes),
        element("pre", run.plan.canonical, class_="source"),
    )


def command(run: Run, name: str) -> str:
    """What a person types to get the same plan.

    A network that was handed over has no command: then it is a line of Python.
    """
    seeds, plan = run.plan.seeds, run.plan
    own = run.hypothesis is not None and run.hypothesis.seeds == seeds
    together = seeds == tuple(range(seeds[0], seeds[-1] + 1)) if seeds else True
    device = str(run.results.environment.get("device", "cpu"))
    own_network = run.hypothesis is not None and run.hypothesis.network.kind == "python"
    replaced = () if run.hypothesis is None else run.hypothesis.replacements
    python = own_network or any(each.function for each in replaced)
    if (plan.network and not own_network) or not (own or together):
        settings = "" if own else f", seeds={seeds}"
        settings += ", network=module" if plan.network else ""
        settings += "".join(f', {k}="{v}"' for k, v in _others(run, device))
        return f'import causalabs\n\ncausalabs.run(causalabs.load("{name}"){settings})'
    words = ["causalabs run", name]
    if not own and seeds:
        words.append(
            f"--seeds {seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else f"--seeds {seeds[0]}"
        )
    words += [f"--{option} {value}" for option, value in _others(run, device)]
    words += ["--allow-python"] if python else []
    return " ".join(words)


def _others(run: Run, device: str) -> list[tuple[str, str]]:
    """Settings that are not as they are when nothing is said."""
    told = [
        ("backend", run.plan.backend, "native"),
        ("dtype", run.plan.dtype, "float32"),
        ("device", device, "cpu"),
    ]
    return [(name, value) for name, value, usual in told if value != usual]
