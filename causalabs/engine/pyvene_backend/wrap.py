"""From a network to the same network run by pyvene."""

from __future__ import annotations

from causalabs.engine.errors import EngineError
from causalabs.engine.networks.gru import Gru
from causalabs.engine.networks.mlp import Mlp
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Network
from causalabs.engine.pyvene_backend.body import Body
from causalabs.engine.pyvene_backend.importing import pyvene
from causalabs.engine.pyvene_backend.network import PyveneNetwork


def through_pyvene(network: Network) -> PyveneNetwork:
    """The same network, every run of which goes through pyvene; weights are shared.

    `EngineError` where pyvene is not installed or has no way to run it.
    """
    pyvene()
    return PyveneNetwork(network, body_of(network))


def body_of(network: Network) -> Body:
    """How pyvene runs a network."""
    from causalabs.engine.language_models.model import LanguageModel
    from causalabs.engine.pyvene_backend.language import LanguageBody
    from causalabs.engine.pyvene_backend.mirrors import GruBody, MlpBody
    from causalabs.engine.pyvene_backend.transformer import TransformerBody

    match network:
        case Mlp():
            return MlpBody(network)
        case Gru():
            return GruBody(network)
        case Transformer() if _usual(network):
            return TransformerBody(network)
        case LanguageModel():
            return LanguageBody(network)
    raise EngineError(
        f"pyvene cannot run `{network.kind}`",
        "the native backend can: leave out `--backend pyvene`",
    )


def _usual(network: Network) -> bool:
    """Whether it is built as the mirror is: norms and an MLP in every block, each token blind
    to what comes after it.
    """
    return (
        isinstance(network, Transformer)
        and network.causal
        and all({"first_weight", "widen_weight"} <= set(block) for block in network.blocks)
    )
