"""How many tokens of a model are run at once: measured once for a machine, then kept.

Batches of another size round differently, so what was measured is written to the cache folder:
later runs on this machine use the same and give the same numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from causalabs.engine.batches import is_out_of_memory
from causalabs.engine.language_models.model import TOKENS_AT_ONCE
from causalabs.engine.networks.weights import cache_folder
from causalabs.runs import write_atomically

FEWEST, MOST = 256, 2**17
ROW = 32
"""Tokens of one row that is timed."""

GAIN = 0.95
"""A size twice as large is taken where a token takes less than this share of the time."""

LARGE = 10**7
"""Models of fewer parameters are not worth the seconds of measuring."""


def tokens_at_once(module: nn.Module, *, name: str, folder: Path | None = None) -> int:
    """Tokens that a model runs at once on this machine, kept under `folder`."""
    if sum(parameter.numel() for parameter in module.parameters()) < LARGE:
        return TOKENS_AT_ONCE
    weight = next(module.parameters())
    words = (name, weight.device.type, str(weight.dtype), torch.get_num_threads())
    key = "-".join(str(word).replace("/", "_") for word in words)
    path = (folder or cache_folder() / "batches") / f"{key}.json"
    kept = _kept(path)
    if kept is not None:
        return kept

    def run(tokens: int) -> None:
        ids = torch.zeros(tokens // ROW, ROW, dtype=torch.long, device=weight.device)
        with torch.no_grad():
            module.base_model(ids, use_cache=False)  # type: ignore[operator]
        if weight.device.type == "cuda":
            torch.cuda.synchronize()

    found = fastest(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"tokens": found}).encode())
    return found


def fastest(run: Callable[[int], None], *, clock: Callable[[], float] = time.perf_counter) -> int:
    """The first size, doubling from `FEWEST`, that twice as many tokens hardly beat.

    A size that does not fit into memory ends the search.
    """
    best, rate = FEWEST, float("inf")
    size = FEWEST
    run(size)  # the first run of all pays for what is set up once
    while size <= MOST:
        began = clock()
        try:
            run(size)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            break
        spent = (clock() - began) / size
        if spent > GAIN * rate:
            break
        best, rate, size = size, spent, 2 * size
    return best


def _kept(path: Path) -> int | None:
    """What was measured before; None where nothing sensible is written there."""
    try:
        found = json.loads(path.read_text("utf-8"))["tokens"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) and FEWEST <= found <= MOST else None
