from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings, strategies as st

from causalabs.algorithm.domains import encode
from causalabs.algorithm.evaluate import MechanismError
from causalabs.algorithm.interchange import interchange
from tests.algorithm import scalar
from tests.algorithm.generated import algorithms, examples


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_each_value_is_its_own_sources_clean_one(data):
    algorithm = data.draw(algorithms(depth=2))
    rows = 3
    sets = [data.draw(examples(algorithm, rows)) for _ in range(3)]
    computed = [v for v in algorithm.variables if v.mechanism is not None]
    chosen = data.draw(st.lists(st.sampled_from(computed), unique_by=lambda v: v.name, max_size=3))
    taken = []
    for variable in chosen:
        like = [v.name for v in computed if v.domain == variable.domain]
        taken.append(
            (variable.name, data.draw(st.sampled_from(like)), data.draw(st.integers(1, 2)))
        )

    def coded(examples_):
        return {v.name: encode(v.domain, [e[v.name] for e in examples_]) for v in algorithm.inputs}

    inputs = [coded(each) for each in sets]
    try:
        want = []
        for row in range(rows):
            clean = [scalar.run(algorithm, each[row]) for each in sets]
            forced = {name: clean[source][origin] for name, origin, source in taken}
            want.append(scalar.run(algorithm, sets[0][row], forced))
    except scalar.Undefined:
        assume(False)
    try:
        found = interchange(algorithm, inputs[0], [(v, o, inputs[s]) for v, o, s in taken])
    except MechanismError:
        raise AssertionError("a clean run raised") from None
    for variable in algorithm.variables:
        expected = encode(variable.domain, [each[variable.name] for each in want])
        assert np.array_equal(found[variable.name], expected)
