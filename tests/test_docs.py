"""The documentation: its hypotheses parse, its Python runs, its links lead somewhere."""

import doctest
import os
import re
from pathlib import Path

import pytest

from causalabs.diagnostics import Source, render
from causalabs.explain import all_rules
from causalabs.syntax.parse import parse

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
EXAMPLES = sorted(path.stem for path in ROOT.glob("examples/*.causal"))
FLAGS = doctest.ELLIPSIS


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run_doctests(page: Path, *, running: bool) -> doctest.TestResults:
    """Run a page's Python in order; blocks that train networks only if `running`."""
    chosen = [block for block in blocks(page, "python") if running or "causalabs.run(" not in block]
    test = doctest.DocTestParser().get_doctest("\n".join(chosen), {}, name(page), str(page), 0)
    return doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_hypotheses_parse(page: Path) -> None:
    for text in blocks(page, "causal"):
        parsed = parse(Source(text, name=name(page)))
        assert not parsed.diagnostics, render(parsed.diagnostics[0])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in blocks(page, "python"):
        if ">>>" not in text:
            compile(text, name(page), "exec")
    monkeypatch.chdir(ROOT)
    assert run_doctests(page, running=False).failed == 0


def test_library_page_has_tests() -> None:
    assert run_doctests(ROOT / "docs" / "library.md", running=False).attempted > 10


@pytest.mark.slow
def test_python_that_trains_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAUSALABS_CACHE", str(tmp_path / "cache"))
    assert run_doctests(ROOT / "docs" / "library.md", running=True).failed == 0
    for text in blocks(ROOT / "README.md", "python"):
        exec(compile(text, "README.md", "exec"), {})  # our own page


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name(page)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_codes_are_of_rules(page: Path) -> None:
    codes = set(re.findall(r"\bC\d{3}\b", page.read_text("utf-8")))
    assert codes <= set(all_rules()), f"{name(page)}: {codes - set(all_rules())}"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {
        os.path.normpath(index.parent / target)
        for target in re.findall(r"\]\(([^)#]+)\)", index.read_text("utf-8"))
    }
    assert {str(page) for page in PAGES if page != index} <= linked


def test_every_example_is_explained() -> None:
    text = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert [stem for stem in EXAMPLES if f"({stem}.causal)" not in text] == []
