"""Files as tired researchers write them: every mistake told, once, at its line, at once.

A line of the table is a file of `tests/adversary` and what it draws beyond notes, in order:
`CODE:LINE`. Nothing else may be said: a knock-on error is a fault here.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from causalabs.diagnostics import Diagnostic, HypothesisError, render
from causalabs.hypothesis.check import check_source
from causalabs.syntax.reading import read_source

FOLDER = Path(__file__).parent / "adversary"
SLOWEST = 2.0
TABLE = """
misspelt_everywhere C101:7
swapped_arrow C060:17
case_of_names C107:7 C107:10
wrong_order C048:27
missing_network C601:1
missing_alignment C601:1
missing_counterfactuals C601:1
missing_expect C603:1
python_algorithm C069:6
python_list_comprehension C061:12
python_colon_block C062:4
python_and_or C023:8
python_ternary C038:8
python_true C101:8
python_in_list C061:11
python_f_string C066:14
python_keyword_args C061:10
python_range C047:6
python_len C061:8
python_none C101:7
python_comments C017:4 C017:12
off_by_one_layers C431:17
off_by_one_hidden C431:18
off_by_one_residual C431:20
swapped_splits_judge_train C632:27
swapped_splits_select C632:27
search_without_select C607:17
test_split C516:23 C516:23
expect_on_test C516:27
shares_110 C513:23
shares_no_percent C046:23
bound_percent C633:27
bound_negative C634:27
bound_zero C634:27
bound_equals C635:27
bound_high_under C634:28
bound_missing C049:27
control_misspelt C629:28
control_list C068:28
metric_misspelt C620:26 C620:27
interchange_input_output C521:22 C522:22
interchange_output C522:22
interchange_input C521:22
interchange_twice C523:22
interchange_two_lines_same C524:26
interchange_and C028:25
set_with_learned C527:22
set_unknown_value C527:22
keep_unqualified C115:23
where_unsatisfiable C236:6
where_unsatisfiable_two C236:6 C236:7
where_on_var C123:6
where_single_equal C020:6
balance_output_real C509:24
keep_never C518:23
keep_never_pair C518:22
keep_never_real C518:26
balance_exhaustive C507:28
balance_family C508:28
exhaustive_real C506:23
exhaustive_and_sample C502:22
exhaustive_huge C505:22
sample_zero C504:21
sample_huge C504:21
sample_scientific C052:21
sample_comma C063:21
sample_missing C501:20
empty_blocks C225:4 C501:16
empty_alignment C423:16 C521:21
empty_network C313:10 C340:10
cyclic_defs C109:6
cyclic_vars C202:6
self_cycle C202:6
off_by_one_domain C201:6
range_half_open C201:6 C201:7
range_brackets C061:5
domain_int C107:5
domain_float C061:5
types_int_bool C203:8
missing_type C030:6
colon_equals C022:6
type_after C030:6
recurrence_unguarded C120:7
recurrence_forward C120:8
family_off_by_one C120:30
align_family_off_by_one C347:23
step_off_by_one C443:23
too_many_dims C412:17
shared_dims_overflow C412:19
dims_range_off C413:18
zero_dims C411:17
align_twice C407:18
align_output C406:17 C521:22
interchange_unaligned C521:25
component_misspelt C430:20
component_of_other C430:17
site_no_position C440:20
position_misspelt C442:20
position_literal C444:20
feed_forgot_input C343:11
feed_var C342:11
feed_unknown_slot C341:14
read_var C311:12
read_nothing C313:10
train_impossible C317:13
network_unknown C301:10
network_no_args C091:10
network_wrong_arg C302:10 C302:10
heads_do_not_divide C308:13
huge_family C216:5
seeds_backwards C604:26
seeds_list_brackets C061:26
every_seed_no_seeds C605:28
two_hypotheses C048:4
two_networks C602:16
two_counterfactuals C602:26
unicode_names C064:6 C064:7
unicode_operators C010:17 C010:27
unicode_minus C010:5
zero_width C010:6
smart_quotes C010:2
ellipsis C010:5
crlf_mistake C101:7
cr_only_mistake C101:7
tabs_mistake C101:7
bom_mistake C101:7
unclosed_brace C042:4
extra_brace C043:8
missing_quote C011:2
no_newline_header C045:1
hyphen_name C064:1
digit_name C014:5
value_as_variable C105:10
enum_quotes_python C012:4
enum_brackets C061:4
enum_dup C212:4
plus_days C207:10
mod_mismatch C206:10
match_missing C219:10
division C023:6
division_zero C231:6
power C023:6
unused_var C242:6 C641:27
constant_output C242:6 C242:7 C241:8 C240:8 C641:30 C641:31 C640:32
report_bound C067:26
expect_two C045:26
expect_paren C091:27
expect_wrong_order C091:27
expect_between C045:27
joint_not_interchanged C623:31
align_with_equals C027:17
align_learned_no_dims C039:17
align_das C091:17
statement_in_wrong_block C040:18
by_unknown C512:23
source_changes_unknown C512:22
together_one C532:22
from_type C525:25
empty_file C005:1
comment_only C005:1
latex C010:6
yaml C045:1 C062:2
merge_conflict C065:6
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


def _told(name: str) -> list[Diagnostic]:
    try:
        found = check_source(read_source(str(FOLDER / f"{name}.causal")))
    except HypothesisError as error:
        found = list(error.diagnostics)
    return [each for each in found if each.severity != "note"]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_mistake_is_told_once_at_its_line(row: list[str]) -> None:
    name, *expected = row
    found = _told(name)
    places = [f"{each.code}:{each.source.locate(each.span.start)[0]}" for each in found]
    assert places == expected, "\n\n".join(map(render, found))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_what_is_told_helps_at_once(row: list[str]) -> None:
    start = time.process_time()
    found = _told(row[0])
    assert time.process_time() - start < SLOWEST
    for each in found:
        assert each.help or each.label, render(each)
        if each.severity == "error":
            lines = each.source.text[each.span.start : each.span.end].count("\n")
            assert lines == 0, "one line says where"


def test_the_table_is_of_all_files() -> None:
    assert {row[0] for row in ROWS} == {path.stem for path in FOLDER.glob("*.causal")}
    assert len(ROWS) >= 60


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("swapped_arrow", "partial -> hidden 0..1"),
        ("sample_comma", "10_000"),
        ("sample_scientific", "10_000"),
        ("shares_no_percent", "60%"),
        ("python_true", "`true`"),
        ("hyphen_name", "sum_first"),
        ("off_by_one_domain", "0..18"),
        ("metric_misspelt", "`accuracy`"),
        ("component_misspelt", "`residual`"),
        ("unicode_operators", "`->`"),
        ("control_list", "under random_basis"),
    ],
)
def test_help_says_what_to_type(name: str, typed: str) -> None:
    assert typed in _told(name)[0].help


def test_a_file_without_alignment_is_not_run() -> None:
    """Its expectations about interchanges could not be judged: the rest must not say `met`."""
    from causalabs import load

    with pytest.raises(HypothesisError, match="no alignment"):
        load(FOLDER / "missing_alignment.causal")
