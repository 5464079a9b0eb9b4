"""Files of compiled RASP programs (Weiss et al. 2021; Lindner et al. 2023, Tracr).

A file is safetensors: weights named as in our own transformer, and beside them, as JSON, what
the compiler knows: the tokens, a label for each residual dimension, and which of them hold the
output. `examples/programs/compile_rasp.py` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from causalabs.engine.errors import AbsentError, EngineError
from causalabs.engine.networks.block import Sizes

FORMAT = "causalabs RASP program 1"
BOS, PAD_WORD = "BOS", "PAD"
LARGEST = 256 * 2**20
"""Bytes of a file; programs of five tokens take a quarter of a megabyte at most."""
MOST = 65_536
"""Of anything that a program counts."""
LEAST = 10**6
"""Weights that cost nothing: which of a small program do not fit is then said one by one."""
SHOWN = 80
"""Characters of a path that names no file."""


@dataclass(frozen=True)
class Program:
    """What a file says of its program; `tokens[0]` is PAD, `outputs` are by value.

    Of a categorical program `outputs` maps each value it can answer to the label of the
    dimension that says so; of a numerical one it is empty and `number` is that dimension's.
    """

    name: str
    sizes: Sizes
    tokens: tuple[str, ...]
    longest: int
    causal: bool
    labels: tuple[str, ...]
    outputs: Mapping[str, str] = field(hash=False)
    number: str = ""

    def dimension(self, label: str) -> int:
        """Where in the residual stream the compiler put what it called `label`."""
        return self.labels.index(label)


def read_program(path: Path) -> tuple[Program, dict[str, Tensor]]:
    """The program of a file and its weights; an error says why it is none."""
    from safetensors import SafetensorError, safe_open

    try:
        present = path.is_file()
    except OSError as error:  # no name of a file: too long, say
        raise AbsentError(
            f"the program {str(path)[:SHOWN]} cannot be opened: {error.strerror}",
            "paths are relative to the hypothesis file",
        ) from error
    if not present:
        what = "is a folder" if path.is_dir() else "does not exist"
        raise AbsentError(f"the program {path} {what}", "paths are relative to the hypothesis file")
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
        with safe_open(str(path), framework="pt") as file:
            said = (file.metadata() or {}).get("program")
            if said is None:
                raise ValueError("it holds weights and no description of a program")
            program = _program(json.loads(said))
            tensors: dict[str, Tensor] = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
        _small_enough(program, tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, KeyError):
            reason = f"its description lacks {reason}"
        raise EngineError(
            f"{path} is no compiled RASP program: {reason}",
            "write one as `examples/programs/compile_rasp.py` does",
        ) from error
    return program, tensors


def _small_enough(program: Program, tensors: Mapping[str, Tensor]) -> None:
    """Nothing is built that is larger than the weights that are there."""
    sizes, width = program.sizes, program.sizes.width
    inner = sizes.heads * sizes.key
    block = 3 * inner * (width + 1) + (inner + 1) * width
    block += sizes.hidden * (width + 1) + (sizes.hidden + 1) * width
    asked = sizes.layers * block + (len(program.tokens) + program.longest + 1) * width
    there = sum(tensor.numel() for tensor in tensors.values())
    if asked > 2 * there + LEAST:
        raise ValueError(f"its sizes ask for {asked:,} weights, and it holds {there:,}")


def _program(said: Any) -> Program:
    """The description, checked; `ValueError`, `KeyError` or `TypeError` where it is none."""
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ValueError(f"its description is not of the format `{FORMAT}`")
    labels, tokens = _texts(said["residual_labels"]), _texts(said["tokens"])
    output = said["output"]
    if not isinstance(output, dict) or not isinstance(said["name"], str):
        raise ValueError("its `output` is no description, or its `name` no text")
    if not isinstance(said["causal"], bool):
        raise ValueError("its `causal` is neither true nor false")
    kind, where, values = output["kind"], _texts(output["labels"]), _texts(output["values"])
    if tokens[:1] != (PAD_WORD,) or BOS not in tokens:
        raise ValueError(f"its tokens do not begin with {PAD_WORD}, or lack {BOS}")
    missing = [label for label in where if label not in labels]
    if missing:
        raise ValueError(f"no dimension of its residual stream is labelled `{missing[0]}`")
    if kind not in ("categorical", "numerical") or not where or len(where) != len(values):
        raise ValueError("it does not say where its output stands")
    numbers = {name: _count(said, name) for name in ("layers", "heads", "key", "hidden", "longest")}
    sizes = Sizes(
        layers=numbers["layers"],
        heads=numbers["heads"],
        width=len(labels),
        key=numbers["key"],
        hidden=numbers["hidden"],
        norms=False,
    )
    return Program(
        name=said["name"],
        sizes=sizes,
        tokens=tokens,
        longest=numbers["longest"],
        causal=said["causal"],
        labels=labels,
        outputs=dict(zip(values, where, strict=True)) if kind == "categorical" else {},
        number="" if kind == "categorical" else where[0],
    )


def _texts(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        raise ValueError("a list of texts in its description is none")
    if len(set(said)) < len(said) or len(said) > MOST:
        raise ValueError("a list in its description says something twice, or is too long")
    return tuple(said)


def _count(said: Mapping[str, Any], name: str) -> int:
    found = said[name]
    if type(found) is not int or not 0 < found <= MOST:
        raise ValueError(f"its `{name}` is no number of them")
    return found
