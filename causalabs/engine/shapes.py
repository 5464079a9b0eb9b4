"""Whether the sites of a hypothesis exist and its bases fit, before anything is trained or run.

A built-in network is laid out on torch's `meta` device, where tensors have shapes and no
numbers: that takes milliseconds, and a wrong site is told before minutes of training.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import torch

from causalabs.engine.bases import find
from causalabs.engine.networks.build import KINDS, architecture
from causalabs.engine.networks.checkpoint import inner
from causalabs.engine.protocol import Network
from causalabs.engine.search import expand_tokens
from causalabs.engine.spaces import space_width
from causalabs.hypothesis.model import Hypothesis


def skeleton(hypothesis: Hypothesis) -> Network | None:
    """A built-in network without numbers; None of a network that has to be loaded."""
    spec = inner(hypothesis.network)
    if spec.kind not in KINDS:
        return None
    try:
        with torch.device("meta"):
            return architecture(spec, hypothesis.algorithms)
    except (NotImplementedError, RuntimeError):
        return None  # what cannot be laid out is met when it runs


def check_shapes(hypothesis: Hypothesis, network: Network, alignments: Iterable[str]) -> None:
    """Raises `EngineError` for a site that does not exist, or dims that do not fit one.

    Every choice of a search counts: one that is not there would end the search midway.
    """
    for name in dict.fromkeys(alignments):
        for space in expand_tokens(hypothesis.alignment_named(name), network).spaces:
            kind = find(space.basis.kind)
            for choice in range(len(space.members[0].choices)):
                with suppress(NotImplementedError, RuntimeError):  # what `meta` cannot tell
                    kind.dims(space, space_width(space, choice, network))
