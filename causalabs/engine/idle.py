"""What is right without an interchange: the output left alone, and one answer for everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from causalabs.engine.answers import Answers
from causalabs.engine.errors import EngineError
from causalabs.engine.interchange import Batch
from causalabs.engine.measure import Value
from causalabs.engine.store import Store


@torch.no_grad()
def idle_values(
    control: str, rows: Batch, store: Store, metrics: Mapping[str, Value]
) -> dict[str, NDArray[Any]]:
    """Each metric of each row: (rows,), truths or doubles.

    `left_alone` scores the network's clean answer to the base against the answer that the
    algorithm has after the interchange. `chance` gives all rows one answer, the one that is
    right most often among them; it has no scores, so `EngineError` for metrics made of them.
    """
    if control == "chance":
        other = [name for name in metrics if name != "iia"]
        if other:
            raise EngineError(
                f"`{other[0]}` has no meaning under `chance`: one answer has no scores",
                "measure `iia` under `chance`, or use `under left_alone`",
            )
        return {"iia": constant(rows.answers).cpu().numpy()}
    scores = {name: column.index_select(0, rows.base) for name, column in store.scores().items()}
    found = {name: metric(scores, rows).cpu() for name, metric in metrics.items()}
    return {
        name: (column.bool() if name == "iia" else column.double()).numpy()
        for name, column in found.items()
    }


def constant(answers: Answers) -> Tensor:
    """Rows that the best constant answer gets right, all outputs together: (rows,).

    Where an output is a set, of each output the value that is right most often is answered.

    >>> constant({"same": torch.tensor([1, 0, 1, 1])}).tolist()
    [True, False, True, True]
    """
    columns = list(answers.values())
    if not columns:
        raise EngineError("the network has no output to read", "write `read NAME`")
    if any(column.dtype == torch.bool for column in columns):
        right = [_best_of_one(column) for column in columns]
        return torch.stack(right).all(dim=0)
    _, code = torch.unique(torch.stack(columns, dim=1), dim=0, return_inverse=True)
    return _best_of_one(code)


def _best_of_one(column: Tensor) -> Tensor:
    """Rows right under the best constant: places (rows,), or flags of members (rows, values)."""
    if len(column) == 0:
        return torch.zeros(0, dtype=torch.bool)
    if column.dtype == torch.bool:
        return column[:, column.double().mean(dim=0).argmax()]
    return column == torch.bincount(column).argmax()
