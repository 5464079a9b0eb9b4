"""Running a file's own procedure on networks of which the right verdict is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalabs.algorithm.evaluate import MechanismError
from causalabs.errors import RunError
from causalabs.hypothesis.model import Expectation, Hypothesis, inner_settings
from causalabs.plans import make_plan
from causalabs.power.cases import Case, cases, claimed, given_dims, moves_inputs
from causalabs.power.moved import check_bases, kept, layers_needed, moved
from causalabs.power.results import Power, Tried
from causalabs.runs import RunFolder

if TYPE_CHECKING:
    from causalabs.engine.protocol import Network
    from causalabs.results import Results

VERSION = 3
"""Raised whenever the same case would be another network: old runs are then not reused."""

Progress = Callable[[str, float], None]


def power(
    hypothesis: Hypothesis,
    *,
    networks: int = 10,
    controls: bool = False,
    noise: float = 0.0,
    dims: int | None = None,
    runs: str | Path = "runs",
    progress: Progress | None = None,
) -> Power:
    """How often the file's procedure is right, on `networks` that implement it and as many not.

    Each network has its own rotation and its own examples, drawn as the file says; a variable
    takes `dims` of the rotation, or as many as the file counts for it. A network
    that was tried before is not tried again: its run is kept below `runs`. Raises `RunError`
    where the procedure cannot be put to compiled networks.
    """
    check_bases(hypothesis)
    expectations = kept(hypothesis, controls=controls)
    layers = layers_needed(hypothesis)
    width = _own_width(hypothesis)
    listed, left_out = cases(hypothesis, networks, layers=layers, width=width, dims=dims)
    tried = []
    for number, case in enumerate(listed):
        say = _told(progress, case, number, len(listed))
        tried.append(_try(hypothesis, expectations, case, noise, Path(runs) / "power", say))
    texts = tuple(_text(each) for each in expectations)
    others = tuple(_text(each) for each in hypothesis.expectations if each not in expectations)
    return Power(
        hypothesis=hypothesis.name,
        claimed=claimed(hypothesis).name,
        tried=tuple(tried),
        budget=_budget(hypothesis, listed[0], tried, dims),
        expectations=texts,
        left_out=others,
        notes=(*_notes(listed), *left_out),
    )


def _try(
    hypothesis: Hypothesis,
    expectations: Sequence[Expectation],
    case: Case,
    noise: float,
    root: Path,
    progress: Progress | None,
) -> Tried:
    layer = case.layer if case.means.implements else int(moves_inputs(hypothesis))
    here = moved(hypothesis, expectations, layer=layer, seed=case.number)
    plan = make_plan(here, network=_fingerprint(case, noise))
    folder = RunFolder.open(root, plan)
    results = folder.finished()
    if results is None:
        try:
            results = _run(hypothesis, here, case, noise, plan, folder, progress)
        except MechanismError as error:
            repair = "correct the mechanism, or declare a domain that holds its values"
            raise RunError(str(error), repair) from error
    fits = [fit for name, found in results.fits.items() if "-plain-" in name for fit in found]
    return Tried(
        number=case.number,
        implements=case.means.implements,
        means=case.means.kind,
        layer=case.layer,
        verdict=results.verdict,
        values=tuple((each.text, each.value) for each in results.expectations),
        chosen=tuple(dict.fromkeys(fit.choice for fit in fits if fit.select_scores)),
        steps=sum(sum(fit.choice_steps) or fit.steps for fit in fits),
        seconds=results.seconds["total"],
        run=str(folder.path),
        cached=results.cached,
    )


def _run(
    hypothesis: Hypothesis,
    here: Hypothesis,
    case: Case,
    noise: float,
    plan: Any,
    folder: RunFolder,
    progress: Progress | None,
) -> Results:
    from causalabs.engine.networks.compiled import compile_algorithm
    from causalabs.engine.run import execute

    def make(seed: int, trained: bool) -> Network:
        made: Any = compile_algorithm(
            case.means.algorithm,
            case.layout,
            here.network,
            seed=seed,
            noise=noise,
            trained=trained,
        )
        made.record = {**made.record, "stands_for": _likeness(hypothesis)}
        return made  # type: ignore[no-any-return]

    return execute(here, plan, folder, progress=progress, make_network=make)


def _likeness(hypothesis: Hypothesis) -> dict[str, Any]:
    """Kind and size of the file's own network, as far as it tells: a fit's budget goes by them."""
    from causalabs.engine.shapes import skeleton

    laid: Any = skeleton(hypothesis)
    if laid is not None:
        return {"kind": laid.kind, "parameters": sum(p.numel() for p in laid.parameters())}
    return {"kind": "huggingface"} if hypothesis.network.kind == "huggingface" else {}


def _fingerprint(case: Case, noise: float) -> str:
    """All that a compiled network depends on beside its seed."""
    parts = (VERSION, case.means.algorithm.variables, case.layer, case.layout, noise)
    return "compiled " + hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _told(progress: Progress | None, case: Case, number: int, count: int) -> Progress | None:
    if progress is None:
        return None
    say, what = progress, "implements it" if case.means.implements else case.means.kind
    return lambda text, share: say(
        f"network {number + 1} of {count} ({what}): {text}", (number + share) / count
    )


def _own_width(hypothesis: Hypothesis) -> int | None:
    """Width of the file's network where the file tells it."""
    settings = dict(hypothesis.network.settings)
    net = settings.get("net")
    if isinstance(net, tuple):
        settings = dict(inner_settings(net))
    hidden, width = settings.get("hidden"), settings.get("width")
    if isinstance(hidden, tuple):
        return max((size for size in hidden if isinstance(size, int)), default=None)
    return width if isinstance(width, int) else None


def _budget(
    hypothesis: Hypothesis, case: Case, tried: Sequence[Tried], dims: int | None
) -> dict[str, Any]:
    drawing = hypothesis.counterfactuals
    return {
        "sample": drawing.sample,
        "splits": {name: float(share) for name, share in drawing.splits},
        "dims": given_dims(hypothesis),
        "compiled_dims": dims,
        "width": case.layout.width,
        "layers": len(case.layout.layers),
        "steps": round(sum(each.steps for each in tried) / max(1, len(tried))),
        "seconds": round(sum(each.seconds for each in tried), 1),
    }


def _text(expectation: Expectation) -> str:
    return f"{expectation.quantity.text} {expectation.comparison} {expectation.bound:g}"


def _notes(listed: Sequence[Case]) -> tuple[str, ...]:
    about = (f"{case.means.kind}: {case.means.about}" for case in listed if case.means.about)
    return tuple(dict.fromkeys(about))
