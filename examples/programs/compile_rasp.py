"""Compiles the RASP programs of this folder: `python examples/programs/compile_rasp.py`.

Needs the extra `tracr`. Each program becomes one safetensors file, read by
`network tracr("programs/NAME.safetensors")`: weights named as in causalabs' own transformer, and
a description as JSON (tokens, labels of the residual stream, where outputs stand). Some inputs
with the original's own activations go to `tests/engine/programs/`, so that tests need no jax.
"""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tracr.compiler import compiling, lib
from tracr.rasp import rasp

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests" / "engine" / "programs"
LONGEST = 5
KEPT = 24
"""Inputs whose activations are kept, of each program."""


@dataclass(frozen=True)
class Program:
    """A RASP program and the tokens it is compiled for."""

    name: str
    make: Callable[[], rasp.SOp]
    tokens: tuple[str | int, ...]
    distinct: bool = False


PROGRAMS = (
    Program("reverse", lambda: lib.make_reverse(rasp.tokens), ("a", "b", "c")),
    Program("xproportion", lambda: lib.make_frac_prevs(rasp.tokens == "x"), ("w", "x", "y", "z")),
    Program("hist", lib.make_hist, ("a", "b", "c")),
    Program("length", lib.make_length, ("a", "b", "c")),
    Program(
        "sort_unique",
        lambda: lib.make_sort_unique(rasp.tokens, rasp.tokens),
        (1, 2, 3, 4, 5),
        distinct=True,
    ),
    Program(
        "sort",
        lambda: lib.make_sort(rasp.tokens, rasp.tokens, max_seq_len=LONGEST, min_key=1),
        (1, 2, 3, 4, 5),
    ),
    Program("dyck", lambda: lib.make_shuffle_dyck(["()"]), ("(", ")")),
)


def compile_program(program: Program) -> Any:
    """The original model, its two own tokens called BOS and PAD."""
    return compiling.compile_rasp_to_model(
        program.make(),
        vocab=set(program.tokens),
        max_seq_len=LONGEST,
        compiler_bos="BOS",
        compiler_pad="PAD",
    )


def described(program: Program, model: Any) -> dict[str, Any]:
    """What is needed beside the weights."""
    config = model.model_config
    codes = model.input_encoder.encoding_map
    tokens = sorted(codes, key=lambda token: (token != "PAD", codes[token]))
    space = inspect.getclosurevars(model.get_compiled_model).nonlocals["output_space"]
    kind = "categorical" if hasattr(model.output_encoder, "encoding_map") else "numerical"
    return {
        "format": "causalabs RASP program 1",
        "name": program.name,
        "compiler": f"tracr-pypi {version('tracr-pypi')}",
        "tokens": [str(token) for token in tokens],
        "longest": LONGEST,
        "layers": config.num_layers,
        "heads": config.num_heads,
        "key": config.key_size,
        "hidden": config.mlp_hidden_size,
        "causal": config.causal,
        "residual_labels": list(model.residual_labels),
        "output": {
            "kind": kind,
            "labels": [str(direction) for direction in space.basis],
            "values": [str(direction.value) for direction in space.basis],
        },
    }


def weights(model: Any, tokens: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The weights as causalabs' transformer names them: matrices are (out, in)."""
    params = {
        name: {part: np.asarray(each) for part, each in parts.items()}
        for name, parts in model.params.items()
    }
    codes = {str(token): code for token, code in model.input_encoder.encoding_map.items()}
    found = {
        "token_weight": params["token_embed"]["embeddings"][[codes[token] for token in tokens]],
        "position_weight": params["pos_embed"]["embeddings"],
    }
    for layer in range(model.model_config.num_layers):
        attention, mlp = f"transformer/layer_{layer}/attn", f"transformer/layer_{layer}/mlp"
        parts = [params[f"{attention}/{part}"] for part in ("query", "key", "value")]
        found |= {
            f"blocks.{layer}.qkv_weight": np.concatenate([part["w"].T for part in parts]),
            f"blocks.{layer}.qkv_bias": np.concatenate([part["b"] for part in parts]),
        }
        for ours, theirs in (
            ("out", f"{attention}/linear"),
            ("widen", f"{mlp}/linear_1"),
            ("narrow", f"{mlp}/linear_2"),
        ):
            found[f"blocks.{layer}.{ours}_weight"] = params[theirs]["w"].T
            found[f"blocks.{layer}.{ours}_bias"] = params[theirs]["b"]
    return {name: np.ascontiguousarray(each, dtype=np.float32) for name, each in found.items()}


def shown(program: Program, model: Any, tokens: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs of all lengths from 2 and what the original makes of them.

    Shorter ones are given to the original as they are, and padded with zeros here:
    `ids` (rows, positions), `lengths` (rows,), `output` (rows, positions): places among the
    output's values, or numbers; `residuals` (rows, layers * 2, positions, width).
    """
    spelled = {str(token): token for token in model.input_encoder.encoding_map}
    every = [
        prompt
        for length in range(2, LONGEST + 1)
        for prompt in itertools.product(program.tokens, repeat=length)
        if not program.distinct or len(set(prompt)) == length
    ]
    picked = np.random.default_rng(0).permutation(len(every))[:KEPT]
    prompts = [every[i] for i in sorted(picked)]
    width, blocks = len(model.residual_labels), 2 * model.model_config.num_layers
    ids = np.zeros((len(prompts), LONGEST + 1), dtype=np.int64)
    lengths = np.array([1 + len(prompt) for prompt in prompts], dtype=np.int64)
    output = np.zeros((len(prompts), LONGEST + 1), dtype=np.float32)
    residuals = np.zeros((len(prompts), blocks, LONGEST + 1, width), dtype=np.float32)
    for row, prompt in enumerate(prompts):
        words = ["BOS", *(str(token) for token in prompt)]
        found = model.apply([spelled[word] for word in words])
        ids[row, : len(words)] = [tokens.index(word) for word in words]
        output[row, : len(words)] = np.asarray(found.unembedded)[0]
        residuals[row, :, : len(words)] = np.stack([np.asarray(r)[0] for r in found.residuals])
    return {"ids": ids, "lengths": lengths, "output": output, "residuals": residuals}


def main() -> None:
    """Compile them all."""
    for program in PROGRAMS:
        model = compile_program(program)
        about = described(program, model)
        path = HERE / f"{program.name}.safetensors"
        save_file(weights(model, about["tokens"]), path, {"program": json.dumps(about)})
        TESTS.mkdir(parents=True, exist_ok=True)
        save_file(shown(program, model, about["tokens"]), TESTS / path.name)


if __name__ == "__main__":
    main()
