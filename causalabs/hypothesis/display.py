"""A hypothesis as a notebook shows it."""

from __future__ import annotations

from html import escape

from causalabs.hypothesis.model import Hypothesis


def hypothesis_html(hypothesis: Hypothesis) -> str:
    """Name and claim, the algorithms as pictures, the expectations; the text folded away."""
    name = escape(hypothesis.name or "(no name)")
    claim = f"<br><i>{escape(hypothesis.claim)}</i>" if hypothesis.claim else ""
    parts = [f"<p><b>{name}</b>{claim}</p>"]
    for algorithm in hypothesis.algorithms:
        title = f"<p>{escape(algorithm.name)}</p>" if len(hypothesis.algorithms) > 1 else ""
        parts.append(title + algorithm._repr_html_())
    if hypothesis.expectations:
        rows = (
            f"<li>{escape(f'{e.quantity.text} {e.comparison} {e.bound:g}')}</li>"
            for e in hypothesis.expectations
        )
        parts.append("<p>expected</p><ul>" + "".join(rows) + "</ul>")
    warnings = [each for each in hypothesis.diagnostics if each.severity == "warning"]
    parts += [f"<p>warning {each.code}: {escape(each.message)}</p>" for each in warnings]
    text = escape(hypothesis.source.text or hypothesis.canonical)
    parts.append(f"<details><summary>the file</summary><pre>{text}</pre></details>")
    return "<div>" + "".join(parts) + "</div>"
