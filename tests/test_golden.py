"""Bad files and what is said about them: `golden/<CODE>_<slug>.causal` and `.txt`.

    python -m pytest tests/test_golden.py --update-golden

writes the texts anew; read the diff before you commit it.
"""

from pathlib import Path

import pytest

from causalabs.diagnostics import Diagnostic, render
from causalabs.syntax.parse import parse
from causalabs.syntax.reading import source_of

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*.causal"))


def diagnostics(path: Path) -> list[Diagnostic]:
    source = source_of(path.read_bytes().decode("utf-8"), name=path.name, folder=FOLDER)
    if path.name.startswith("C0"):
        return list(parse(source).diagnostics)
    from causalabs.hypothesis.check import check_source

    # Most files are fragments: that there is nothing to run is said in C601's own alone.
    whole = path.name.startswith("C601")
    return [found for found in check_source(source) if whole or found.code != "C601"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path, request: pytest.FixtureRequest) -> None:
    found = diagnostics(path)
    shown = "\n\n".join(render(each) for each in found) + "\n"
    expected = path.with_suffix(".txt")
    if request.config.getoption("--update-golden"):
        expected.write_text(shown, "utf-8")
    assert path.stem.split("_")[0] in {each.code for each in found}
    assert shown == expected.read_text("utf-8")


def test_every_text_has_its_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in FILES}
