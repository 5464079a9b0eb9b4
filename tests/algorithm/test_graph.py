from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

from causalabs.algorithm.domains import Enum, Interval
from causalabs.algorithm.graph import as_dot, as_svg, as_text, digraph
from causalabs.algorithm.model import Algorithm, Variable
from tests.algorithm.elaborating import algorithm

SUM = ("input x, y, z : 0..9", "var partial : 0..18 = x + y", "output total : 0..27 = partial + z")


def test_digraph_carries_roles_domains_and_mechanisms():
    model = algorithm(*SUM)
    graph = digraph(model)
    assert set(graph.edges) == {
        ("x", "partial"), ("y", "partial"), ("partial", "total"), ("z", "total"),
    }  # fmt: skip
    assert graph.nodes["partial"]["role"] == "var"
    assert graph.nodes["partial"]["domain"] == Interval(0, 18)
    assert graph.nodes["partial"]["mechanism"] is model["partial"].mechanism
    assert graph.nodes["x"]["mechanism"] is None
    assert list(model.graph().nodes) == [v.name for v in model.variables]


def test_text_shows_layers_in_causal_order_with_arrows():
    text = as_text(algorithm(*SUM))
    assert text.splitlines()[-2:] == [
        "└─ output  total : 0..27    ◀── partial, z",
        "             = partial + z",
    ]
    assert text.index("input   z") < text.index("partial : 0..18") < text.index("total : 0..27")


def test_svg_is_well_formed_and_has_every_box_and_arrow():
    root = ElementTree.fromstring(as_svg(algorithm(*SUM)))
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{name}g")) == 5
    assert len(root.findall(f"{name}path")) == 4
    width, height = float(root.get("width")), float(root.get("height"))
    for box in root.iter(f"{name}rect"):
        assert 0 <= float(box.get("x")) <= width - float(box.get("width"))
        assert 0 <= float(box.get("y")) <= height - float(box.get("height"))


def test_names_and_values_are_escaped():
    evil = Enum(('<script>"&', "\\"))
    model = Algorithm('a"b<c>', (Variable("x", "x", (), "input", evil),), ())
    svg = as_svg(model)
    assert "<script>" not in svg
    texts = [
        each.text for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert texts[0].startswith('x : {"<script>')
    assert '"a\\"b<c>"' in as_dot(model)


def test_pictures_of_nothing_are_drawn():
    empty = Algorithm("empty", (), ())
    assert as_text(empty) == "empty"
    ElementTree.fromstring(as_svg(empty))


def test_pictures_import_no_networkx():
    code = (
        "import sys, causalabs.algorithm.graph as g;"
        "from causalabs.algorithm.model import Algorithm as A; a = A('', (), ());"
        "g.as_text(a); g.as_dot(a); g.as_svg(a);"
        "assert not {'networkx', 'numpy', 'sympy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
