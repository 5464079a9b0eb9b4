"""A network of known weights that errs in a known share of its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import causalabs
from causalabs.results import Results

FILE = """
algorithm {
  input  a, b, c : 0..9
  input  t       : 0..999
  var    partial : 0..18 = a + b
  output total   : 0..27 = partial + c
}

network given() {
  feed a, b, c, t
  read total
}

alignment {
  partial -> module "first".output in dims 0..0
}

counterfactuals {
  sample SAMPLE
  interchange partial
  split train 50%, heldout 50% BY
}

EXPECT
"""


class Erring(nn.Module):
    """Adds a, b and c, one too few where t is below `errs`; counts the rows it is run on."""

    def __init__(self, errs: int) -> None:
        super().__init__()
        self.first = nn.Linear(4, 3, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
        self.errs = errs
        self.rows = 0

    def forward(self, x: Tensor) -> Tensor:
        self.rows += len(x)
        partial, c, t = self.first(x).unbind(dim=1)
        answer = partial + c - (t < self.errs).to(x.dtype)
        return -(torch.arange(28) - answer[:, None]).abs()


def feed(columns: Any) -> Tensor:
    return torch.stack([torch.from_numpy(columns[name]).float() for name in "abct"], dim=1)


def run(
    folder: Path, module: nn.Module, *expected: str, sample: int = 4_000, by: str = "", **more: Any
) -> Results:
    """The file with these expectations, on that network."""
    text = FILE.replace("SAMPLE", str(sample)).replace("BY", by)
    hypothesis = causalabs.loads(text.replace("EXPECT", "\n".join(expected)))
    return causalabs.run(hypothesis, network=module, feed=feed, runs=folder, bare=True, **more)
