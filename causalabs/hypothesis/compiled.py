"""`compiled(algorithm, ...)` in a file: whether it can be built, and how wide it would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from causalabs.algorithm.homes import HomelessError, Layout, lay_out
from causalabs.algorithm.model import Algorithm
from causalabs.algorithm.names import nearest
from causalabs.hypothesis.model import Readout, Setting
from causalabs.hypothesis.refs import Findings, listed
from causalabs.hypothesis.rules_compiled import CannotCompile, UnknownCompiled
from causalabs.syntax import ast


def compiled_algorithm(
    settings: Mapping[str, Setting], algorithms: Sequence[Algorithm]
) -> Algorithm | None:
    """The algorithm that is named, the first where none is; None where there is none such."""
    name = settings.get("algorithm")
    return next((each for each in algorithms if name in (None, each.name)), None)


def layout_of(
    settings: Mapping[str, Setting], algorithm: Algorithm, reads: Sequence[Readout]
) -> Layout:
    """Where the variables will live; raises `HomelessError` for what cannot be built."""
    names = ("dims", "layer", "layers", "distractors")
    numbers = {key: settings[key] for key in names if isinstance(settings.get(key), int)}
    outputs = tuple(read.output for read in reads)
    return lay_out(algorithm, outputs=outputs, **numbers)  # type: ignore[arg-type]


def compiled_layout(
    call: ast.Call,
    settings: Mapping[str, Setting],
    algorithms: Sequence[Algorithm],
    reads: Sequence[Readout],
    found: Findings,
) -> Layout | None:
    """Where its variables will live; None for what cannot be built, which is reported."""
    name, chosen = settings.get("algorithm"), compiled_algorithm(settings, algorithms)
    if chosen is None:
        if str(name) not in found.poisoned:
            known = [each.name for each in algorithms]
            hint = nearest(str(name), known)
            text = f"there are {listed(known)}" if len(known) > 1 else f"there is {listed(known)}"
            span = next(a.value.span for a in call.arguments if found.text(a.value) == name)
            found.report(UnknownCompiled(span=span, name=str(name), known=text, suggestion=hint))
        return None
    try:
        return layout_of(settings, chosen, reads)
    except HomelessError as error:
        found.report(CannotCompile(span=call.span, problem=error.message, remedy=error.help))
        return None
