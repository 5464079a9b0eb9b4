"""What expectations mean: subjects, families, controls, splits, bounds and floors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from causalabs.diagnostics import Source
from causalabs.hypothesis.check import check_source, examine
from causalabs.hypothesis.floors import floor_of
from causalabs.hypothesis.model import Hypothesis
from causalabs.hypothesis.wording import spaced
from tests.hypothesis_layer.build import ADDER, algorithms, counterfactuals

NETWORK = "network mlp(hidden = [16, 16]) {\n  feed x, y\n  read total\n}\n"
ALGORITHM = (
    "algorithm chain {\n  input  x, y    : 0..4\n  var    partial : 0..8  = x + y\n"
    "  var    twice   : 0..16 = partial + x\n  output total   : 0..20 = twice + y\n}\n"
)
ALIGNMENT = (
    "alignment places {\n  partial -> hidden 0 in 4 learned dims\n"
    "  twice   -> hidden 1 in 4 learned dims\n}\n"
)
LINES = "  interchange partial\n  interchange twice\n  interchange partial, twice\n"


def whole(
    *expectations: str, lines: str = LINES, alignment: str = ALIGNMENT, seeds: str = ""
) -> str:
    counts = f"counterfactuals {{\n  sample 100\n{lines}"
    counts += "  split train 60%, select 20%, heldout 20% by input\n}\n"
    return ALGORITHM + NETWORK + alignment + counts + seeds + "\n".join(expectations) + "\n"


def loaded(text: str) -> Hypothesis:
    checked = examine(Source(text))
    assert checked.hypothesis is not None, [each.message for each in checked.diagnostics]
    return checked.hypothesis


def errors(text: str) -> list[str]:
    return [each.code for each in check_source(Source(text)) if each.severity == "error"]


def warnings(text: str) -> list[str]:
    return [each.code for each in check_source(Source(text)) if each.severity == "warning"]


CONTROL = "report iia on heldout under untrained"


def test_a_variable_is_the_line_with_exactly_that_set() -> None:
    hypothesis = loaded(
        whole(
            "expect iia of twice, partial >= 0.5 on heldout",
            "expect iia of twice >= 0.5 on heldout",
            "expect iia >= 0.5 on heldout",
            CONTROL,
        )
    )
    lines = [each.quantity.terms[0].lines for each in hypothesis.expectations]
    assert lines == [(2,), (1,), (0, 1, 2)]
    term = hypothesis.reports[0].terms[0]
    assert (term.control.name, term.alignment, term.algorithm) == (
        "untrained",
        "places",
        "chain",
    )


def test_under_binds_to_its_metric_and_behind_the_split_to_all_others() -> None:
    hypothesis = loaded(
        whole(
            "expect iia of twice - iia of twice under random_basis >= 0.1 on heldout",
            "expect iia of twice - iia of twice under random_basis >= 0.1"
            " on heldout under untrained",
        )
    )
    controls = [
        [term.control.name for term in each.quantity.terms] for each in hypothesis.expectations
    ]
    assert controls == [["", "random_basis"], ["untrained", "random_basis"]]
    signs = [term.sign for term in hypothesis.expectations[0].quantity.terms]
    assert signs == [1, -1]


def test_texts_lines_and_bounds() -> None:
    text = whole("expect   iia of twice,partial>=  70% on heldout", CONTROL)
    (expectation,) = loaded(text).expectations
    assert expectation.quantity.text == "iia of twice, partial on heldout"
    assert expectation.quantity.terms[0].text == "iia of twice, partial"
    assert (expectation.comparison, expectation.bound) == (">=", 0.7)
    number = 1 + text[: text.index("expect")].count("\n")
    assert expectation.quantity.line == number


def test_without_on_the_split_that_judges_is_meant() -> None:
    hypothesis = loaded(whole("expect accuracy >= 0.9", "report iia under untrained"))
    assert hypothesis.expectations[0].quantity.split == "heldout"
    assert hypothesis.reports[0].split == "heldout"


FAMILY = (
    ADDER
    + "network gru(width = 8) {\n  feed step i: a[i], b[i]\n  read overflow at last step\n}\n"
    + "alignment {\n  carry[i in 0..2] -> state at step i in 2 learned dims\n}\n"
    + "counterfactuals {\n  exhaustive\n  interchange carry[0]\n  interchange carry[2]\n"
    + "  interchange carry[0], carry[1]\n  split train 50%, heldout 50% by input\n}\n"
)


def test_an_index_runs_over_what_was_interchanged() -> None:
    hypothesis = loaded(
        FAMILY
        + "expect iia of carry[i] - iia of carry[i] under random_basis >= 0.1 on heldout\n"
        + "expect iia of carry[i], carry[i + 1] >= 0.5 on heldout\n"
    )
    texts = [each.quantity.text for each in hypothesis.expectations]
    assert texts == [
        "iia of carry[0] - iia of carry[0] under random_basis on heldout",
        "iia of carry[2] - iia of carry[2] under random_basis on heldout",
        "iia of carry[0], carry[1] on heldout",
    ]
    lines = [[term.lines for term in each.quantity.terms] for each in hypothesis.expectations]
    assert lines == [[(0,), (0,)], [(1,), (1,)], [(2,)]]


def test_names_of_lines_and_of_algorithms() -> None:
    lines = "  interchange partial as up where source.x > base.x\n"
    lines += "  interchange partial as down where source.x < base.x\n"
    hypothesis = loaded(
        whole("expect iia of up >= 0.5", "expect iia of up, down >= 0.5", CONTROL, lines=lines)
    )
    assert [each.quantity.terms[0].lines for each in hypothesis.expectations] == [(0,), (0, 1)]


@pytest.mark.parametrize(
    ("expectation", "code"),
    [
        ("expect iia > 1 on heldout", "C633"),
        ("expect iia >= 1 on heldout", None),
        ("expect iia >= 100% on heldout", None),
        ("expect iia >= 101% on heldout", "C633"),
        ("expect iia < 0 on heldout", "C633"),
        ("expect iia <= 0 on heldout", None),
        ("expect iia > 0 on heldout", None),
        ("expect iia >= 0 on heldout", "C634"),
        ("expect iia <= 1 on heldout", "C634"),
        ("expect iia < 1 on heldout", None),
        ("expect iia - accuracy >= -1 on heldout", "C634"),
        ("expect iia - accuracy >= -0.5 on heldout", None),
        ("expect iia - accuracy > 1 on heldout", "C633"),
        ("expect iia - accuracy - accuracy >= -1.5 on heldout", None),
        ("expect iia != 0.5 on heldout", "C635"),
    ],
)
def test_bounds(expectation: str, code: str | None) -> None:
    found = [each for each in errors(whole(expectation, CONTROL)) if each.startswith("C63")]
    assert found == ([code] if code else [])


@pytest.mark.parametrize(
    ("expectation", "code"),
    [
        ("expect iia of partial >= 0.5 on train", "C632"),
        ("report iia of partial on train", None),
        ("expect accuracy >= 0.5 on train", None),
        ("expect iia of partial >= 0.5 on select", None),
        ("expect iia of partial >= 0.5 on heldot", "C516"),
        ("expect iia of partial >= 0.5 on heldout under shuffled_source", "C629"),
        ("expect iia of partial under random_basi >= 0.5 on heldout", "C629"),
        ("expect accuracy under random_sites >= 0.5 on heldout", "C630"),
        ("expect iiaa of partial >= 0.5 on heldout", "C620"),
        ("expect iia of total >= 0.5 on heldout", "C623"),
        ("expect iia of chain >= 0.5 on heldout", None),
        ("expect iia of places >= 0.5 on heldout", "C622"),
        ("expect iia of partial in places >= 0.5 on heldout", None),
        ("expect iia of partial in plaecs >= 0.5 on heldout", "C626"),
        ("expect iia of partial of twice >= 0.5 on heldout", "C621"),
        ("expect iia of partial[0] >= 0.5 on heldout", "C121"),
        ("expect recall of partial against twice >= 0.5", "C622"),
    ],
)
def test_mistakes(expectation: str, code: str | None) -> None:
    assert errors(whole(expectation, CONTROL)) == ([code] if code else [])


def test_a_search_is_chosen_on_select() -> None:
    searched = "alignment {\n  partial -> hidden 0..1 in 4 learned dims\n}\n"
    text = whole(
        "expect iia of partial >= 0.5 on select",
        CONTROL,
        alignment=searched,
        lines="  interchange partial\n",
    )
    assert errors(text) == ["C632"]
    text = text.replace("on select", "on heldout").replace("select 20%, heldout 20%", "heldout 40%")
    assert errors(text) == ["C607"]


def test_three_spans_where_something_is_judged_on_its_own_data() -> None:
    (found,) = [
        each
        for each in check_source(Source(whole("expect iia of partial >= 0.5 on train", CONTROL)))
        if each.severity == "error"
    ]
    text = found.source.text
    told = [text[span.start : span.end] for span in (found.span, *(r.span for r in found.related))]
    assert told[0] == "train"
    assert told[1].startswith("partial -> hidden 0")
    assert told[2] == "train 60%"


def test_mistakes_elsewhere_are_not_told_again_here() -> None:
    text = whole("expect iia of partial >= 0.5 on heldout", CONTROL)
    assert errors(text.replace("hidden 0 in 4 learned", "hiden 0 in 4 learned"))[1:] == []
    assert len(errors(text.replace("interchange twice\n", "interchange twize\n"))) == 1
    assert len(errors(text.replace("= x + y\n", "= x + q\n"))) == 1
    assert len(errors(text.replace("feed x, y", "feed x, yy"))) == 1


def test_seeds() -> None:
    lines = ("expect iia >= 0.5 on heldout in every seed", CONTROL)
    hypothesis = loaded(whole(*lines, seeds="seeds {3, 1, 2}\n"))
    assert hypothesis.seeds == (3, 1, 2)
    assert hypothesis.expectations[0].quantity.seeds == "every"
    assert "C605" in warnings(whole(*lines))


def test_what_cannot_be_run_is_listed() -> None:
    asked = "expect iia <= 0.5 on heldout under constant"
    hypothesis = loaded(whole(asked, "expect iia >= 0.5", CONTROL))
    assert "control `constant`: checked, but not run by this version" in hypothesis.unsupported
    assert loaded(whole("expect iia >= 0.5", CONTROL)).unsupported == ()


def test_comments_and_layout_are_not_part_of_the_canonical_text() -> None:
    text = whole("expect iia >= 0.5 on heldout", CONTROL)
    odd = "# why\n" + text.replace(" : ", "  :  ") + "# end\n"
    assert loaded(odd).canonical == loaded(text).canonical
    assert "#" not in loaded(odd).canonical


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("iia of a,b", "iia of a, b"),
        ("iia of carry[ i+1 ]", "iia of carry[i + 1]"),
        ("under noise( scale=2 )", "under noise(scale = 2)"),
        ("iia of one . v", "iia of one.v"),
    ],
)
def test_canonical_spacing(text: str, wanted: str) -> None:
    assert spaced(text) == wanted


# ------------------------------------------------------------------------ floors


def by_hand(condition: bool) -> tuple[float, float]:
    """Best constant and left alone of `interchange partial`, by counting pairs."""
    answers: dict[int, int] = {}
    alone = total = 0
    for x, y, u, v in itertools.product(range(5), repeat=4):
        if condition and u + v == x + y:
            continue
        after = (u + v) + x + y
        answers[after] = answers.get(after, 0) + 1
        alone += after == (x + y) + x + y
        total += 1
    return max(answers.values()) / total, alone / total


@pytest.mark.parametrize("condition", [False, True])
def test_the_exact_floor_is_that_of_counting(condition: bool) -> None:
    where = " where source.partial != base.partial" if condition else ""
    text = ALGORITHM + f"counterfactuals {{\n  exhaustive\n  interchange partial{where}\n}}\n"
    counts, _ = counterfactuals(text)
    (algorithm,) = algorithms(text)
    assert counts is not None
    exact = floor_of(counts.lines, counts, {algorithm.name: algorithm}, draws=None)
    drawn = floor_of(counts.lines, counts, {algorithm.name: algorithm}, draws=20_000)
    assert exact is not None
    assert drawn is not None
    assert exact.error == 0
    assert (exact.constant, exact.alone) == pytest.approx(by_hand(condition))
    assert abs(drawn.constant - exact.constant) < drawn.error
    assert abs(drawn.alone - exact.alone) < drawn.error


def test_the_floor_of_equal_pairs_under_balance() -> None:
    text = (
        "algorithm {\n  input  a, b, c, d : real[4] in 0..1\n  var    left  : bool = a == b\n"
        "  var    right : bool = c == d\n  output same  : bool = left == right\n}\n"
        "counterfactuals {\n  sample 100\n  balance left, right\n  interchange left\n}\n"
    )
    counts, _ = counterfactuals(text)
    (algorithm,) = algorithms(text)
    assert counts is not None
    floor = floor_of(counts.lines, counts, {algorithm.name: algorithm}, draws=None)
    assert floor is not None
    assert (floor.constant, floor.alone) == (0.5, 0.5)


def test_balancing_the_answer_after_the_interchange_moves_the_floor() -> None:
    text = ALGORITHM + (
        "counterfactuals {\n  sample 100\n  interchange partial as moved\n"
        "  balance total after moved\n}\n"
    )
    counts, _ = counterfactuals(text)
    (algorithm,) = algorithms(text)
    assert counts is not None
    floor = floor_of(counts.lines, counts, {algorithm.name: algorithm}, draws=None)
    assert floor is not None
    assert floor.constant == pytest.approx(1 / 17)


def test_computed_reals_have_no_floor() -> None:
    text = (
        "algorithm {\n  input  a : real in 0..1\n  var    big : bool = a > 0.9\n"
        "  output out : bool = big\n}\ncounterfactuals {\n  sample 100\n  interchange big\n}\n"
    )
    counts, _ = counterfactuals(text)
    assert counts is not None
    assert floor_of(counts.lines, counts, {"algorithm": algorithms(text)[0]}, draws=None) is None


def test_warnings_of_floors() -> None:
    low = whole("expect iia >= 0.9", "expect iia of partial <= 0.05 on heldout under untrained")
    high = whole("expect iia >= 0.9", "expect iia of partial <= 0.30 on heldout under untrained")
    free = whole("expect iia of partial >= 0.10 on heldout", CONTROL)
    assert "C640" in warnings(low)
    assert "C640" not in warnings(high)
    assert "C641" in warnings(free)
    assert np.isclose(by_hand(False)[0], 0.136, atol=0.001)


def test_balance_with_a_condition_makes_admitted_combinations_uniform() -> None:
    text = (
        "algorithm {\n  input  x : 0..5\n  var    small : bool = x < 1\n"
        "  output out : bool = small\n}\ncounterfactuals {\n  sample 100\n  balance small\n"
        "  interchange small\n  keep where not base.small or source.small\n}\n"
    )
    counts, _ = counterfactuals(text)
    (algorithm,) = algorithms(text)
    assert counts is not None
    floor = floor_of(counts.lines, counts, {"algorithm": algorithm}, draws=None)
    assert floor is not None
    # Of (base, source): (big, big), (big, small), (small, small) a third each.
    assert (floor.constant, floor.alone) == pytest.approx((2 / 3, 2 / 3))
