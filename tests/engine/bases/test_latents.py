"""Dictionaries of latents: read from files, computed as they say, error carried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from causalabs.algorithm.domains import Mod
from causalabs.engine.bases import find
from causalabs.engine.bases.dictionary import Dictionary, read_dictionary
from causalabs.engine.bases.latents import Latents, between
from causalabs.engine.bases.saved import Label, load_basis, save_basis
from causalabs.engine.basis import Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.streams import stream
from causalabs.hypothesis.model import Site
from tests.engine.bases.support import dictionary_file, evidence_for, space_of

torch.set_num_threads(1)

WIDTH, LATENTS = 5, 12


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=stream(seed, shape), dtype=torch.float64)


def folder_of(path: Path, config: dict[str, Any], **more: Tensor) -> dict[str, Tensor]:
    """A folder as SAELens saves it; its tensors."""
    path.mkdir()
    name = dictionary_file(path, WIDTH, LATENTS, **more)
    (path / name).rename(path / "sae_weights.safetensors")
    (path / "cfg.json").write_text(json.dumps({"d_in": WIDTH, "d_sae": LATENTS, **config}))
    return load_file(path / "sae_weights.safetensors")


def test_a_standard_one_is_relu_of_the_shifted_activation(tmp_path: Path) -> None:
    t = folder_of(tmp_path / "sae", {"architecture": "standard"})
    found = read_dictionary(tmp_path / "sae")
    h = drawn(4, WIDTH)
    wanted = torch.relu((h - t["b_dec"]) @ t["W_enc"] + t["b_enc"])
    torch.testing.assert_close(found.latents(h), wanted)
    some = torch.tensor([3, 0])
    torch.testing.assert_close(found.latents(h, some), wanted[:, some])
    by_file = read_dictionary(tmp_path / "sae" / "sae_weights.safetensors")
    assert torch.equal(by_file.latents(h), found.latents(h))


def test_the_config_says_whether_it_is_shifted(tmp_path: Path) -> None:
    t = folder_of(tmp_path / "sae", {"architecture": "standard", "apply_b_dec_to_input": False})
    h = drawn(4, WIDTH)
    wanted = torch.relu(h @ t["W_enc"] + t["b_enc"])
    torch.testing.assert_close(read_dictionary(tmp_path / "sae").latents(h), wanted)


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "topk", "k": 3},
        {
            "architecture": "standard",
            "activation_fn_str": "topk",
            "activation_fn_kwargs": {"k": 3},
        },
    ],
)
def test_topk_keeps_the_largest(config: dict[str, Any], tmp_path: Path) -> None:
    folder_of(tmp_path / "sae", config)
    h = drawn(6, WIDTH)
    found = read_dictionary(tmp_path / "sae").latents(h)
    assert ((found > 0).sum(dim=1) <= 3).all()
    plain = read_dictionary(tmp_path / "sae" / "sae_weights.safetensors")
    all_of_them = Dictionary(plain.encoder, plain.bias, plain.decoder, plain.shift).latents(h)
    best = all_of_them.topk(3).indices
    torch.testing.assert_close(found.gather(1, best), all_of_them.gather(1, best))
    some = torch.tensor([1, 7])
    torch.testing.assert_close(read_dictionary(tmp_path / "sae").latents(h, some), found[:, some])


def test_jumprelu_passes_what_is_above_its_threshold(tmp_path: Path) -> None:
    threshold = 0.5 + drawn(LATENTS).abs()
    name = dictionary_file(tmp_path, WIDTH, LATENTS, threshold=threshold)
    t = load_file(tmp_path / name)
    h = drawn(6, WIDTH)
    before = h @ t["W_enc"] + t["b_enc"]  # no shift: as in Gemma Scope
    wanted = torch.where(before > threshold, before, 0.0)
    torch.testing.assert_close(read_dictionary(tmp_path / name).latents(h), wanted)


def test_a_write_moves_the_reconstruction_and_keeps_its_error(tmp_path: Path) -> None:
    """`write(h) = h + D(c') - D(c)`, whatever D is: all of it, by hand."""
    path = dictionary_file(tmp_path, WIDTH, LATENTS)
    t = load_file(tmp_path / path)
    space = space_of("sae", {"v": [2, 9]}, path=path)
    basis = find("sae").closed(space, WIDTH, Evidence({}, {}, {}, folder=tmp_path))
    base, source = drawn(1, 4, WIDTH), drawn(1, 4, WIDTH, seed=1)

    def encode(h: Tensor) -> Tensor:
        return torch.relu((h - t["b_dec"]) @ t["W_enc"] + t["b_enc"])

    def decode(c: Tensor) -> Tensor:
        return c @ t["W_dec"] + t["b_dec"]

    before, after = encode(base), encode(base)
    after[..., [2, 9]] = encode(source)[..., [2, 9]]
    error = base - decode(before)
    assert float(error.abs().max()) > 0.1
    torch.testing.assert_close(basis.swap(base, source, (2, 9)), decode(after) + error)


def test_the_latents_that_tell_values_apart_are_chosen(tmp_path: Path) -> None:
    """Latent 4 follows v, latent 8 follows w, the others are noise."""
    rows = 600
    draws = stream(3)
    v = torch.randint(0, 3, (rows,), generator=draws)
    w = torch.randint(0, 2, (rows,), generator=draws)
    c = 0.5 + torch.rand(rows, LATENTS, generator=draws, dtype=torch.float64)
    c[:, 4] += 2.0 * v
    c[:, 8] += 1.0 * w
    eye = torch.eye(LATENTS, dtype=torch.float64)
    save_file(
        {"W_enc": eye, "W_dec": eye.clone(), "b_enc": eye[0] * 0, "b_dec": eye[1] * 0},
        tmp_path / "eye.safetensors",
    )
    values = {"v": v.tolist(), "w": w.tolist()}
    domains = {"v": Mod(3), "w": Mod(2)}
    evidence = evidence_for(c, values, domains, folder=tmp_path)
    space = space_of("sae", {"v": [0], "w": [1]}, path="eye.safetensors", counted=True)
    assert find("sae").needs_data(space)
    found = find("sae").closed(space, LATENTS, evidence)
    assert isinstance(found, Latents)
    assert found.picked.tolist() == [4, 8]
    label = Label("sae", {"v": (0,), "w": (1,)}, {}, {}, dict(space.basis.settings))
    again = load_basis(save_basis(tmp_path / "kept", found, label)).basis
    torch.testing.assert_close(again.encode(c[None], (0, 1)), c[None][..., [4, 8]])
    shares = between(found.dictionary, c, evidence.places["v"])
    assert float(shares[4]) > 0.9
    assert float(shares.sum() - shares[4]) < 0.2
    silent = evidence_for(torch.zeros_like(c), values, domains, folder=tmp_path)
    with pytest.raises(EngineError, match="0 latents tell values of `v` apart"):
        find("sae").closed(space, LATENTS, silent)


def test_a_variable_does_not_take_another_ones_latent(tmp_path: Path) -> None:
    path = dictionary_file(tmp_path, WIDTH, LATENTS)
    values = [i % 2 for i in range(80)]
    activations = drawn(80, WIDTH) + torch.tensor(values)[:, None]
    evidence = evidence_for(activations, {"v": values, "w": values}, folder=tmp_path)
    space = space_of("sae", {"v": [0, 1], "w": [2, 3]}, path=path, counted=True)
    found = find("sae").closed(space, WIDTH, evidence)
    assert isinstance(found, Latents)
    assert len(set(found.picked.tolist())) == 4


# ---------------------------------------------------------------------- transcoders


def sites(*parts: str | None) -> tuple[Site, ...]:
    return tuple(Site("mlp", 0, part=part) for part in parts)


def test_a_transcoder_reads_one_site_and_writes_the_other(tmp_path: Path) -> None:
    path = dictionary_file(tmp_path, WIDTH, LATENTS, out=3)
    t = load_file(tmp_path / path)
    space = space_of("transcoder", {"v": [1, 6]}, sites("input", None), path=path)
    evidence = Evidence({}, {}, {}, folder=tmp_path)
    basis = find("transcoder").closed(space, WIDTH + 3, evidence)
    assert basis.left_alone == (0,)  # type: ignore[attr-defined]
    base, source = drawn(1, 4, WIDTH + 3), drawn(1, 4, WIDTH + 3, seed=1)

    def encode(h: Tensor) -> Tensor:  # b_dec is of the other side: it is not taken off
        return torch.relu(h[..., :WIDTH] @ t["W_enc"] + t["b_enc"])[..., [1, 6]]

    written = basis.swap(base, source, (1, 6))
    change = (encode(source) - encode(base)) @ t["W_dec"][[1, 6]]
    assert torch.equal(written[..., :WIDTH], base[..., :WIDTH])
    torch.testing.assert_close(written[..., WIDTH:], base[..., WIDTH:] + change)


def test_a_square_transcoder_is_not_taken_for_an_autoencoder(tmp_path: Path) -> None:
    path = dictionary_file(tmp_path, WIDTH, LATENTS)
    t = load_file(tmp_path / path)
    h = drawn(3, WIDTH)
    found = read_dictionary(tmp_path / path, transcodes=True).latents(h)
    torch.testing.assert_close(found, torch.relu(h @ t["W_enc"] + t["b_enc"]))


def test_a_transcoder_needs_both_sites(tmp_path: Path) -> None:
    path = dictionary_file(tmp_path, WIDTH, LATENTS, out=3)
    evidence = Evidence({}, {}, {}, folder=tmp_path)
    one = space_of("transcoder", {"v": [1]}, sites(None), path=path)
    with pytest.raises(EngineError, match="needs the site that is read and the site that is writ"):
        find("transcoder").closed(one, WIDTH, evidence)
    both = space_of("transcoder", {"v": [1]}, sites("input", None), path=path)
    with pytest.raises(EngineError, match="reads 5 numbers and writes 3, the two sites of `v`"):
        find("transcoder").closed(both, WIDTH, evidence)


# --------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("config", "more", "said"),
    [
        ({"architecture": "gated"}, {}, "has the architecture `gated`"),
        ({"architecture": "topk"}, {}, "without its `k`"),
        ({"architecture": "topk", "k": True}, {}, "without its `k`"),
        ({"apply_b_dec_to_input": "no"}, {}, "has `apply_b_dec_to_input` 'no'"),
        ({}, {"W_enc": torch.tensor(1.0)}, "are no matrices"),
        ({}, {"W_dec": torch.tensor(1.0)}, "are no matrices"),
        ({"activation_fn": "tanh-relu"}, {}, "has the activation `tanh-relu`"),
        ({"normalize_activations": "layer_norm"}, {}, "`normalize_activations` layer_norm"),
        ({}, {"scaling_factor": torch.ones(LATENTS)}, "has `scaling_factor`"),
        ({}, {"b_enc": torch.zeros(LATENTS + 1)}, "do not fit"),
        ({}, {"b_dec": torch.full((WIDTH,), torch.nan)}, "not finite"),
    ],
)
def test_what_is_not_computed_here_is_refused(
    config: dict[str, Any], more: dict[str, Tensor], said: str, tmp_path: Path
) -> None:
    folder_of(tmp_path / "sae", config, **more)
    with pytest.raises(EngineError, match=said):
        read_dictionary(tmp_path / "sae")


def test_files_that_are_no_dictionary_are_refused(tmp_path: Path) -> None:
    save_file({"W_enc": torch.zeros(2, 3)}, tmp_path / "half.safetensors")
    with pytest.raises(EngineError, match="has no `b_enc`"):
        read_dictionary(tmp_path / "half.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="is no dictionary of latents"):
        read_dictionary(tmp_path / "empty")
    with pytest.raises(EngineError, match="there is no file"):
        read_dictionary(tmp_path / "nowhere.safetensors")


def test_a_dictionary_of_another_site_is_refused(tmp_path: Path) -> None:
    path = dictionary_file(tmp_path, WIDTH, LATENTS)
    evidence = Evidence({}, {}, {}, folder=tmp_path)
    space = space_of("sae", {"v": [1]}, path=path)
    with pytest.raises(EngineError, match="for a site of 5 numbers, `hidden 0` has 6"):
        find("sae").closed(space, 6, evidence)
    beyond = space_of("sae", {"v": [LATENTS]}, path=path)
    with pytest.raises(EngineError, match=r"has latents 0\.\.11, not 12"):
        find("sae").closed(beyond, WIDTH, evidence)
