"""What is installed is what is here."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_installed() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    here = {
        ".".join(found.parent.relative_to(ROOT).parts)
        for found in (ROOT / "causalabs").rglob("__init__.py")
    }
    assert set(told["packages"]) == here | {"causalabs.grammar"}


def test_what_the_tests_need_is_always_installed_with_them() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "causalabs[huggingface,pyvene]" in extras["optional-dependencies"]["dev"]
