"""The texts that the long tables are made of, one hypothesis per network and row.

Every text asks for the same thing at each of the three hidden layers, by three alignments of
its own name; nothing is expected, everything is reported.
"""

from __future__ import annotations

LAYERS = 3
WORDS = 32
"""Random vectors that stand for words, where sources must share vectors with bases."""

EQUALITY = """
algorithm {
  input  a, b, c, d : real[4] in -0.5..0.5
  var    left  : bool = a == b
  var    right : bool = c == d
  output same  : bool = left == right
}
"""

SYMBOLS = """
algorithm {{
  input  a, b, c, d : 0..{last}
  var    left  : bool = a == b
  var    right : bool = c == d
  output same  : bool = left == right
}}
"""

RIVALS = """
algorithm two_ands {
  input  p, q, r, s, t, u : real[4] in -0.5..0.5
  var    first  : bool = p == q and r == s
  var    second : bool = r == s and t == u
  output answer : bool = first or second
}

algorithm gated_or {
  input  p, q, r, s, t, u : real[4] in -0.5..0.5
  var    either : bool = p == q or t == u
  var    gate   : bool = r == s
  output answer : bool = either and gate
}
"""

VARIABLES = {"two_ands": ("first", "second"), "gated_or": ("either", "gate")}

EQUALITY_DRAWN = """
counterfactuals {{
  sample {sample}
  balance left, right
{lines}
  split train 80%, heldout 20%
}}
"""

RIVALS_DRAWN = """
counterfactuals {{
  sample {sample}
{lines}
  split train 80%, heldout 20%
}}
"""


def equality(row: str, basis: str, weights: str, *, sample: int) -> str:
    """Hierarchical equality: `row` is "both", "left" or "first argument"."""
    variables = {"both": ("left", "right"), "left": ("left",), "first argument": ("a",)}[row]
    lines = {
        "both": ("left", "right", "left, right"),
        "left": ("left",),
        "first argument": (
            "a as met where source.a == base.b",
            "a as missed where source.a != base.b",
        ),
    }[row]
    drawn = EQUALITY_DRAWN.format(
        sample=sample, lines="\n".join(f"  interchange {line}" for line in lines)
    )
    algorithm = SYMBOLS.format(last=WORDS - 1) if row == "first argument" else EQUALITY
    network = _network(weights, "[16, 16, 16]", "a, b, c, d", "same")
    name = "h_" + row.replace(" ", "_")
    return "\n".join([f"hypothesis {name}", algorithm, network, _places(variables, basis), drawn])


def distributive(algorithm: str, basis: str, weights: str, *, trained_to: str, sample: int) -> str:
    """The distributive law: one of two rival algorithms, three interchanges of its variables.

    `weights` "" trains by interchange interventions towards `trained_to`, at `hidden 1`.
    """
    drawn = RIVALS_DRAWN.format(sample=sample, algorithm=algorithm, lines=_changing(algorithm))
    inputs = "p, q, r, s, t, u"
    network = (
        _network(weights, "[24, 24, 24]", inputs, "answer")
        if weights
        else _implementing(trained_to, inputs)
    )
    places = _places(VARIABLES[algorithm], basis, of=algorithm)
    return "\n".join(["hypothesis h_distributive", RIVALS, network, places, drawn])


def _changing(algorithm: str) -> str:
    """Lines of one variable, the other and both; half of the examples change the answer.

    So does the paper; it also takes bases and sources from inputs whose answers are balanced,
    where here all patterns of equality are alike (an answer is true in 3 of 8).
    """
    one, two = VARIABLES[algorithm]
    joined = {"two_ands": "or", "gated_or": "and"}[algorithm]
    found = []
    for taken in ((one,), (two,), (one, two)):
        after = f" {joined} ".join(
            f"{'source' if name in taken else 'base'}.{name}" for name in (one, two)
        )
        names = ", ".join(f"{algorithm}.{name}" for name in taken)
        for what, sign in (("changes", "!="), ("keeps", "==")):
            where = f"({after}) {sign} base.answer"
            found.append(f"  interchange {names} as {'_'.join(taken)}_{what} where {where}")
    return "\n".join(found)


def _network(weights: str, hidden: str, feed: str, read: str) -> str:
    if not weights:
        call, until = f"mlp(hidden = {hidden})", "  train until accuracy >= 0.99\n"
        return f"network {call} {{\n  feed {feed}\n  read {read}\n{until}}}\n"
    call = f'checkpoint("{weights}", mlp(hidden = {hidden}))'
    return f"network {call} {{\n  feed {feed}\n  read {read}\n}}\n"


def _implementing(algorithm: str, feed: str) -> str:
    one, two = VARIABLES[algorithm]
    return (
        f"network mlp(hidden = [24, 24, 24]) {{\n  feed {feed}\n  read answer\n"
        f"  train to implement {algorithm} {{\n"
        f"    {one} -> hidden 1 in dims 0..11\n    {two} -> hidden 1 in dims 12..23\n  }}\n"
        "  train until accuracy >= 0.9\n}\n"
    )


def _places(variables: tuple[str, ...], basis: str, *, of: str = "") -> str:
    head = f" of {of}" if of else ""
    found = []
    for layer in range(LAYERS):
        lines = "\n".join(f"  {name} -> hidden {layer} in {basis} dims" for name in variables)
        found.append(f"alignment layer{layer}{head} {{\n{lines}\n}}\n")
        found.append(f"report iia in layer{layer} on heldout\n")
    return "\n".join([*found, "report accuracy on heldout\n"])
