"""Dictionaries of latents: sparse autoencoders and transcoders, read from files.

SAELens' folders (`cfg.json` and `sae_weights.safetensors`) and plain safetensors files with
`W_enc`, `b_enc`, `W_dec`, `b_dec` (and `threshold`) are understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from causalabs.engine.bases.files import read_json, read_tensors
from causalabs.engine.errors import EngineError

ARCHITECTURES = ("standard", "topk", "jumprelu")
NEEDED = ("W_enc", "b_enc", "W_dec", "b_dec")
IGNORED = ("W_skip", "b_skip")
"""A transcoder's path around its latents: it is the same before and after a write."""


@dataclass(frozen=True, eq=False)
class Dictionary:
    """`latents = act((x - shift) W_enc + b_enc)`, `output = latents W_dec + b_dec`.

    W_enc (width, latents), W_dec (latents, width out). `threshold` (latents,) for jumprelu;
    `k` latents are kept for topk, the others are nought.
    """

    encoder: Tensor
    bias: Tensor
    decoder: Tensor
    shift: Tensor
    threshold: Tensor | None = None
    k: int = 0

    def latents(self, activation: Tensor, some: Tensor | None = None) -> Tensor:
        """(..., width) -> (..., latents), or only those of the numbers `some`."""
        pick = None if self.k else some  # the k largest are the largest of all
        before = (activation - self.shift) @ _of(self.encoder, pick, 1) + _of(self.bias, pick, 0)
        if self.threshold is not None:
            threshold = _of(self.threshold, pick, 0)
            found = before * (before > threshold)
        else:
            found = torch.relu(before)
        if self.k:
            best = found.topk(min(self.k, found.shape[-1]), dim=-1)
            found = torch.zeros_like(found).scatter(-1, best.indices, best.values)
            return found if some is None else found[..., some]
        return found

    def to(self, *, device: torch.device | str, dtype: torch.dtype) -> Dictionary:
        """The same elsewhere, in other precision."""
        moved: dict[str, Any] = {
            name: each.to(device=device, dtype=dtype)
            for name, each in vars(self).items()
            if isinstance(each, Tensor)
        }
        return replace(self, **moved)

    def tensors(self) -> dict[str, Tensor]:
        """What is saved."""
        found = {name: each for name, each in vars(self).items() if isinstance(each, Tensor)}
        return {**found, "k": torch.tensor(self.k)}


def _of(tensor: Tensor, some: Tensor | None, dim: int) -> Tensor:
    return tensor if some is None else tensor.index_select(dim, some)


def restored(tensors: Mapping[str, Tensor]) -> Dictionary:
    """Inverse of `Dictionary.tensors`."""
    names = ("encoder", "bias", "decoder", "shift", "threshold")
    return Dictionary(**{n: tensors[n] for n in names if n in tensors}, k=int(tensors["k"]))


# ----------------------------------------------------------------------- reading


def read_dictionary(path: Path, *, transcodes: bool = False) -> Dictionary:
    """The dictionary at a folder of SAELens, or in a safetensors file.

    `b_dec` is taken off what an autoencoder encodes unless `cfg.json` says otherwise or there
    is a `threshold` (as in Gemma Scope); never off what a transcoder encodes, unless it says so.
    """
    config: Mapping[str, Any] = {}
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1 or not (path / "cfg.json").is_file():
            raise EngineError(
                f"`{path}` is no dictionary of latents",
                "a folder needs `cfg.json` and one safetensors file, as SAELens saves them",
            )
        path, config = files[0], read_json(path / "cfg.json")
    elif (path.parent / "cfg.json").is_file() and path.name == "sae_weights.safetensors":
        config = read_json(path.parent / "cfg.json")
    tensors = read_tensors(path)
    missing = [name for name in NEEDED if name not in tensors]
    if missing:
        raise EngineError(
            f"`{path.name}` has no `{missing[0]}`",
            f"a dictionary has {', '.join(NEEDED)}; this file has {', '.join(sorted(tensors))}",
        )
    return _made(tensors, config, path, transcodes)


def _made(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any], path: Path, transcodes: bool
) -> Dictionary:
    architecture = _architecture(tensors, config, path)
    known = {*NEEDED, *IGNORED, *({"threshold"} if architecture == "jumprelu" else ())}
    extra = sorted(set(tensors) - known)
    if extra:
        raise EngineError(
            f"`{path.name}` has `{extra[0]}`, which a {architecture} dictionary does not use",
            "fold it into the weights, or say the architecture in `cfg.json`",
        )
    encoder, decoder = tensors["W_enc"], tensors["W_dec"]
    if encoder.dim() != 2 or decoder.dim() != 2:
        raise EngineError(
            f"the weights of `{path.name}` are no matrices: W_enc is {tuple(encoder.shape)}, "
            f"W_dec {tuple(decoder.shape)}",
            "W_enc is (width, latents), W_dec (latents, width)",
        )
    latents = encoder.shape[1]
    wanted = {
        "b_enc": (latents,),
        "W_dec": (latents, decoder.shape[-1]),
        "b_dec": (decoder.shape[-1],),
        "threshold": (latents,),
    }
    odd = [name for name, shape in wanted.items() if _shape(tensors.get(name), shape) != shape]
    if odd:
        raise EngineError(
            f"the weights of `{path.name}` do not fit: W_enc is {tuple(encoder.shape)}, {odd[0]} "
            f"is {tuple(tensors[odd[0]].shape)}",
            "W_enc is (width, latents), b_enc (latents,), W_dec (latents, width), b_dec (width,)",
        )
    for name, each in tensors.items():
        if not bool(torch.isfinite(each).all()):
            raise EngineError(f"`{name}` of `{path.name}` holds numbers that are not finite")
    width = encoder.shape[0]
    said = config.get("apply_b_dec_to_input")
    if not (said is None or isinstance(said, bool)):
        raise EngineError(
            f"`{path.parent.name}` has `apply_b_dec_to_input` {said!r}", "write true or false"
        )
    shifted = architecture != "jumprelu" and not transcodes if said is None else bool(said)
    if decoder.shape[1] != width:
        shifted = False  # b_dec is of the other width
    shift = tensors["b_dec"] if shifted else torch.zeros(width)
    return Dictionary(
        encoder=encoder.double(),
        bias=tensors["b_enc"].double(),
        decoder=decoder.double(),
        shift=shift.double(),
        threshold=tensors["threshold"].double() if architecture == "jumprelu" else None,
        k=_k(config, path) if architecture == "topk" else 0,
    )


def _shape(tensor: Tensor | None, default: tuple[int, ...]) -> tuple[int, ...]:
    return default if tensor is None else tuple(tensor.shape)


def _architecture(tensors: Mapping[str, Tensor], config: Mapping[str, Any], path: Path) -> str:
    """One of `ARCHITECTURES`; an error where the file asks for what is not computed here."""
    said = str(config.get("architecture") or ("jumprelu" if "threshold" in tensors else "standard"))
    plain = said.replace("_transcoder", "").replace("skip", "").strip("_")
    plain = "standard" if plain == "transcoder" else plain
    activation = str(config.get("activation_fn") or config.get("activation_fn_str") or "relu")
    if plain == "standard" and activation == "topk":
        plain = "topk"
    elif activation not in ("relu", "topk", "jumprelu"):
        raise EngineError(
            f"`{path.parent.name}` has the activation `{activation}`",
            "relu, topk and jumprelu are computed here",
        )
    if plain not in ARCHITECTURES:
        raise EngineError(
            f"`{path.parent.name}` has the architecture `{said}`",
            f"{', '.join(ARCHITECTURES)} are computed here",
        )
    for name, wanted in (("normalize_activations", "none"), ("rescale_acts_by_decoder_norm", None)):
        given = config.get(name)
        if given not in (None, False, wanted):
            raise EngineError(
                f"`{path.parent.name}` has `{name}` {given}",
                "fold it into the weights and save them again",
            )
    return plain


def _k(config: Mapping[str, Any], path: Path) -> int:
    arguments = config.get("activation_fn_kwargs") or {}
    given = config.get("k", arguments.get("k") if isinstance(arguments, dict) else None)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise EngineError(
            f"`{path.parent.name}` is a topk dictionary without its `k`", "add `k` to `cfg.json`"
        )
    return given
