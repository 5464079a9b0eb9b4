"""What `causalabs fmt` does to one file."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from causalabs.diagnostics import Source
from causalabs.runs import write_atomically
from causalabs.syntax.format import format_source


@dataclass(frozen=True)
class Formatted:
    """A file before and after."""

    name: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether the file was not in canonical form."""
        return self.before != self.after

    def shown(self, *, diff: bool, only_check: bool) -> str:
        """What to print: the text itself for stdin, a diff, or one line for a changed file."""
        if self.name == "-" and not (diff or only_check):
            return self.after
        if not self.changed:
            return ""
        if diff:
            return "".join(
                difflib.unified_diff(
                    self.before.splitlines(keepends=True),
                    self.after.splitlines(keepends=True),
                    f"{self.name} (as it is)",
                    f"{self.name} (formatted)",
                )
            )
        return f"would reformat {self.name}\n" if only_check else f"reformatted {self.name}\n"


def format_file(name: str, source: Source, *, write: bool) -> Formatted:
    """Format one file, in place when `write`; `HypothesisError` where it does not parse."""
    done = Formatted(name, source.text, format_source(source))
    if write and name != "-" and done.changed:
        write_atomically(Path(name), done.after.encode())
    return done
