"""Proof that the flow does what the model's own `forward` does, before anything relies on it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.attention import Columns, attending
from causalabs.engine.language_models.clean import Clean
from causalabs.engine.language_models.families import Wiring, paths_there_are
from causalabs.engine.language_models.flow import Group, Pass
from causalabs.engine.language_models.sites import AFTER, Place
from causalabs.engine.language_models.step import Touch

TOKENS = 12
"""Tokens of the longer of the two rows that are compared; longer for short sliding windows."""

TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Largest difference of logits, relative to their size; 0.05 in half precision."""


@torch.no_grad()
def prove(wiring: Wiring) -> None:
    """Two rows of unlike lengths through both; `EngineError` where the logits differ."""
    ids, lengths = sample_rows(wiring)
    device = ids.device
    mask = torch.arange(ids.shape[1], device=device) < lengths[:, None]
    wanted: Tensor = wiring.module(input_ids=ids, attention_mask=mask.long()).logits
    found = wiring.unembed(wiring.norm(stream(wiring, ids)))
    difference = float((found - wanted)[mask].float().abs().max())
    size = float(wanted[mask].float().abs().max())
    if not torch.isfinite(wanted[mask]).all():
        return  # told with its place where clean runs are captured
    if not difference <= TOLERANCE.get(found.dtype, 5e-2) * max(size, 1e-3):
        raise EngineError(
            f"this `{wiring.name}` model is wired otherwise than others of its family: "
            f"its logits differ by {difference:.2g} from those of its own forward",
            f'it has {paths_there_are(wiring.module)}; use `python("module:function")` for it',
        )


def stream(wiring: Wiring, ids: Tensor) -> Tensor:
    """The residual stream after the last block, (rows, tokens, width), as the flow makes it."""
    positions = torch.arange(ids.shape[1], device=ids.device)[None].expand(len(ids), -1)
    columns = Columns(positions[:, 0], ids.shape[1], 0, positions, True)
    start = Group((-1, AFTER), {"after": wiring.embed(ids, positions)}, 1)
    return Pass(wiring, columns).run([start])


def sample_rows(wiring: Wiring) -> tuple[Tensor, Tensor]:
    """Two rows of drawn tokens and how many of each count."""
    window = getattr(wiring.config, "sliding_window", None) or 0
    longest = window + 3 if TOKENS - 3 < window <= 64 else TOKENS
    longest = min(longest, getattr(wiring.config, "max_position_embeddings", longest))
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(wiring.config.vocab_size, (2, longest), generator=generator)
    lengths = torch.tensor([longest, max(1, longest - 4)])
    device = next(wiring.module.parameters()).device
    return ids.to(device), lengths.to(device)


@torch.no_grad()
def module_width(wiring: Wiring, place: Place) -> int:
    """Numbers of a module's input or output at one token, seen when its block runs."""
    parameter = next(wiring.module.parameters())
    first = torch.zeros(1, dtype=torch.long, device=parameter.device)
    found: list[int] = []
    touch = Touch(place, first[:, None], lambda current: found.append(current.shape[1]))
    positions = torch.arange(2, device=parameter.device)[None]
    current = Pass(wiring, Columns(first, 2, 0, positions, True), [touch])
    with attending(wiring.config):
        current.block(place.layer, {"x": parameter.new_ones(1, 2, wiring.width)})
    if not found:
        raise EngineError(
            f"`{place.path}` in block {place.layer} never runs",
            "name a module that the block calls",
        )
    return found[0]


@torch.no_grad()
def tell_where(run: Clean, text: Callable[[int], str]) -> None:
    """`EngineError` naming the first tensor of a clean run that is not finite, and a prompt."""
    wiring = run.wiring
    for name, parameter in wiring.module.named_parameters():
        if not torch.isfinite(parameter).all():
            raise EngineError(f"the weights `{name}` are not finite numbers", "load them again")
    current = Pass(wiring, run.columns)
    state = {"after": run.embed()}
    _finite(state["after"], "embedding", text)
    with attending(wiring.config):
        for layer in range(len(wiring.blocks)):
            state = current.block(layer, {"x": state["after"]})
            _finite(state["attention"], f"attention {layer}", text)
            _finite(state["mlp"], f"mlp {layer}", text)
            _finite(state["after"], f"residual {layer}", text)
    raise EngineError(
        "the network's scores are not finite numbers", "every activation before them is finite"
    )


def _finite(tensor: Tensor, site: str, text: Callable[[int], str]) -> None:
    broken = ~torch.isfinite(tensor).flatten(1).all(dim=1)
    if bool(broken.any()):
        row = int(broken.nonzero()[0])
        raise EngineError(
            f"`{site}` is the first activation that is not a finite number, "
            f"in the prompt `{text(row)}`",
            "a clean run of this network already breaks there: try another --dtype",
        )
