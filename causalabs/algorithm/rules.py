"""What the rules of algorithms have in common: a finding told by templates."""

from __future__ import annotations

from dataclasses import field, fields
from typing import ClassVar

from causalabs.diagnostics import Label, Rule, Span, rule


@rule
class Told(Rule):
    """A rule whose texts are templates over its fields.

    `advice` is the finding's own help, where the rule's one sentence does not fit.
    """

    says: ClassVar[str]
    beside: ClassVar[str] = ""
    types: ClassVar[str] = ""
    first_says: ClassVar[str] = "first here"

    advice: str = ""
    first: Span | None = field(default=None)

    def _told(self, template: str) -> str:
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        return template.format(**data)

    def headline(self) -> str:
        """The rule's sentence with the finding's data."""
        return self._told(self.says)

    def label(self) -> str:
        """The words beside the carets."""
        return self._told(self.beside)

    def related(self) -> tuple[Label, ...]:
        """The earlier place that this one contradicts, where there is one."""
        return () if self.first is None else (Label(self.first, self._told(self.first_says)),)

    def help(self) -> str:
        """The finding's own advice, else the rule's."""
        return self.advice or self._told(self.types)


@rule
class Misspelt(Told):
    """A rule about a name that is not there; `suggestion` is the nearest that is."""

    name: str
    suggestion: str | None = None

    def help(self) -> str:
        """The nearest name, else the finding's or the rule's advice."""
        if self.suggestion:
            return f"did you mean `{self.suggestion}`?"
        return super().help()
