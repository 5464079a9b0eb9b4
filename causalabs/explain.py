"""What `causalabs explain CODE` says: the rule's own documentation."""

from __future__ import annotations

import difflib
import inspect
import pkgutil
import textwrap
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from causalabs.diagnostics import Rule, every_rule


@dataclass(frozen=True)
class Explanation:
    """A rule as a person reads it."""

    code: str
    severity: str
    explanation: str
    wrong: str
    right: str

    def to_json(self) -> dict[str, Any]:
        """The document that `explain --json` prints."""
        return {
            "code": self.code,
            "severity": self.severity,
            "explanation": self.explanation,
            "wrong": self.wrong,
            "right": self.right,
        }

    def text(self) -> str:
        """Explanation, then the wrong and the right example."""
        examples = [
            f"{title}:\n\n{textwrap.indent(code.strip(chr(10)), '    ')}"
            for title, code in (("Wrong", self.wrong), ("Right", self.right))
            if code.strip()
        ]
        return "\n\n".join([f"{self.code} ({self.severity})", self.explanation, *examples])


def all_rules() -> dict[str, type[Rule]]:
    """Every rule of the language by code; rules live in modules called `rules*`."""
    import causalabs

    for package in ("syntax", "algorithm", "hypothesis"):
        folder = [f"{path}/{package}" for path in causalabs.__path__]
        for module in pkgutil.iter_modules(folder):
            if module.name.startswith("rules"):
                import_module(f"causalabs.{package}.{module.name}")
    return {rule.code: rule for rule in every_rule()}


def find(code: str) -> tuple[type[Rule] | None, str]:
    """The rule of that code, or the nearest code there is."""
    rules = all_rules()
    wanted = code.strip().upper()
    near = difflib.get_close_matches(wanted, rules, n=1)
    return rules.get(wanted), near[0] if near else ""


def explanation(rule: type[Rule]) -> Explanation:
    """A rule's documentation."""
    return Explanation(
        code=rule.code,
        severity=rule.severity,
        explanation=inspect.cleandoc(rule.__doc__ or ""),
        wrong=inspect.cleandoc(getattr(rule, "wrong", "")),
        right=inspect.cleandoc(getattr(rule, "right", "")),
    )
