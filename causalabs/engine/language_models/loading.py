"""A language model by name: a folder, a packaged model, or the hub; never by pickle.

`huggingface("smollm2-135m")` is a packaged model that was fetched; a path to a folder, relative
to the hypothesis file, is that folder; anything else is asked of the hub through transformers.
Weights come from safetensors only and no code of a model is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from causalabs.engine.errors import AbsentError, EngineError
from causalabs.engine.language_models import packaged
from causalabs.engine.language_models.extra import need, quiet
from causalabs.engine.protocol import Device

ENCODERS = ("bert", "roberta", "electra", "distilbert")
"""Architectures that fill in masked words, by `model_type` of the config."""

MOST_LAYERS = 10_000
"""More than that is a mistake in `config.json`: making them would never end."""

HUB_SECONDS = 10.0
"""How long the hub may take to say whether it knows a model."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in evaluation mode with its tokenizer.

    `longest` is the most tokens that it takes, `origin` where it comes from.
    """

    module: nn.Module
    tokenizer: Any
    longest: int | None
    origin: str


def load(name: str, *, folder: Path, device: Device) -> Loaded:
    """The model that a hypothesis in `folder` means by `name`; `EngineError` says what is amiss."""
    need(f'huggingface("{name}")')
    place, origin = locate(name, folder)
    local = isinstance(place, Path)
    if isinstance(place, Path):
        _check_folder(name, place)
    else:
        local = not _hub_answers(name)
    with quiet():
        module = _model(name, str(place), device.dtype, local)
        tokenizer = _tokenizer(name, str(place), local)
    module.eval()
    module.requires_grad_(False)
    _check_finite(name, module.named_parameters())
    _check_tokens(name, tokenizer, module)
    _move(module, device)
    return Loaded(module, tokenizer, _longest(module), origin)


def locate(name: str, folder: Path) -> tuple[Path | str, str]:
    """Where a model is: a folder, or its name at the hub; and how to say so."""
    model = packaged.find(name)
    if model is not None:
        kept = packaged.kept(model)
        if kept is None:
            raise AbsentError(
                f"the packaged model `{name}` is not here yet",
                f"type `causalabs models fetch {name}`",
            )
        return kept, f"the package {model.requirement}"
    place = (folder / Path(name).expanduser()).resolve()
    if place.is_dir():
        return place, f"the folder {name}"
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or not name.strip():
        raise AbsentError(
            f'huggingface("{name}"): there is no folder {place}',
            "paths are relative to the hypothesis file",
        )
    return name, "the Hugging Face hub"


def _check_folder(name: str, place: Path) -> None:
    """What is missing from a folder, before transformers is asked."""
    here = {each.name for each in place.iterdir()}
    if "config.json" not in here:
        raise EngineError(
            f'huggingface("{name}"): the folder has no `config.json`',
            "write it with `model.save_pretrained(folder)`",
        )
    if not any(each.endswith(".safetensors") for each in here):
        pickled = sorted(each for each in here if each.endswith((".bin", ".pt", ".pth", ".ckpt")))
        shown = f"; `{pickled[0]}` is not read, since loading it can run code" if pickled else ""
        raise EngineError(
            f'huggingface("{name}"): the folder has no weights in `*.safetensors`{shown}',
            "write them with `model.save_pretrained(folder)`",
        )
    if not here & {"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"}:
        raise EngineError(
            f'huggingface("{name}"): the folder has no tokenizer',
            "write it with `tokenizer.save_pretrained(folder)`",
        )


def _hub_answers(name: str) -> bool:
    """Whether the hub knows the model; False where it cannot be reached.

    Asked once and briefly: transformers would try again for half a minute.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        HfApi().model_info(name, timeout=HUB_SECONDS)
    except HFValidationError as error:
        raise EngineError(
            f'huggingface("{name}"): this is neither a folder nor a name of the hub',
            "names look like `gpt2` or `Qwen/Qwen2.5-0.5B`; "
            f"packaged models are {', '.join(each.name for each in packaged.PACKAGED)}",
        ) from error
    except RepositoryNotFoundError as error:
        raise EngineError(
            f'huggingface("{name}"): the hub has no such model, or you may not see it',
            "check the name; log in with `hf auth login` for a private one",
        ) from error
    except Exception:  # whatever a missing network makes its client raise
        return False
    return True


def outline(name: str, *, folder: Path) -> Loaded | None:
    """The model without its weights, on torch's `meta` device; None where that cannot be had.

    What is amiss with the files is left to `load` to say.
    """
    need(f'huggingface("{name}")')
    place, origin = locate(name, folder)
    if not isinstance(place, Path):
        return None
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with quiet(), torch.device("meta"):
            config = AutoConfig.from_pretrained(place, local_files_only=True)
            if config.model_type in ENCODERS or _too_deep(config):
                return None
            module: nn.Module = AutoModelForCausalLM.from_config(config)
            tokenizer = _tokenizer(name, str(place), True)
    except Exception:  # whatever transformers and the files make each other raise
        return None
    return Loaded(module, tokenizer, _longest(module), origin)


def _model(name: str, place: str, dtype: torch.dtype, local: bool) -> nn.Module:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    config = kind = None
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=local)
        if _too_deep(config):
            raise ValueError(f"`config.json` says that it has more than {MOST_LAYERS:,} layers")
        kind = AutoModelForMaskedLM if config.model_type in ENCODERS else AutoModelForCausalLM
        module, told = kind.from_pretrained(
            place,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=local,
            output_loading_info=True,
        )
    except Exception as error:  # whatever transformers and the files make each other raise
        what = _misfit(Path(place), kind, config) if kind is not None else ""
        if what:
            raise _does_not_fit(name, what) from error
        raise _cannot(name, place, error) from error
    missing = sorted(told["missing_keys"])
    if missing and kind is AutoModelForMaskedLM:
        raise EngineError(
            f'huggingface("{name}") has no head that fills in words: it lacks `{missing[0]}`',
            "take a model for masked words, or hand it over with what it is read for: "
            "`run(hypothesis, network=model, feed=..., read=...)`",
        )
    if missing:
        raise _does_not_fit(name, f"lacks `{missing[0]}`")
    beyond = _layers_beyond(module, told["unexpected_keys"])
    if beyond:
        raise _does_not_fit(name, f"has `{beyond}`, a layer more")
    return module  # type: ignore[no-any-return]


def _too_deep(config: Any) -> bool:
    layers = getattr(config.get_text_config(), "num_hidden_layers", None)
    return isinstance(layers, int) and layers > MOST_LAYERS


def _does_not_fit(name: str, what: str) -> EngineError:
    return EngineError(
        f'huggingface("{name}"): the weights do not fit `config.json`: the file {what}',
        "load a model that was saved whole",
    )


def _misfit(folder: Path, kind: Any, config: Any) -> str:
    """The first tensor of a folder's files whose shape is not that of the model."""
    from safetensors import safe_open

    try:
        with quiet(), torch.device("meta"):
            wanted = {n: tuple(t.shape) for n, t in kind.from_config(config).state_dict().items()}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(str(path), framework="pt") as file:
                for key in sorted(file.keys()):
                    shape = tuple(file.get_slice(key).get_shape())
                    if wanted.get(key, shape) != shape:
                        return f"has `{key}` of the shape {shape}, not {wanted[key]}"
    except Exception:  # it is only asked to explain a failure that is told in any case
        return ""
    return ""


def _layers_beyond(module: nn.Module, unexpected: Iterable[str]) -> str | None:
    """A tensor that would be one of the model's, were it of one of its layers.

    Other tensors that are not used, such as a pooler's, are left alone.
    """
    known = {re.sub(r"\d+", "0", key) for key in module.state_dict()}
    odd = (key for key in sorted(unexpected) if re.search(r"\.\d+\.", key))
    return next((key for key in odd if re.sub(r"\d+", "0", key) in known), None)


def _tokenizer(name: str, place: str, local: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            place, trust_remote_code=False, local_files_only=local, use_fast=True
        )
    except Exception as error:  # as above
        raise _cannot(name, place, error) from error


def _cannot(name: str, place: str, error: Exception) -> EngineError:
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if Path(place).is_dir():
        return EngineError(
            f'huggingface("{name}") cannot be loaded: {reason}',
            "the folder must hold what `save_pretrained` writes for a causal language model",
        )
    if isinstance(error, OSError) and not _hub_answers(name):
        return AbsentError(
            f'huggingface("{name}"): the hub cannot be reached, and the model is not in its cache',
            "fetch it on a machine with a network (`hf download NAME --local-dir FOLDER`) and "
            'write `huggingface("FOLDER")`, or take a packaged model: `causalabs models list`',
        )
    return EngineError(
        f'huggingface("{name}") cannot be loaded: {reason}',
        "it must be a causal language model with weights in safetensors and no code of its own",
    )


def _check_finite(name: str, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
    for key, tensor in tensors:
        if not bool(torch.isfinite(tensor).all()):
            raise EngineError(
                f'huggingface("{name}"): `{key}` holds numbers that are not finite',
                "the file is damaged, or `--dtype` is too narrow for it",
            )


def _check_tokens(name: str, tokenizer: Any, module: nn.Module) -> None:
    """Tokens that were added later may have no row; those of the vocabulary must."""
    rows = module.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
    if tokenizer.vocab_size > rows:
        raise EngineError(
            f'huggingface("{name}"): the tokenizer has {tokenizer.vocab_size:,} tokens, the model '
            f"{rows:,}",
            "the two do not belong together: save them from the same model",
        )


def _longest(module: nn.Module) -> int | None:
    """The most tokens that the model was made for."""
    config = module.config.get_text_config()  # type: ignore[operator, union-attr]
    found = getattr(config, "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def _move(module: nn.Module, device: Device) -> None:
    try:
        module.to(device.name)
    except torch.OutOfMemoryError as error:
        raise EngineError(
            f"the model does not fit on `{device.name}`",
            "try `--dtype bfloat16`, or `--device cpu`",
        ) from error
