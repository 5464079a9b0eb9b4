"""Parsing: against Lark itself, on broken texts, from odd files and with a broken cache."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token as LarkToken
from lark.lexer import PatternStr

from causalabs.diagnostics import HypothesisError, Rule, Source, every_rule, render
from causalabs.syntax import ast, misplaced, mistakes, rules, tables
from causalabs.syntax.build import BUILDERS
from causalabs.syntax.lexer import LEADING, Token
from causalabs.syntax.parse import parse
from causalabs.syntax.reading import read_source, source_of, too_deep
from tests.syntax.texts import REFERENCE, commented, mutated

UNPARSED = {"C001", "C002", "C003", "C004", "C006"}
OWN = [
    rule
    for rule in every_rule()
    if rule.__module__ in (rules.__name__, mistakes.__name__, misplaced.__name__)
]


def codes(text: str) -> list[str]:
    return [found.code for found in parse(Source(text)).diagnostics]


# ------------------------------------------------------------------------ oracle


class _Words:
    always_accept = ("NAME", "INT", "NUMBER", "STRING", "COMPARE", *map(str.upper, LEADING))
    process = staticmethod(iter)


class _Builders:
    """Our builders, as Lark wants them: each is handed our tokens for Lark's."""

    def __getattr__(self, rule: str) -> Any:
        if rule not in BUILDERS:
            raise AttributeError(rule)

        def build(children: list[Any]) -> ast.Node:
            return BUILDERS[rule]([_own(child) for child in children])

        return build


def _own(child: Any) -> Any:
    if not isinstance(child, LarkToken):
        return child
    kind = str(child) if child.type in PLAIN else child.type
    return Token(kind, str(child), child.start_pos or 0, child.end_pos or 0)


PLAIN = {
    terminal.name
    for terminal in Lark(tables.grammar_text(), **tables.OPTIONS).terminals
    if isinstance(terminal.pattern, PatternStr)
}
ORACLE = Lark(tables.grammar_text(), **tables.OPTIONS, transformer=_Builders(), postlex=_Words())


def spans(file: ast.File) -> list[Any]:
    return [node.span for node in ast.walk(file)]


@pytest.mark.parametrize("name", REFERENCE)
def test_lark_itself_builds_the_same_tree(name: str) -> None:
    rng = random.Random(name)
    for text in [REFERENCE[name], *(commented(REFERENCE[name], rng) for _ in range(5))]:
        expected: Any = ORACLE.parse(text)
        found = parse(Source(text))
        assert not found.diagnostics
        assert found.file == expected
        assert spans(found.file) == spans(expected)


def test_we_accept_what_lark_accepts() -> None:
    rng = random.Random(0)
    verdicts = set()
    for _ in range(400):
        text = mutated(rng.choice(list(REFERENCE.values())), rng)
        try:
            ORACLE.parse(text)
            accepted = True
        except Exception:
            accepted = False
        found = set(codes(text)) - {"C005"}
        assert accepted == (not found), text
        verdicts.add(accepted)
    assert verdicts == {True, False}


# ---------------------------------------------------------------------- mistakes


@pytest.mark.parametrize("rule", OWN, ids=lambda rule: rule.code)
def test_rule_is_drawn_by_its_wrong_example_alone(rule: type[Rule]) -> None:
    assert rule.__doc__
    if rule.code not in UNPARSED:
        assert codes(rule.wrong) == [rule.code]
        assert codes(rule.right) == []


def test_codes_are_unique() -> None:
    found = [rule.code for rule in OWN]
    assert len(found) == len(set(found)) >= 30


def test_one_mistake_in_one_statement_leaves_the_others() -> None:
    text = REFERENCE["running_sum.causal"].replace("partial : 0..18 = x + y", "partial = x + y")
    found = parse(Source(text))
    assert [each.code for each in found.diagnostics] == ["C030"]
    assert "partial" in found.poisoned
    whole = parse(Source(REFERENCE["running_sum.causal"])).file
    assert found.file.items[1:] == whole.items[1:]
    algorithm = whole.items[0]
    broken = found.file.items[0]
    assert isinstance(algorithm, ast.Algorithm)
    assert isinstance(broken, ast.Algorithm)
    assert broken.statements == (algorithm.statements[0], algorithm.statements[2])


def test_missing_brace_is_reported_at_its_opener_and_the_rest_is_read() -> None:
    text = REFERENCE["running_sum.causal"].replace("partial + z\n}", "partial + z\n")
    found = parse(Source(text))
    (only,) = found.diagnostics
    assert (only.code, only.span.start) == ("C042", text.index("{"))
    assert found.file == parse(Source(REFERENCE["running_sum.causal"])).file


def test_every_mutation_is_reported_or_parses_and_renders() -> None:
    rng = random.Random(1)
    for _ in range(1500):
        text = mutated(rng.choice(list(REFERENCE.values())), rng)
        found = parse(Source(text)).diagnostics
        assert len({(each.code, each.span) for each in found}) == len(found)
        for each in found:
            assert 0 <= each.span.start <= each.span.end <= len(text)
            assert render(each).startswith(f"{each.severity}[{each.code}]: ")


# ------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "code", "word"),
    [
        (b"\xff\xfes\x00e\x00e\x00d\x00s\x00", "C004", "UTF-16"),
        ("seeds 0..2\n".encode("utf-16-le"), "C004", "UTF-16"),
        (bytes(range(256)) * 4, "C004", "binary"),
        ("hypothesis caf\xe9".encode("latin-1"), "C004", "Latin-1"),
        (b"#" * (2**20 + 1), "C006", "1 MiB"),
    ],
)
def test_bytes_that_are_no_hypothesis(tmp_path: Path, content: bytes, code: str, word: str) -> None:
    path = tmp_path / "a.causal"
    path.write_bytes(content)
    with pytest.raises(HypothesisError) as caught:
        read_source(path)
    (only,) = caught.value.diagnostics
    assert only.code == code
    assert word in only.message


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sums.causal").write_text("seeds 0..2\n")
    with pytest.raises(HypothesisError, match="C001") as caught:
        read_source(tmp_path / "sum.causal")
    assert "sums.causal" in caught.value.diagnostics[0].help
    with pytest.raises(HypothesisError, match="C002"):
        read_source(tmp_path)


def test_newlines_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.causal"
    path.write_bytes("\ufeff# a comment\rseeds 0..2\r\n".encode())
    source = read_source(path)
    assert source.text == "# a comment\nseeds 0..2\n"
    assert len(parse(source).file.items) == 1


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "  \t"])
def test_empty(text: str) -> None:
    assert codes(text) == ["C005"]


# ------------------------------------------------------------------------ limits

HEAD = "algorithm {\n  input a, b : bool\n  output y : bool = "


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000_000,
        "(" * 1_000_000,
        HEAD + "if a then b else " * 60_000 + "b\n}\n",
        HEAD + "not " * 200_000 + "b\n}\n",
        HEAD + "-" * 500_000 + "b\n}\n",
        "domain D = " + "set of " * 100_000 + "bool\n",
        "x" * 1_000_000,
        "x " * 500_000,
        '"' * 1_000_000,
        "}" * 1_000_000,
        "var " * 200_000,
        "1." * 400_000,
    ],
    ids=lambda text: f"{text[:24].strip()}",
)
def test_monsters_end_soon_in_an_error(text: str) -> None:
    start = time.perf_counter()
    found = codes(text)
    assert found
    assert time.perf_counter() - start < 30  # a bound against blow-up, not a measurement


def test_a_hundred_levels_are_allowed() -> None:
    assert codes(HEAD + "(" * 99 + "a" + ")" * 99 + "\n}\n") == []
    assert codes(HEAD + "if a then b else " * 99 + "b\n}\n") == []
    assert too_deep("(" * 101) is not None


def test_many_statements_are_not_deep() -> None:
    lines = "".join(f"  var v{k} : bool = if a then b else -1 == (k)\n" for k in range(500))
    assert codes("algorithm {\n  input a, b : bool\n" + lines + "}\n") == []


# ------------------------------------------------------------------------- cache


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "folder is a file"])
def test_a_broken_cache_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tables.tables.cache_clear()
    try:
        text = REFERENCE["binding.causal"]
        good = parse(Source(text)).file
        path = tables.cache_path(tables.grammar_text())
        content = path.read_bytes()
        match damage:
            case "empty":
                path.write_bytes(b"")
            case "cut":
                path.write_bytes(content[:-10])
            case "noise":
                path.write_bytes(content[:40] + bytes([content[40] ^ 255]) + content[41:])
            case _:
                monkeypatch.setenv("XDG_CACHE_HOME", str(path))
        for _ in range(2):  # once made anew, once from the mended cache
            tables.tables.cache_clear()
            assert parse(Source(text)).file == good
        assert not [each for each in tmp_path.rglob("tmp*") if each.is_file()]
    finally:
        tables.tables.cache_clear()


def test_a_cached_parse_imports_no_lark() -> None:
    parse(Source("seeds 0..2\n"))
    code = (
        "import sys; from causalabs.syntax.parse import parse;"
        "from causalabs.diagnostics import Source; parse(Source('seeds 0..2'));"
        "print('lark' in sys.modules, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


def test_source_of_gives_its_name() -> None:
    assert source_of("seeds x", name="a.causal").name == "a.causal"
