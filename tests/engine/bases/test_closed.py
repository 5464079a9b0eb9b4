"""Closed forms find what was planted, and say what they cannot find."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from causalabs.algorithm.domains import Bool, Mod
from causalabs.engine.bases import find, random_rotation
from causalabs.engine.bases.rotation import Rotation
from causalabs.engine.bases.svd import weights_of
from causalabs.engine.basis import Evidence
from causalabs.engine.errors import EngineError
from causalabs.engine.streams import stream
from tests.engine.bases.support import HERE, evidence_for, space_of

torch.set_num_threads(1)

WIDTH, ROWS = 9, 400


def planted(values: list[int], points: Tensor, *, noise: float = 0.3, seed: int = 0) -> Tensor:
    """Activations at `points[value]`, noise in every direction, off the origin."""
    spread = noise * torch.randn(len(values), WIDTH, generator=stream(seed), dtype=torch.float64)
    return points[values] + spread + 2.0


def directions(count: int) -> Tensor:
    """(count, width) orthonormal."""
    return random_rotation(1, WIDTH, count, generator=stream(3))[0].T


def closed(kind: str, blocks: dict[str, range], evidence: Evidence, **settings: object) -> Rotation:
    space = space_of(kind, blocks, **settings)
    found = find(kind).closed(space, WIDTH, evidence)
    assert isinstance(found, Rotation)
    used = found.columns[0]
    torch.testing.assert_close(used.T @ used, torch.eye(used.shape[1], dtype=used.dtype))
    return found


@pytest.mark.parametrize("kind", ["mean_difference", "probe"])
def test_two_values_lie_apart_in_the_planted_direction(kind: str) -> None:
    way = directions(1)
    values = [i % 2 for i in range(ROWS)]
    activations = planted(values, torch.cat([-2 * way, 2 * way]))
    found = closed(kind, {"v": range(1)}, evidence_for(activations, {"v": values}))
    assert float(found.columns[0, :, 0] @ way[0]) > 0.98  # towards the later value
    low, high = found.value("v", 0), found.value("v", 1)
    assert float(high - low) == pytest.approx(4.0, abs=0.15)
    set_high = found.write(activations[None], high[None, None], (0,))[0]
    assert torch.allclose(found.encode(set_high[None], (0,))[0], high, atol=1e-9)


def test_a_probe_looks_past_noise_that_misleads_the_means() -> None:
    """Means differ along both directions, but one of them tells nothing besides the other."""
    one, two = directions(2)
    values = torch.tensor([i % 2 for i in range(ROWS)]).double()
    draws = stream(5)
    shared = 3 * torch.randn(ROWS, generator=draws, dtype=torch.float64)
    along = values + shared
    across = shared + 0.1 * torch.randn(ROWS, generator=draws, dtype=torch.float64)
    activations = along[:, None] * one + across[:, None] * two
    evidence = evidence_for(activations, {"v": values.long().tolist()})
    probe = closed("probe", {"v": range(1)}, evidence).columns[0, :, 0]
    contrast = (one - two) / 2**0.5
    assert float((probe @ contrast).abs()) > 0.95
    means = closed("mean_difference", {"v": range(1)}, evidence).columns[0, :, 0]
    assert float((means @ contrast).abs()) < 0.9


@pytest.mark.parametrize("kind", ["mean_difference", "probe"])
def test_more_values_span_the_planted_plane(kind: str) -> None:
    plane = directions(2)
    points = 3 * torch.tensor([[1.0, 0], [-0.5, 0.8], [-0.5, -0.8]], dtype=torch.float64) @ plane
    values = [i % 3 for i in range(ROWS)]
    evidence = evidence_for(planted(values, points), {"v": values}, {"v": Mod(3)})
    found = closed(kind, {"v": range(2)}, evidence).columns[0]
    inside = plane @ found
    assert float(torch.linalg.svdvals(inside).min()) > 0.98


@pytest.mark.parametrize("kind", ["mean_difference", "probe"])
def test_two_variables_get_directions_of_their_own(kind: str) -> None:
    one, two = directions(2)
    first, second = [i % 2 for i in range(ROWS)], [i // 2 % 2 for i in range(ROWS)]
    points = torch.stack([a * 3 * one + b * 3 * two for a in (0, 1) for b in (0, 1)])
    activations = planted([2 * a + b for a, b in zip(first, second, strict=True)], points)
    evidence = evidence_for(activations, {"v": first, "w": second})
    found = closed(kind, {"v": range(1), "w": range(1, 2)}, evidence).columns[0]
    assert float(found[:, 0] @ one) > 0.95
    assert float(found[:, 1] @ two) > 0.95


def test_one_variable_twice_has_no_second_direction() -> None:
    values = [i % 2 for i in range(ROWS)]
    activations = planted(values, torch.cat([-directions(1), directions(1)]))
    evidence = evidence_for(activations, {"v": values, "w": values})
    with pytest.raises(EngineError, match="`w` has no direction of its own"):
        closed("mean_difference", {"v": range(1), "w": range(1, 2)}, evidence)


@pytest.mark.parametrize("kind", ["mean_difference", "probe"])
def test_more_dims_than_directions_are_refused(kind: str) -> None:
    values = [i % 2 for i in range(ROWS)]
    evidence = evidence_for(planted(values, torch.zeros(2, WIDTH)), {"v": values})
    with pytest.raises(EngineError, match="lie apart in 1 direction over `train`, 2 dims"):
        closed(kind, {"v": range(2)}, evidence)
    with pytest.raises(EngineError, match="counted, not named"):
        closed(kind, {"v": range(1, 2)}, evidence)


def test_a_value_that_never_occurs_cannot_be_set() -> None:
    values = [2 * (i % 2) for i in range(ROWS)]
    points = torch.cat([-directions(1), directions(1)])
    activations = planted([each // 2 for each in values], points)
    evidence = evidence_for(activations, {"v": values}, {"v": Mod(4)})
    found = closed("mean_difference", {"v": range(1)}, evidence)
    assert bool(torch.isfinite(found.value("v", 2)).all())
    with pytest.raises(EngineError, match="never occurs in `train`"):
        found.value("v", 1)


def test_random_columns_know_the_means_in_them() -> None:
    values = [i % 2 for i in range(ROWS)]
    activations = planted(values, torch.cat([-directions(1), directions(1)]))
    evidence = evidence_for(activations, {"v": values})
    space = space_of("mean_difference", {"v": range(1)})
    found = find("mean_difference").random(space, WIDTH, generator=stream(1), evidence=evidence)
    assert isinstance(found, Rotation)
    mean = activations[torch.tensor(values) == 1].mean(dim=0)
    torch.testing.assert_close(found.value("v", 1), found.columns[0, :, 0] @ mean[:, None])


# --------------------------------------------------------------------- pca and svd


def test_components_are_those_of_largest_variance() -> None:
    axes = directions(3)
    sizes = torch.tensor([5.0, 2.0, 1.0], dtype=torch.float64)
    draws = torch.randn(2000, 3, generator=stream(1), dtype=torch.float64)
    evidence = evidence_for((draws * sizes) @ axes + 7.0, {"v": [0] * 2000})
    found = closed("pca", {"v": range(3)}, evidence).columns[0]
    assert torch.allclose((axes @ found).abs(), torch.eye(3, dtype=found.dtype), atol=0.06)
    with pytest.raises(EngineError, match="varies in 3 directions over `train`, 4 dims of `pca`"):
        closed("pca", {"v": range(4)}, evidence)


def test_singular_directions_are_on_the_sites_side() -> None:
    draws = stream(2)
    weight = torch.randn(WIDTH, 5, generator=draws, dtype=torch.float64)
    square = torch.randn(WIDTH, WIDTH, generator=draws, dtype=torch.float64)
    evidence = Evidence({}, {}, {}, weights={"out.weight": weight, "square": square})
    left = torch.linalg.svd(weight)[0][:, 0]
    found = closed("svd", {"v": range(2)}, evidence, weight="out.weight").columns[0, :, 0]
    assert float((found @ left).abs()) == pytest.approx(1.0)
    right = torch.linalg.svd(square)[2][0]
    other = closed("svd", {"v": range(1)}, evidence, weight="square", side="columns")
    assert float((other.columns[0, :, 0] @ right).abs()) == pytest.approx(1.0)


def test_a_weight_that_does_not_suit_is_named() -> None:
    weight = torch.randn(WIDTH, WIDTH, generator=stream(2), dtype=torch.float64)
    evidence = Evidence({}, {}, {}, weights={"a.weight": weight, "b.weight": weight[:3, :4]})
    with pytest.raises(EngineError, match=r"no weight `a\.wieght`") as told:
        closed("svd", {"v": range(1)}, evidence, weight="a.wieght")
    assert told.value.help == "did you mean `a.weight`?"
    with pytest.raises(EngineError, match="either side fits `hidden 0`"):
        closed("svd", {"v": range(1)}, evidence, weight="a.weight")
    with pytest.raises(EngineError, match=r"`hidden 0` has 9 numbers, the weight `b\.weight`"):
        closed("svd", {"v": range(1)}, evidence, weight="b.weight")
    low = Evidence({}, {}, {}, weights={"low": weight[:, :1] @ weight[:1]})
    with pytest.raises(EngineError, match="has 1 singular directions, 2 dims"):
        closed("svd", {"v": range(2)}, low, weight="low", side="rows")


def test_weights_are_found_whatever_holds_them() -> None:
    linear = torch.nn.Linear(3, 2)
    assert set(weights_of(linear)) == {"weight", "bias"}
    assert set(weights_of(SimpleNamespace(module=linear))) == {"weight", "bias"}
    assert weights_of(SimpleNamespace()) == {}
    none = space_of("svd", {"v": [0]}, weight="weight")
    with pytest.raises(EngineError) as told:
        find("svd").closed(none, 2, Evidence({}, {}, {}))
    assert told.value.help == "it has none by name"


# --------------------------------------------------------------------------- fixed


def test_columns_come_from_a_file(tmp_path: Path) -> None:
    columns = directions(3).T.contiguous()
    table = torch.arange(8.0).reshape(4, 2)
    save_file({"columns": columns.float(), "values": table}, tmp_path / "mine.safetensors")
    evidence = Evidence({}, {}, {}, folder=tmp_path)
    space = space_of("fixed", {"v": range(2)}, path="mine.safetensors")
    found = find("fixed").closed(space, WIDTH, evidence)
    assert isinstance(found, Rotation)
    torch.testing.assert_close(found.columns[0].float(), columns.float())
    assert found.value("v", 3).tolist() == [6.0, 7.0]
    with pytest.raises(EngineError, match="for a site of 9 numbers, `hidden 0` has 8"):
        find("fixed").closed(space, 8, evidence)
    four = space_of("fixed", {"v": range(4)}, path="mine.safetensors")
    with pytest.raises(EngineError, match="has 3 dims, 4 are asked for"):
        find("fixed").closed(four, WIDTH, evidence)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"columns": torch.ones(WIDTH, 2)}, "are not orthonormal"),
        ({"rotation": torch.eye(WIDTH)}, "has no `columns`"),
        ({"columns": torch.full((WIDTH, 2), torch.nan)}, "not all finite"),
        ({"columns": torch.eye(WIDTH, 2), "values": torch.zeros(3)}, "the values of `v`"),
        ({"columns": torch.eye(WIDTH, 2), "values": torch.zeros(2, 1)}, r"\(2, 1\), not \(2, 2\)"),
        ({"columns": torch.eye(WIDTH, 2), "values": torch.zeros(0, 2)}, r"\(0, 2\), not \(2, 2\)"),
        ({"columns": torch.eye(WIDTH, 2), "values": torch.zeros(3, 2)}, r"\(3, 2\), not \(2, 2\)"),
        ({"columns": torch.eye(WIDTH, 2), "unit": torch.tensor(0)}, "the `unit` of"),
        ({"columns": torch.eye(WIDTH, 2), "unit": torch.ones(2).long()}, "the `unit` of"),
        ({"columns": torch.eye(WIDTH, 2), "unit": torch.tensor(torch.nan)}, "the `unit` of"),
        ({"columns": torch.zeros(WIDTH, 2)}, "that `v` would take are all nought"),
    ],
)
def test_files_that_do_not_suit_are_refused(
    tensors: dict[str, Tensor], said: str, tmp_path: Path
) -> None:
    save_file(tensors, tmp_path / "mine.safetensors")
    evidence = Evidence({}, {}, {"v": Bool()}, folder=tmp_path)
    space = space_of("fixed", {"v": range(2)}, path="mine.safetensors")
    with pytest.raises(EngineError, match=said):
        find("fixed").closed(space, WIDTH, evidence)


def test_a_file_that_is_not_there_or_not_readable(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no tensors")
    evidence = Evidence({}, {}, {}, folder=tmp_path)
    for path, said in (("none.safetensors", "there is no file"), ("text.safetensors", "safetens")):
        space = space_of("fixed", {"v": range(2)}, path=path)
        with pytest.raises(EngineError, match=said):
            find("fixed").closed(space, WIDTH, evidence)


# --------------------------------------------------------------------------- random


def test_a_drawn_rotation_is_that_of_its_seed() -> None:
    space = space_of("random", {"v": range(2)})

    def drawn(seed: int) -> Tensor:
        evidence = Evidence({}, {}, {}, seed=seed)
        return find("random").closed(space, WIDTH, evidence).tensors()["columns"]

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))


def test_more_dims_than_the_site_has_are_refused() -> None:
    for kind in ("learned", "pca", "random", "masked", "boundless"):
        with pytest.raises(EngineError, match="`hidden 0` has 4 numbers, 5 dims"):
            find(kind).dims(space_of(kind, {"v": range(5)}), 4)
    with pytest.raises(EngineError, match=r"has neurons 0\.\.3, not 4"):
        find("neurons").dims(space_of("neurons", {"v": [4]}, (HERE,)), 4)
