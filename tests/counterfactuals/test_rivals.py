"""Rival algorithms share inputs; set-valued outputs are answered by membership."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from causalabs.algorithm.domains import Interval, SetOf
from causalabs.algorithm.expression import Variable as Ref
from causalabs.counterfactuals.draw import draw
from causalabs.counterfactuals.floors import floors
from tests.counterfactuals.build import BOOL, REAL, algorithm, const, hypothesis, line, op, var

DIGIT = Interval(0, 4)


def rival(name, *, gated):
    p, q, r, s = (Ref(n, REAL) for n in "pqrs")
    first, second = op("eq", p, q), op("eq", r, s)
    joined = op("and", Ref("u", BOOL), Ref("v", BOOL))
    return algorithm(
        *(var(n, REAL) for n in "pqrs"),
        var("u", BOOL, "var", second if gated else first),
        var("v", BOOL, "var", first if gated else second),
        var("out", BOOL, "output", joined),
        name=name,
    )


def rivals(**more):
    lines = [line("u", name="one", algorithm="one"), line("u", name="two", algorithm="two")]
    balance = (("one", "u"), ("two", "u"))
    return hypothesis(
        (rival("one", gated=False), rival("two", gated=True)), lines, balance=balance, **more
    )


def test_rivals_are_balanced_together_and_conditions_may_name_them():
    condition = op("ne", Ref("base.two.u", BOOL), Ref("source.two.u", BOOL))
    examples = draw(rivals(keep_where=condition, sample=8000), seed=0)
    for found in examples.lines:
        base, source = (examples.clean["two"]["u"][r] for r in (found.base, found.sources[0]))
        assert (base != source).all()
        assert np.array_equal(examples.clean["one"]["v"], examples.clean["two"]["u"])
        codes = examples.clean["one"]["u"][found.base] * 2 + base
        assert np.abs(np.bincount(codes) / 8000 - 1 / 4).max() < 0.02
    one, two = examples.lines
    clean = examples.clean["one"]
    assert np.array_equal(one.answers["out"], clean["u"][one.sources[0]] & clean["v"][one.base])
    assert np.array_equal(two.answers["out"], clean["v"][two.sources[0]] & clean["u"][two.base])


def test_answers_that_are_sets_are_flags():
    x = Ref("seen", DIGIT)
    members = op("set_of", *(op("gt", const(n), x) for n in range(5)), type=SetOf(DIGIT))
    model = algorithm(
        var("x", DIGIT),
        var("seen", DIGIT, "var", Ref("x", DIGIT)),
        var("later", SetOf(DIGIT), "output", members),
    )
    asked = hypothesis(model, [line("seen")], sample=200)
    examples = draw(asked, seed=0)
    found = examples.lines[0]
    source = examples.inputs["x"][found.sources[0]]
    assert np.array_equal(found.answers["later"], np.arange(5) > source[:, None])
    alone = (source == examples.inputs["x"][found.base])[found.split == 0].mean()
    assert floors(asked, examples)[0].left_alone == alone


def test_draws_do_not_depend_on_the_hash_seed():
    code = (
        "from tests.counterfactuals.test_rivals import rivals; "
        "from causalabs.counterfactuals.draw import draw; import hashlib; "
        "e = draw(rivals(changes_only=('p', 'r')), seed=3); "
        "print(hashlib.sha256(b''.join(e.inputs[n].tobytes() for n in 'pqrs')).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": number, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2", "3")
    }
    assert len(found) == 1
    assert found.pop().strip()
