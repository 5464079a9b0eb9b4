"""Modules handed to `causalabs.run`, made by a file's python, or filled from a checkpoint."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import causalabs
from causalabs.engine.modules.fingerprint import fingerprint
from causalabs.engine.modules.fresh import untrained
from causalabs.engine.modules.hand import Given
from causalabs.engine.networks.build import architecture
from causalabs.hypothesis.model import Site
from tests.test_cli import causalabs as command

torch.set_num_threads(1)

FILE = """
algorithm {
  input  x, y, z : bool
  var    both    : bool = x and y
  output lit     : bool = both or z
}

network NETWORK {
  feed x, y, z
  read lit
}

alignment {
  both -> PLACE
}

counterfactuals {
  exhaustive
  interchange both
}

expect accuracy >= 1.0
expect iia      >= 1.0
"""


class Gate(nn.Module):
    """`x and y` in one neuron, `z` in the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        self.last = nn.Linear(2, 2)
        with torch.no_grad():
            self.first[0].weight.copy_(torch.tensor([[1.0, 1, 0], [0, 0, 1]]))
            self.first[0].bias.copy_(torch.tensor([-1.0, 0]))
            self.last.weight.copy_(torch.tensor([[0.0, 0], [2, 2]]))
            self.last.bias.copy_(torch.tensor([1.0, 0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


def file(
    network: str = "given()", place: str = 'module "first".output in dims 0..0', more: str = ""
) -> str:
    return FILE.replace("NETWORK", network).replace("PLACE", place) + more


def run(text: str, folder: Path, **more: Any) -> causalabs.Results:
    told = {"runs": folder / "runs", "bare": True, **more}
    return causalabs.run(causalabs.loads(text, folder=folder), **told)


def refused(text: str, folder: Path, **more: Any) -> tuple[str, str]:
    with pytest.raises(causalabs.RunError) as raised:
        run(text, folder, **more)
    return raised.value.message, raised.value.help


def test_a_module_in_hand_is_run(tmp_path: Path) -> None:
    module = Gate()
    results = run(file(), tmp_path, network=module)
    assert [each.value for each in results.expectations] == [1.0, 1.0]
    assert results.expectations[1].exact
    assert results.network["kind"] == "Gate"
    assert results.network["parameters"] == 14
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_module_keeps_its_numbers(tmp_path: Path) -> None:
    results = run(file(), tmp_path, network=Gate().double())
    assert results.verdict == "met"
    assert results.environment["dtype"] == "float64"


def test_the_wrong_neuron_is_not_met(tmp_path: Path) -> None:
    wrong = run(file(place='module "first".output in dims 1..1'), tmp_path, network=Gate())
    assert wrong.verdict == "not met"


@pytest.mark.parametrize(
    "place",
    [
        'module "first.0".output in dims 0..0',
        'module "last".input in dims 0..0',
        'module "first.1" in dims 0..0',
    ],
)
def test_each_way_to_say_the_place(place: str, tmp_path: Path) -> None:
    assert run(file(place=place), tmp_path, network=Gate()).verdict == "met"


def test_feed_and_read_are_functions_of_ones_own(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = Gate()

        def forward(self, *, flags: Tensor, extra: Tensor) -> dict[str, Tensor]:
            return {"extra": extra, "yes": self.gate(flags)[:, 1] - self.gate(flags)[:, 0]}

    def feed(columns: Mapping[str, Any]) -> dict[str, Tensor]:
        flags = torch.stack([torch.from_numpy(columns[name]).float() for name in "xyz"], dim=1)
        return {"flags": flags, "extra": flags.sum(dim=1)}

    def read(answer: dict[str, Tensor]) -> dict[str, Tensor]:
        yes = answer["yes"]
        return {"lit": torch.stack([-yes, yes], dim=1)}

    places = [f'module "gate.first".output at step {step} in dims 0..0' for step in (0, 1)]
    found = [run(file(place=p), tmp_path, network=Odd(), feed=feed, read=read) for p in places]
    assert [each.expectations[0].value for each in found] == [1.0, 1.0]
    assert found[0].expectations[1].value == 1.0
    assert found[1].expectations[1].value < 1.0  # its first score does not depend on them
    assert "is called 2 times" in refused(file('given()', 'module "gate.first".output'), tmp_path,
                                          network=Odd(), feed=feed, read=read)[0]  # fmt: skip


def test_a_finished_run_is_of_one_module_only(tmp_path: Path) -> None:
    first = run(file(), tmp_path, network=Gate())
    assert run(file(), tmp_path, network=Gate()).cached
    other = Gate()
    with torch.no_grad():
        other.last.bias[0] = -5
    changed = run(file(), tmp_path, network=other)
    assert not changed.cached
    assert changed.plan != first.plan
    assert changed.expectations[0].value < 1.0
    flipped = run(file(), tmp_path, network=Gate(), read=lambda out: out.flip(1))
    assert not flipped.cached


def test_fingerprints_tell_what_would_change_a_run() -> None:
    class Scaled(Gate):
        scale: float

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * self.scale

    one, two = Scaled(), Scaled()
    one.scale, two.scale = 1.0, 2.0
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(Gate()) == fingerprint(Gate().train()) != fingerprint(Gate().double())
    reads = [lambda out, k=k: out[:, k:] for k in (0, 0, 1)]
    prints = [fingerprint(Gate(), None, each) for each in reads]
    assert prints[0] == prints[1] != prints[2]


def test_the_files_own_network_may_be_replaced(tmp_path: Path) -> None:
    text = file("mlp(hidden = [2])", "hidden 0 in dims 0..0")
    message, help_text = refused(text, tmp_path, network=Gate())
    assert message == "`hidden 0` does not exist in this module"
    assert '"first", "first.{0..1}", "last"' in help_text


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "is not in the file"),
        ({"network": 3}, "`network` is a int, no torch.nn.Module"),
        ({"network": nn.Linear(3, 2).to("meta")}, "`weight` of `network` has no numbers yet"),
        ({"network": nn.LazyLinear(2)}, "`weight` of `network` has no numbers yet"),
        ({"network": torch.jit.script(nn.Linear(3, 2))}, "`network` is compiled by torch.jit"),
        ({"network": Gate(), "feed": 3}, "`feed` is a int, no function"),
        ({"feed": lambda columns: columns}, "belong to a `network`"),
        ({"network": Gate(), "dtype": "bfloat16"}, "numbers are float32, not bfloat16"),
        ({"network": Gate(), "device": "meta"}, "the module is on cpu, not on meta"),
        ({"network": Gate(), "feed": lambda columns: 1 / 0}, "`feed` failed: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_run_is_told(more: dict[str, Any], says: str, tmp_path: Path) -> None:
    assert says in refused(file(), tmp_path, **more)[0]


def test_text_needs_a_feed(tmp_path: Path) -> None:
    text = file().replace("feed x, y, z", 'feed "{x} {y} {z}"')
    assert "is not fed text by itself" in refused(text, tmp_path, network=Gate())[0]


def test_dims_that_do_not_fit_are_told_before_anything_runs(tmp_path: Path) -> None:
    ran: list[int] = []

    class Watched(Gate):
        def forward(self, x: Tensor) -> Tensor:
            ran.append(len(x))
            return super().forward(x)

    place = 'module "first".output in 3 learned dims'
    text = (
        file(place=place)
        .replace("exhaustive", "sample 40")
        .replace("interchange both", "interchange both\n  split train 50%, heldout 50%")
        .replace(">= 1.0", ">= 0.9 on heldout")
    )
    message, _ = refused(text, tmp_path, network=Watched())
    assert '`module "first".output` has 2 numbers, 3 dims do not fit' in message
    assert sum(ran) <= 5  # two rows, and three again


# ----------------------------------------------------------------------- untrained


def test_fresh_weights_are_of_the_seed_and_leave_the_module_alone() -> None:
    module = Gate()
    before = fingerprint(module)
    again = [untrained(module, seed=seed) for seed in (0, 0, 1)]
    assert fingerprint(module) == before
    prints = [fingerprint(each) for each in again]
    assert prints[0] == prints[1] != prints[2]
    assert before not in prints


def test_parameters_that_cannot_be_drawn_are_named(tmp_path: Path) -> None:
    class Owner(Gate):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + self.shift

    more = "report iia under untrained\n"
    message, help_text = refused(file(more=more), tmp_path, network=Owner())
    assert "`untrained` cannot draw `shift` anew" in message
    assert "reset_parameters" in help_text


def test_controls_reach_a_module_in_hand(tmp_path: Path) -> None:
    more = "report iia under untrained\nreport iia under random_sites\n"
    results = run(file(more=more), tmp_path, network=Gate())
    assert results.reports[0].value < 1.0
    assert len(results.reports) == 2


def test_random_sites_are_other_places(tmp_path: Path) -> None:
    network = Given(causalabs.loads(file()), Gate()).network
    site = Site("module", part="output", path="first")
    assert {each.path for each in network.alike(site)} == {"first.0", "last"}


# -------------------------------------------------------------------------- python

MAKER = f"""
import torch
from torch import Tensor, nn

from parts import marker

{inspect.getsource(Gate)}

def make():
    return Gate()

def all_three():
    return Gate(), None, lambda out: {{"lit": out}}

def fails():
    raise ValueError("line one\\nno weights here")

def number():
    return 3

def leaves():
    raise SystemExit(3)

def wanders():
    import os
    os.chdir("/")
    return Gate()
"""


@pytest.fixture
def maker(tmp_path: Path) -> Path:
    (tmp_path / "made.py").write_text(MAKER)
    (tmp_path / "parts.py").write_text("marker = 1\n")
    return tmp_path


@pytest.mark.parametrize("function", ["make", "all_three"])
def test_python_makes_a_network(function: str, maker: Path) -> None:
    results = run(file(f'python("made:{function}")'), maker, allow_python=True)
    assert results.verdict == "met"
    assert results.network["origin"] == f"made:{function}"


def test_python_is_not_run_unasked(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text("open('ran', 'w')\nraise SystemExit(9)\n")
    text = file('python("made:make")')
    assert not [d for d in causalabs.check(text, folder=tmp_path) if d.severity == "error"]
    causalabs.plan(causalabs.loads(text, folder=tmp_path))
    message, help_text = refused(text, tmp_path)
    assert "would run code that comes with the file" in message
    assert "--allow-python" in help_text
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("made:fails", "`made:fails` failed: ValueError: no weights here"),
        ("made:number", "`made:number` returned a int"),
        ("made:leaves", "`made:leaves` failed: SystemExit"),
        ("made:mak", "`made` has no function `mak`"),
        ("nothere:make", "there is no `nothere`"),
        ("made", "names no function"),
        ("made:make()", "names no function"),
    ],
)
def test_python_that_goes_wrong_is_told(name: str, says: str, maker: Path) -> None:
    assert says in refused(file(f'python("{name}")'), maker, allow_python=True)[0]


def test_python_that_cannot_be_read_is_shown_where(maker: Path) -> None:
    (maker / "broken.py").write_text("x = 1\ndef make(:\n")
    _, help_text = refused(file('python("broken:make")'), maker, allow_python=True)
    assert help_text == f"look at {maker / 'broken.py'}, line 2"


def test_python_that_goes_elsewhere_takes_nothing_along(maker: Path) -> None:
    here = Path.cwd()
    run(file('python("made:wanders")'), maker, allow_python=True)
    assert Path.cwd() == here


@pytest.mark.timeout(20)
def test_weights_that_never_end_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.safetensors")
    message, _ = refused(file(CHECKPOINT, "hidden 0"), tmp_path)
    assert "w.safetensors do not exist" in message


def test_python_that_changed_is_imported_anew(maker: Path) -> None:
    text = file('python("made:make")')
    run(text, maker, allow_python=True)
    (maker / "made.py").write_text(MAKER.replace("return Gate()", "return Gate().double()"))
    (maker / "parts.py").write_text("marker = 2\nother = 3\n")
    again = run(text, maker, allow_python=True)
    assert not again.cached


def test_the_command_line_asks_too(maker: Path) -> None:
    (maker / "a.causal").write_text(file('python("made:make")'))
    done = command("run", "a.causal", folder=maker)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    done = command("run", "--allow-python", "--json", "a.causal", folder=maker)
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "met"


# ---------------------------------------------------------------------- checkpoint

CHECKPOINT = 'checkpoint("w.safetensors", mlp(hidden = [2]))'


def weights() -> dict[str, Tensor]:
    gate = Gate()
    found = {}
    for number, layer in enumerate((gate.first[0], gate.last)):
        found[f"weights.{number}"] = layer.weight.detach().clone()
        found[f"biases.{number}"] = layer.bias.detach().clone()
    return found


def test_a_checkpoint_is_loaded_and_not_trained(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "w.safetensors")
    text = file(CHECKPOINT, "hidden 0 in dims 0..0", "report iia under untrained\n")
    results = run(text, tmp_path)
    assert results.verdict == "met"
    assert results.network["origin"] == "checkpoint"
    assert results.reports[0].value < 1.0
    assert run(text, tmp_path).cached
    save_file({n: t * 2 for n, t in weights().items()}, tmp_path / "w.safetensors")
    assert not run(text, tmp_path).cached  # the weights are part of the plan


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights.0": None}, "they lack `weights.0` (2, 3)"),
        ({"net.0": torch.ones(1)}, "they hold unknown `net.0` (1,)"),
        ({"biases.1": torch.ones(3)}, "they have `biases.1` (3,), not (2,)"),
        ({"weights.1": torch.full((2, 2), torch.nan)}, "in `weights.1` that are not finite"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: dict[str, Tensor | None], says: str, tmp_path: Path
) -> None:
    changed = {**weights(), **change}
    save_file({n: t for n, t in changed.items() if t is not None}, tmp_path / "w.safetensors")
    message, help_text = refused(file(CHECKPOINT, "hidden 0 in dims 0..0"), tmp_path)
    assert says in message
    assert "`weights.0` (2, 3)" in help_text


def test_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    text = file(CHECKPOINT, "hidden 0 in dims 0..0")
    assert "w.safetensors do not exist" in refused(text, tmp_path)[0]
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    assert "w.safetensors cannot be read" in refused(text, tmp_path)[0]


def test_a_checkpoint_has_the_names_of_the_network_inside() -> None:
    spec = causalabs.loads(file("mlp(hidden = [2])", "hidden 0"))
    assert set(weights()) == set(architecture(spec.network, spec.algorithms).state_dict())
