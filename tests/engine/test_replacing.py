"""Replacements: networks known by hand, decoders, baselines, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import causalabs
from causalabs.algorithm.model import Algorithm
from causalabs.engine.errors import EngineError
from causalabs.engine.jobs import Resources, run_job
from causalabs.engine.ngrams import ngram
from causalabs.engine.replacing import Bench, instead_of
from causalabs.errors import RunError
from causalabs.hypothesis.model import AllOf, Hypothesis, Site
from causalabs.modified import linearised
from causalabs.plans import make_plan
from causalabs.results import Outcome
from causalabs.runs import RunFolder
from tests.engine.language_models.tiny import saved

torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "programs" / "reverse.safetensors"
REVERSE = f"""
hypothesis mirrored
"Each position copies the token at the mirrored one."

domain Token = {{a, b, c}}

algorithm {{
  input  x[5] : Token
  output y[i in 0..4] : Token = x[4 - i]
}}

network tracr("{PROGRAM}") {{
  feed "BOS", x[0], x[1], x[2], x[3], x[4]
  read y[i] at index i + 1
}}

SAID

counterfactuals {{
  exhaustive
  split train 50%, heldout 50% by input
}}

"""
BY_HAND = 'replace head 3.0 by python("parts:mirror")'


def stated(said: str, *asked: str) -> Hypothesis:
    lines = (f"expect {each}\n" for each in asked)
    return causalabs.loads(REVERSE.replace("SAID", said) + "".join(lines))


def run(hypothesis: Hypothesis, function: Callable[[Tensor], object] | None = None) -> Outcome:
    functions = {} if function is None else {"parts:mirror": function}
    resources = Resources(hypothesis, functions=functions)
    (job,) = make_plan(hypothesis).jobs
    return run_job(job, hypothesis, resources=resources)


def values(outcome: Outcome) -> dict[str, float]:
    found = (each for each in outcome.measured if each.metric.startswith("loss_recovered"))
    return {each.metric.removeprefix("loss_recovered of "): each.values.mean() for each in found}


def mirror(hypothesis: Hypothesis) -> Callable[[Tensor], Tensor]:
    """What the last head was compiled to do: the value at the mirrored position, and no more."""
    network = Resources(hypothesis).network(0)
    block = network.blocks[3]  # type: ignore[attr-defined]
    inner = block.inner
    weight, bias = block["qkv_weight"][2 * inner :], block["qkv_bias"][2 * inner :]
    out = block["out_weight"]

    def made(x: Tensor) -> Tensor:  # (batch, position, width)
        turned = x[:, [0, 5, 4, 3, 2, 1]]
        return (turned @ weight.T + bias) @ out.T

    return made


RECOVERED = "loss_recovered >= 0.9 on heldout"


def test_what_the_head_was_made_of_recovers_all() -> None:
    hypothesis = stated(BY_HAND, RECOVERED)
    assert values(run(hypothesis, mirror(hypothesis)))["replacement"] == pytest.approx(1, abs=1e-4)


def test_the_mean_recovers_nothing() -> None:
    """Of what is judged; it differs from the mean over `train` by what was drawn."""
    hypothesis = stated(BY_HAND, RECOVERED)
    made = mirror(hypothesis)
    found = values(run(hypothesis, lambda x: made(x).mean(dim=0).expand_as(x)))
    assert abs(found["replacement"]) < 0.1


def test_a_function_is_given_what_the_component_reads() -> None:
    hypothesis = stated(BY_HAND, RECOVERED)
    store = Resources(hypothesis).store(0)
    stream = Site("residual", 3, part="before", position=AllOf())
    seen: list[Tensor] = []
    run(hypothesis, lambda x: seen.append(x.clone()) or x)
    (x,) = seen  # one batch, each input of heldout once
    split = Resources(hypothesis).examples(0).lines[-1]
    rows = torch.from_numpy(np.unique(split.base[split.split == 1]))
    torch.testing.assert_close(x.flatten(1), store.rows((stream,), rows))


def test_a_variable_that_is_there_recovers_all_and_another_nothing() -> None:
    said = "replace head 3.0 at index 1 by y[0] as right\nreplace head 3.0 at index 1 by x[0] as no"
    asked = ("loss_recovered of right >= 0.9 on heldout", "loss_recovered of no >= 0.9 on heldout")
    found = values(run(stated(said, *asked)))
    assert found["right"] == pytest.approx(1, abs=1e-4)
    assert abs(found["no"]) < 0.1


def test_a_table_knows_what_the_last_inputs_say() -> None:
    """y[0] is the last input: a bigram knows it, and so loses less than a unigram."""
    said = "replace head 3.0 at index 1 by x[0] as no"
    against = [f"loss_recovered of no against {n} >= 0 on heldout" for n in ("unigram", "bigram")]
    outcome = run(stated(said, "loss_recovered of no >= 0 on heldout", *against))
    losses = {
        word: float(note.split(word)[1].split(",")[0])
        for note in outcome.notes
        for word in ("network's", "replaced", "mean-ablated", "unigram's", "bigram's")
        if word in note
    }
    found = values(outcome)
    for name, worse in (("no against unigram", "unigram's"), ("no against bigram", "bigram's")):
        room = losses[worse] - losses["network's"]
        share = (losses[worse] - losses["replaced"]) / room
        assert found[name] == pytest.approx(share, abs=1e-2)
    assert losses["unigram's"] - losses["bigram's"] > 0.5 * np.log(3)


def test_the_spread_of_the_rows_is_that_of_the_ratio() -> None:
    draws = np.random.default_rng(0)
    network = draws.exponential(0.1, 400)
    worse = network + draws.exponential(1.0, 400)
    own = network + 0.3 * draws.exponential(1.0, 400)
    rows = linearised(worse - own, worse - network)
    again = draws.integers(400, size=(4000, 400))
    ratios = (worse - own)[again].mean(axis=1) / (worse - network)[again].mean(axis=1)
    assert rows.mean() == pytest.approx((worse - own).mean() / (worse - network).mean())
    assert rows.std() / 20 == pytest.approx(ratios.std(), rel=0.05)


def test_ngram_is_the_closed_form() -> None:
    hypothesis = stated(BY_HAND, RECOVERED)
    algorithm: Algorithm = hypothesis.algorithm
    inputs = {f"x[{i}]": np.zeros(4, dtype=np.int64) for i in range(4)}
    inputs["x[4]"] = np.array([0, 0, 1, 2])
    answers = {"y[0]": torch.tensor([0, 1, 1, 2])}
    train = np.array([0, 1, 2, 0])
    scores = ngram(1, algorithm, inputs, answers, {"y[0]": 3}, train)["y[0]"].exp()
    short = torch.tensor([2 + 1 / 3, 2 + 1 / 3, 1 / 3], dtype=torch.float64) / 5
    first = (torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64) + short) / 4
    torch.testing.assert_close(scores[0], first)
    torch.testing.assert_close(scores[3], short)  # not in `train`
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x[:, :-1], "a tensor of shape"),
        (lambda x: x.mean(dim=1), "a tensor of shape"),
        (lambda x: None, "a NoneType"),
        (lambda x: x.long(), "a tensor of int64"),
        (lambda x: x * torch.nan, "not finite"),
        (lambda x: x[:, 99], "failed in the place of `head 3.0"),
    ],
)
def test_a_function_of_the_wrong_shape_is_named_and_placed(
    function: Callable[[Tensor], object], says: str
) -> None:
    with pytest.raises(EngineError, match="parts:mirror") as told:
        run(stated(BY_HAND, RECOVERED), function)
    assert says in str(told.value)
    assert "head 3.0" in str(told.value)


def test_code_is_not_run_unless_allowed(tmp_path: Path) -> None:
    code = "from pathlib import Path\n\nPath(__file__).with_name('ran').touch()\n"
    code += "\n\ndef mirror(x):\n    return x * 0\n"
    (tmp_path / "parts.py").write_text(code)
    path = tmp_path / "mirrored.causal"
    path.write_text(REVERSE.replace("SAID", BY_HAND) + f"expect {RECOVERED}\n")
    hypothesis = causalabs.load(path)
    with pytest.raises(RunError, match="would run code"):
        causalabs.run(hypothesis, runs=tmp_path / "runs")
    with pytest.raises(RunError, match="would run code"):
        run(hypothesis)
    assert not (tmp_path / "ran").exists()
    results = causalabs.run(hypothesis, runs=tmp_path / "runs", allow_python=True)
    assert (tmp_path / "ran").exists()
    assert results.verdict == "not met"
    assert results.expectations[0].value < 0.5
    (tmp_path / "parts.py").write_text(code + "# changed\n")
    folder = RunFolder.open(tmp_path / "runs", make_plan(causalabs.load(path)))
    assert folder.finished() is None  # other code is another plan


def test_nothing_to_recover_is_refused() -> None:
    said = "replace head 3.0 at index 0 by x[0]"  # nothing is read there
    with pytest.raises(EngineError, match="nothing to recover"):
        run(stated(said, RECOVERED))


ADDER = """
algorithm {
  input  x, y, z : mod 5
  var    partial : mod 5 = x + y
  output total   : mod 5 = partial + z
}

network compiled(dims = 8, layer = 1, layers = 3) {
  feed x, y, z
  read total
}

replace hidden 2 by total as right
replace hidden 2 by z as wrong
replace hidden 2 by python("parts:mirror") as made

counterfactuals {
  exhaustive
  split train 50%, heldout 50% by input
}

expect loss_recovered of right - loss_recovered of wrong >= 0.5 on heldout
expect loss_recovered of made >= 0.99 on heldout
"""


def test_layers_without_positions() -> None:
    hypothesis = causalabs.loads(ADDER)
    network = Resources(hypothesis).network(0)
    seen = {}

    def keep(x: Tensor) -> Tensor:
        seen["read"] = x
        return x.new_zeros(len(x), network.width(hypothesis.replacements[0].site))

    found = values(run(hypothesis, keep))
    assert seen["read"].dim() == 2
    assert found["right"] > found["wrong"] + 0.5


MODEL = """
domain Word = {red, green, store, far}

algorithm {
  input  x, y   : Word
  output answer : Word = y
}

network huggingface("model") {
  feed "When {x} and {y} went to"
  read answer at last as " {answer}"
}

replace mlp 1 at last by python("parts:mirror") as own
replace head 1.2 at last by answer as copied

counterfactuals {
  exhaustive
  split train 50%, heldout 50% by input
}

report loss_recovered of own on heldout
report loss_recovered of copied on heldout
"""


def test_a_language_model_with_its_own_mlp_in_the_mlps_place(tmp_path: Path) -> None:
    """Its words have one to several tokens, so that prompts differ in length."""
    saved(tmp_path / "model")
    hypothesis = causalabs.loads(MODEL, folder=tmp_path)
    resources = Resources(hypothesis)
    store, examples = resources.store(0), resources.examples(0)
    layer = store.network.module.model.layers[1]  # type: ignore[attr-defined]

    def own(x: Tensor) -> Tensor:
        return layer.mlp(layer.post_attention_layernorm(x))[:, -1:]

    bench = Bench(hypothesis, store, examples, {"parts:mirror": own})
    mine, copied = hypothesis.replacements
    rows = bench.rows("heldout")
    clean = bench.loss(store.scores())[rows]
    found = bench.replaced(mine.site, instead_of(mine, bench), rows)
    np.testing.assert_allclose(found, clean, atol=1e-4)
    zero = bench.replaced(mine.site, lambda numbers: torch.zeros(len(numbers), 24), rows)
    assert np.abs(zero - clean).max() > 0.01
    means = instead_of(copied, bench)(torch.from_numpy(rows))
    answers = examples.clean[hypothesis.algorithm.name]["answer"]
    train = bench.rows("train")
    written = store.rows((copied.site,), torch.from_numpy(train))
    for row, mean in zip(rows, means, strict=True):
        same = torch.from_numpy(answers[train] == answers[row])
        wanted = written[same] if bool(same.any()) else written
        torch.testing.assert_close(mean, wanted.mean(dim=0))
