"""Run folders written without a network: everything a report can have to show, and hostile text."""

from __future__ import annotations

import math
from dataclasses import replace

import causalabs
from causalabs.batteries import Battery, Controlled, Curve, CurvePoint
from causalabs.certificates import Certificate
from causalabs.patching import PatchCell, PatchMap
from causalabs.plans import make_plan
from causalabs.results import (
    Counterexample,
    Exchanged,
    FitRecord,
    Hunt,
    Judged,
    Residual,
    Results,
    Row,
    SeedValue,
)
from causalabs.results_circuits import CircuitRecord, SweepPoint
from causalabs.runs import RunFolder
from tests.test_cli import SMALL

SCRIPT = '<script>document.title = "owned"</script>'
HOSTILE = f'{SCRIPT}"><img src=x onerror=alert(1)>&amp;</title></style>'
REGISTERED = {
    "lock": "small.causal.lock", "status": "registered", "registered": "2026-01-01T00:00:00+00:00",
    "claim": "c", "changes": [], "original": None, "edited": False,
}  # fmt: skip


def hypothesis(text=SMALL):
    return causalabs.loads(text)


def judged(text, value, low, high, *, bound=None, comparison=None, verdict=None, **rest):
    return Judged(text, 25, value, low, high, 160, low == high, bound, comparison, verdict, **rest)


EXPECTED = (
    judged("accuracy on heldout", 1.0, 0.9765, 1.0, bound=0.8, comparison=">=", verdict="met"),
    judged("iia of larger on heldout", 0.71875, 0.644, 0.783, bound=0.8, comparison=">=",
           verdict="not met"),
    judged("iia of larger on heldout under untrained", 0.94375, 0.896, 0.97, bound=0.95,
           comparison="<=", verdict="undecided"),
)  # fmt: skip
TABLE = (Row("larger", "alignment", "heldout", (("", 0.71875), ("untrained", 0.94375))),)
FITS = {
    "seed0-plain-alignment": (
        FitRecord("larger", "hidden 0", (), 8, 200, 240, 0.7333, 8, "aa"),
    ),
}  # fmt: skip


FAILING = Counterexample(
    "iia", 0, "larger", "heldout", "alignment", 0, {"x": 0, "y": 1}, ({"x": 2, "y": 1},),
    (Exchanged("larger", False, True, "larger", 0),), {"answer": True}, {"answer": False},
    45, 160, True, 12, "iia of larger on heldout",
)  # fmt: skip
RULE = Residual(
    "iia", 0, "larger", "heldout", "alignment", 0, "base.x < 2", 0.94, 0.02, 100, 60, 240, 9.0,
    "iia of larger on heldout",
)  # fmt: skip


def small_results(plan, folder):
    return Results(
        "small", "The network compares first.", "not met", EXPECTED, (), TABLE,
        {"kind": "mlp", "accuracy": 1.0, "parameters": 12345, "weights": "abcd"}, FITS,
        plan.hash, str(folder), {"python": "3.11.7", "device": "cpu", "threads": 1},
        {"fit": 1.25, "total": 2.5}, counterexamples=(FAILING,), residuals=(RULE,),
    )  # fmt: skip


def grid(layers, positions, job=0):
    """Labels and scores of a search over layers and positions."""
    labels = tuple(f"residual {i} at {p}" for i in range(layers) for p in positions)
    scores = tuple(0.03 + 0.9 * ((7 * j + job) % 23) / 23 for j in range(len(labels)))
    return labels, scores


def searched(job, labels, scores):
    best = max(range(len(labels)), key=lambda j: scores[j])
    steps = tuple(60 + 10 * j for j in range(len(labels)))
    return {
        job: (
            FitRecord(
                "larger", labels[best], scores, 4, 600, 4000, 0.5, 1024, "aa", "bb", steps, labels
            ),
        )
    }


def controlled(control, value, **more):
    return Controlled(control, value, value - 0.02, min(value + 0.02, 1.0), 4000, False, **more)


BATTERY = Battery(
    "places", "heldout",
    (
        controlled("", 0.91, capacity=1024, text="as the file says", by_line=(("larger", 0.91),)),
        controlled("chance", 0.5, text="the best constant answer"),
        controlled("untrained", 0.55, capacity=1024, text="fresh weights, fitted again"),
        controlled("random_basis", 0.52, text="4 dims drawn at random"),
        controlled("shuffled_sources", 0.5, capacity=1024),
        controlled("wrong_algorithm", 0.61, capacity=1024, text="x > y becomes x >= y"),
        controlled("whole_site", 0.71),
    ),
    rival="`larger : bool = x >= y` in place of `x > y`",
    left_out=(("random_sites", "there is no other site of the kind"),),
    warnings=("the whole site reaches less than 16 dims of it",),
)  # fmt: skip


def curve_of(values, untrained):
    labels = (("neurons", "4 neurons", 4, 0), ("learned", "1 learned dim", 1, 64),
              ("learned", "2 learned dims", 2, 128), ("learned", "16 learned dims", 16, 1024),
              ("whole", "whole site", 64, 0), ("revnet", "16 revnet dims", 16, 33_000))  # fmt: skip
    points = [
        CurvePoint(control, basis, label, dims, capacity, basis != "revnet", value,
                   value - 0.03, min(value + 0.03, 1.0), 2000)
        for control, series in (("", values), ("untrained", untrained))
        for (basis, label, dims, capacity), value in zip(labels, series, strict=True)
    ]  # fmt: skip
    return Curve("places", "heldout", tuple(points), (("64 learned dims", "too wide"),))


CURVE = curve_of((0.6, 0.52, 0.74, 0.93, 0.7, 0.998), (0.5, 0.5, 0.51, 0.55, 0.49, 0.82))


def patched_map(method="exact"):
    """12 layers by 5 positions; what is patched rises to 1, attribution falls behind."""
    cells = []
    for layer in range(12):
        for place in range(5):
            value = (layer * (place == 4) + (11 - layer) * (place == 1)) / 11 - 0.01 * place
            exact = value if method == "exact" or abs(value) > 0.8 else None
            low, high = (None, None) if exact is None else (exact - 0.02, exact + 0.02)
            row, column = f"residual {layer}", f"index {place}"
            cells.append(PatchCell(row, column, f"{row} at {column}", exact, low, high, value / 2))
    rows = tuple(f"residual {layer}" for layer in range(12))
    text = "patched logit_difference over layer * position on heldout"
    return PatchMap(
        text, 30, "logit_difference", "moved", "heldout", 0, method, rows,
        tuple(f"index {place}" for place in range(5)), tuple(cells), -4.25, 3.5, 512, 7,
    )  # fmt: skip


MAPS = (patched_map(), patched_map("attribution"))
HUNTS = (
    Hunt("iia", 0, "larger", "iia of larger on heldout", 12_345, 3.25),
    Hunt("iia", 0, "larger", "iia of smaller on heldout", 77, 0.5, replace(FAILING, runs=7)),
    Hunt("accuracy", -1, "", "accuracy on heldout", 0, 0.0, None, True),
)
CERTIFICATES = (
    Certificate("stopped early", 150, 20_000, space=10_000, seen=149),
    Certificate("exact", 400, 400, space=400, seen=400),
    Certificate("ran on", 400, 100, continuous=True),
)


def a_circuit(name="found", **more):
    """A circuit with every kind of node, a sweep and a null."""
    heads = [f"head {layer}.{head}" for layer in (0, 7) for head in (1, 10)]
    edges = [f"tokens -> {head}.{part}" for head in heads for part in "qkv"]
    edges += [f"{head} -> mlp 7" for head in heads]
    edges += ["tokens -> output", "positions -> mlp 0", "mlp 0 -> head 7.1.v", "mlp 7 -> output"]
    points = tuple(
        SweepPoint(n, n / 4000, n / 4000 - 0.1, n / 4000 + 0.1, 0.0, 1 / n if n > 1 else None)
        for n in (1, 2, 3, 50, 55, 400, 4000)
    )
    return CircuitRecord(
        name=name, ablation="mean_by_position", count=len(edges), of=4000, edges=tuple(edges),
        split="heldout", metric="logit_difference", value=0.87, low=0.8, high=0.93,
        method="eap(edges = 400) then acdc(threshold = 0.01)", null=(0.0, 0.02, -0.01),
        orders=(("earliest", 19, 18),), redundant=(("head 7.1", "head 6.2"),), sweep=points,
        runs=4000, examples=100, seconds=12.5, **more,
    )  # fmt: skip


def rich_results(plan, folder):
    """Many rows, several seeds, ends that are open, numbers beyond 1, three kinds of search."""
    seeds = tuple(SeedValue(s, 0.6 + s / 10, 0.5, 0.9) for s in range(3))
    rows = [
        judged(f"iia of carry[{i}] - iia of carry[{i}] under random_basis on heldout", i / 30,
               i / 30 - 0.04, i / 30 + 0.05, bound=0.1, comparison=">=", verdict="met", seeds=seeds)
        for i in range(25)
    ]  # fmt: skip
    reports = (
        judged("loss on heldout", 3.25, 3.0, 3.5),
        judged("mass on heldout", 0.5, -math.inf, math.inf),
        judged("iia of nothing on heldout", math.nan, 0.0, 1.0),
        judged("logit_difference of " + "a_very_long_name_" * 20, -17.5, -18.0, -17.0),
    )
    plain, scores = grid(12, ("last", 'token 1 of name: "x"', "giver"))
    lines, profile = tuple(f"hidden {i}" for i in range(30)), tuple(i / 40 for i in range(30))
    fits = {
        **searched("seed0-plain-grid", plain, scores),
        **searched("seed0-plain-line", lines, profile),
        **searched("seed0-untrained-line", lines, profile[::-1]),
        **searched("seed0-plain-two", ("hidden 0", "hidden 1"), (0.2, 0.1)),
    }
    base = small_results(plan, folder)
    rows[:3] = [replace(r, certificate=c) for r, c in zip(rows, CERTIFICATES, strict=False)]
    return replace(
        base, expectations=tuple(rows), reports=reports, fits=fits, notes=("a note",),
        batteries=(BATTERY,), curves=(CURVE,), maps=MAPS,
        circuits={"seed0-plain-network": (a_circuit(), a_circuit("exact", exact=True))},
    )  # fmt: skip


def run_folder(root, *, make=small_results, text=SMALL, registration=None, hunts=()):
    """A finished run of a text in a folder below `root`."""
    plan = make_plan(hypothesis(text))
    folder = RunFolder.open(root, plan)
    folder.finish(make(plan, folder.path))
    if hunts:
        folder.hunted(hunts)
    if registration is not None:
        folder.register(registration)
    return folder.path
