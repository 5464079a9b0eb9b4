"""Rotations in pyvene's saved form: pyvene loads ours, we load pyvene's, both predict the same."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from causalabs.engine.bases import Rotation, find
from causalabs.engine.bases.saved import Label, load_basis, save_basis, site_record
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.build import untrained
from causalabs.engine.pyvene_backend.exchange import (
    keep_pyvene,
    load_pyvene,
    save_pyvene,
    write_pyvene,
)
from causalabs.hypothesis.model import (
    AtStep,
    BasisSpec,
    Last,
    Member,
    Several,
    Site,
    Slot,
    Space,
)
from tests.engine.jobs_support import draw_equality, equality, equality_spec
from tests.engine.language_models.support import columns, network
from tests.engine.pyvene.support import (
    assert_close,
    made,
    needs_pyvene,
    pyvene_mlp,
    swap,
    turned,
)

pytestmark = needs_pyvene
torch.set_num_threads(1)

BLOCKS = {"left": (0, 1), "right": (2,)}
HOMES = {
    "mlp": Site("hidden", 0),
    "gru": Site("state", position=AtStep(1)),
    "transformer": Site("residual", 0, position=Several((Slot(("x",)), Last()))),
    "gpt2": Site("residual", 0, position=Last()),
    "llama": Site("attention", 1, position=Last()),
    "qwen2": Site("mlp", 1, position=Last()),
}


def at_hand(kind):
    """A network in single precision, as pyvene's loader makes its interventions."""
    if kind in ("gpt2", "llama", "qwen2"):
        native = network(kind)
        return native, native.encode(columns([5, 4, 5])), native.encode(columns([4, 5, 5], 1))
    native, inputs = made(kind)
    native = native.float()
    inputs = inputs.float() if isinstance(inputs, torch.Tensor) else inputs
    rows = torch.tensor([4, 2, 0, 1])
    return native, native.slice(inputs, torch.arange(4)), native.slice(inputs, rows)


def by_pyvene(model, body, site, base, sources):
    """What an intervenable model says of `base`, its interventions fed from `sources`."""
    from causalabs.engine.pyvene_backend.network import locations

    there = [
        None if source is None else locations(body, body.place(site), site, source)
        for source in sources
    ]
    here = [
        None if source is None else locations(body, body.place(site), site, base)
        for source in sources
    ]
    fed = [None if source is None else body.feed(source) for source in sources]
    _, out = model(body.feed(base), fed, {"sources->base": (there, here)})
    return body.scores(out, base)


@pytest.mark.parametrize("kind", list(HOMES))
def test_pyvene_loads_what_we_save_and_predicts_the_same(kind, tmp_path, capsys):
    import pyvene

    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    native, base, source = at_hand(kind)
    site = HOMES[kind]
    rotation = Rotation("learned", turned(native.width(site), 3, dtype=torch.float32)[None])
    capsys.readouterr()
    write_pyvene(rotation, BLOCKS, site, tmp_path / "saved", native)
    assert capsys.readouterr() == ("", "")
    body = through_pyvene(native).body
    model = pyvene.IntervenableModel.load(str(tmp_path / "saved"), body.module)
    clean = native.capture(source, [site])[0]
    prefix = native.prefix(base, [site])
    for used in (("left",), ("right",), ("left", "right")):
        fed = [source if name in used else None for name in BLOCKS]
        theirs = by_pyvene(model, body, site, base, fed)
        dims = [dim for name in used for dim in BLOCKS[name]]
        edit = swap(rotation.columns[0][:, dims], clean)
        assert_close(native.resume(prefix, [(site, edit)]), theirs, within=1e-4)
    back = load_pyvene(tmp_path / "saved")
    assert len(back) == 1
    assert back[0].blocks == BLOCKS
    assert torch.allclose(back[0].rotation.columns, rotation.columns, atol=1e-5)


@pytest.mark.parametrize("kind", list(HOMES))
def test_a_basis_of_a_run_goes_there_and_back(kind, tmp_path):
    native, _, _ = at_hand(kind)
    site = HOMES[kind]
    rotation = Rotation("learned", turned(native.width(site), 3, dtype=torch.float32)[None])
    told = dict.fromkeys(BLOCKS, (site_record(site),))
    label = Label("learned", BLOCKS, told, told, network=native.kind)
    save_pyvene(save_basis(tmp_path / "ours", rotation, label), tmp_path / "theirs", native)
    (found,) = load_pyvene(tmp_path / "theirs")
    back = load_basis(keep_pyvene(found, tmp_path / "back", site, native), sites=[site])
    assert back.label.blocks == BLOCKS
    assert torch.allclose(back.basis.columns, rotation.columns, atol=1e-5)


def test_a_basis_that_is_no_rotation_is_named(tmp_path):
    native, _, _ = at_hand("mlp")
    told = {"left": (site_record(HOMES["mlp"]),)}
    members = (Member("left", (), (0, 1)),)
    basis = find("neurons").restore(
        Space(BasisSpec("neurons"), members, ("",)), {"width": torch.tensor(6)}
    )
    label = Label("neurons", {"left": (0, 1)}, told, told, network="mlp")
    path = save_basis(tmp_path / "ours", basis, label)
    with pytest.raises(EngineError, match="a `neurons` basis is no rotation"):
        save_pyvene(path, tmp_path / "theirs", native)


def trained_by_pyvene(native, base, sources, site, kind, **more):
    """A rotation that pyvene moves a few steps from its random start."""
    import pyvene

    from causalabs.engine.pyvene_backend.wrap import through_pyvene

    body = through_pyvene(native).body
    place = body.place(site)
    torch.manual_seed(3)
    representation = pyvene.RepresentationConfig(
        layer=place.layer,
        component=place.component,
        unit=place.unit,
        max_number_of_units=body.units(site, base).shape[1],
        **more,
    )
    config = pyvene.IntervenableConfig(representation, intervention_types=getattr(pyvene, kind))
    model = pyvene.IntervenableModel(config, body.module)
    adam = torch.optim.Adam(model.get_trainable_parameters(), lr=0.1)
    for _ in range(4):
        scores = by_pyvene(model, body, site, base, [sources])
        loss = -sum(column[:, 0].mean() for column in scores.values())
        adam.zero_grad()
        loss.backward()
        adam.step()
    return model, body


@pytest.mark.parametrize("kind", list(HOMES))
@pytest.mark.parametrize("dims", [2, None])
def test_we_load_what_pyvene_trained_and_predict_the_same(kind, dims, tmp_path):
    native, base, source = at_hand(kind)
    site = HOMES[kind]
    name, more = "RotatedSpaceIntervention", {}
    if dims is not None:
        name, more = "LowRankRotatedSpaceIntervention", {"low_rank_dimension": dims}
    model, body = trained_by_pyvene(native, base, source, site, name, **more)
    if dims is None:  # a whole rotation, of which pyvene swaps the first columns
        model.interventions[model.sorted_keys[0]].set_interchange_dim(3)
    theirs = by_pyvene(model, body, site, base, [source])
    model.save(str(tmp_path / "theirs"))
    (found,) = load_pyvene(tmp_path / "theirs")
    (block,) = found.blocks.values()
    assert len(block) == (dims or 3)
    assert (found.place.component, found.place.layer) == (
        body.place(site).component,
        body.place(site).layer,
    )
    edit = swap(found.rotation.part(block)[0], native.capture(source, [site])[0])
    ours = native.resume(native.prefix(base, [site]), [(site, edit)])
    assert_close(ours, {n: each.detach() for n, each in theirs.items()}, within=1e-4)


def test_a_partition_becomes_blocks_of_one_rotation(tmp_path):
    native, base, source = at_hand("mlp")
    site = HOMES["mlp"]
    model, _ = trained_by_pyvene(
        native, base, source, site, "RotatedSpaceIntervention", subspace_partition=[[0, 2], [2, 5]]
    )
    model.save(str(tmp_path / "theirs"))
    (found,) = load_pyvene(tmp_path / "theirs", variables=("left", "right"))
    assert dict(found.blocks) == {"left": (0, 1), "right": (2, 3, 4)}


def test_a_rotation_of_our_mlp_loads_into_pyvenes(tmp_path):
    import pyvene

    native = untrained(equality_spec(), [equality()], seed=0)
    native.freeze()
    site = Site("hidden", 1)
    inputs = native.encode(draw_equality(8, np.random.default_rng(0)))
    base, source = inputs[:4], inputs[4:]
    rotation = Rotation("learned", turned(16, 3, dtype=torch.float32)[None])
    write_pyvene(rotation, {"left": (0, 1, 2)}, site, tmp_path / "saved", native)
    model = pyvene.IntervenableModel.load(str(tmp_path / "saved"), pyvene_mlp(native))
    _, out = model(
        {"inputs_embeds": base[:, None]},
        [{"inputs_embeds": source[:, None]}],
        {"sources->base": 0},
    )
    edit = swap(rotation.columns[0], native.capture(source, [site])[0])
    ours = native.resume(native.prefix(base, [site]), [(site, edit)])
    assert_close(ours, {"same": out[0].view(4, -1).detach()}, within=1e-5)


# --------------------------------------------------------------------- bad folders


def saved(tmp_path: Path) -> Path:
    native, _, _ = at_hand("mlp")
    rotation = Rotation("learned", turned(6, 3, dtype=torch.float32)[None])
    write_pyvene(rotation, BLOCKS, HOMES["mlp"], tmp_path / "saved", native)
    return tmp_path / "saved"


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(EngineError, match=r"has no `config.json`"):
        load_pyvene(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineError, match="describes no interventions"):
        load_pyvene(tmp_path)


def test_nothing_in_a_binary_is_executed(tmp_path):
    folder = saved(tmp_path)
    proof = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return (Path.touch, (proof,))

    binary = next(folder.glob("intkey_*.bin"))
    binary.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(EngineError, match="is not what pyvene saves"):
        load_pyvene(folder)
    assert not proof.exists()


def test_an_intervention_that_is_no_rotation_is_named(tmp_path):
    folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    kinds = config["intervention_types"]
    kinds[0] = "<class 'pyvene.models.interventions.SigmoidMaskIntervention'>"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="`SigmoidMaskIntervention` at `block_output"):
        load_pyvene(folder)


def test_a_binary_that_is_missing_is_named(tmp_path):
    folder = saved(tmp_path)
    next(folder.glob("intkey_*.bin")).unlink()
    with pytest.raises(EngineError, match=r"intkey_.*\.bin is not what pyvene saves"):
        load_pyvene(folder)
