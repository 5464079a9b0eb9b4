"""Which networks have nodes and edges, and what to use for those that have none."""

from __future__ import annotations

from typing import Any

from causalabs.engine.circuits.builtin import BuiltInBody
from causalabs.engine.circuits.contract import Wired
from causalabs.engine.circuits.language_model import LanguageModelBody
from causalabs.engine.circuits.wired import Graph
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.model import LanguageModel
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Network


def wired(network: Network | Any) -> Wired:
    """The network as a graph of nodes and edges; `EngineError` where it is none."""
    if isinstance(network, Transformer):
        return Graph(BuiltInBody(network))
    if isinstance(network, LanguageModel):
        return Graph(LanguageModelBody(network))
    kind = getattr(network, "kind", type(network).__name__)
    raise EngineError(
        f"a network of the kind `{kind}` has no edges: it has no residual stream",
        "circuits are of transformers: `transformer`, `tracr` and `huggingface`; of this network "
        "align variables with sites and measure `iia`",
    )
