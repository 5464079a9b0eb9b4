"""Running files quickly: fresh or briefly trained networks, everything else as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import causalabs
from causalabs.counterfactuals.draw import draw
from causalabs.counterfactuals.examples import Examples
from causalabs.engine import search
from causalabs.engine.fit import Budget
from causalabs.engine.held import whole_of
from causalabs.engine.networks import build as building
from causalabs.engine.networks.train import Recipe
from causalabs.engine.protocol import Device
from causalabs.folders import folder_fingerprint
from causalabs.hypothesis.model import Hypothesis
from causalabs.plans import make_plan
from causalabs.results import Outcome, Results
from causalabs.runs import RunFolder

TINY_BUDGET = Budget(restarts=2, steps=30, batch=32, judged=128, halve=(0.5,), look=30)


def random_networks(monkeypatch: pytest.MonkeyPatch, made: dict[bool, Any]) -> None:
    """Networks of large random weights, whose answers vary; `made` keeps them."""

    def build(spec: Any, algorithms: Any, *, seed: int, trained: bool = True, **_: Any) -> Any:
        device = Device(dtype=torch.float64)
        network = building.untrained(spec, algorithms, seed=seed, device=device)
        draws = torch.Generator().manual_seed(1000 * seed + trained)
        with torch.no_grad():
            for parameter in network.parameters():
                noise = torch.randn(parameter.shape, generator=draws, dtype=torch.float64)
                parameter.copy_(2 * parameter + (1.0 if parameter.dim() > 1 else 0.1) * noise)
        made[trained] = building.finish(network, {"origin": "random", "seed": seed})
        return made[trained]

    monkeypatch.setattr(building, "build", build)


def quick(
    monkeypatch: pytest.MonkeyPatch, cache: Path, *, steps: int = 60, budget: Budget = TINY_BUDGET
) -> None:
    """Brief training and fitting."""
    recipe = Recipe(steps=steps, batch=128, rate=1e-2, pool=2048, judged=256, rounds=1)
    recipes = dict.fromkeys(building.RECIPES, recipe)
    monkeypatch.setattr(building, "RECIPES", recipes)
    monkeypatch.setenv("CAUSALABS_CACHE", str(cache))
    monkeypatch.setattr("causalabs.engine.jobs.budget_for", lambda network: budget)
    assert search.Budget is Budget


def run_text(
    text: str, folder: Path, **more: Any
) -> tuple[Hypothesis, Results, Mapping[str, Outcome]]:
    """A text run, with nothing beside: what it means, what was found, and each job's outcome."""
    more.setdefault("bare", True)
    hypothesis = causalabs.loads(text)
    results = causalabs.run(hypothesis, runs=folder, **more)
    seeds = more.get("seeds") or ((more["seed"],) if "seed" in more else hypothesis.seeds)
    how = {name: more[name] for name in ("every_example", "run_on") if name in more}
    here = replace(hypothesis, seeds=seeds)
    plan = make_plan(here, network=folder_fingerprint(hypothesis), **how)
    assert plan.hash == results.plan
    kept = RunFolder.open(folder, plan)
    outcomes = {job.name: kept.load(job.name) for job in plan.jobs}
    return hypothesis, results, {name: found for name, found in outcomes.items() if found}


def as_run(hypothesis: Hypothesis, seed: int = 0, **more: Any) -> Examples:
    """The examples of a run: small splits that nothing is fitted on are taken whole."""
    whole = whole_of(hypothesis, make_plan(hypothesis))
    return draw(hypothesis, seed=seed, whole=whole, **more)
