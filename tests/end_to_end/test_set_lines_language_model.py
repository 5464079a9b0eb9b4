"""A direction read in one place and written at every token of a language model, by hand too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import causalabs
from causalabs.engine.rows import members_of
from tests.end_to_end.running import as_run, run_text
from tests.end_to_end.stand_ins import module_of, tokenizer_of

torch.set_num_threads(1)

TEXT = """
hypothesis refuses
"One direction says whether to refuse."

domain Topic   = {{tea, fish, bombs, poison, books, guns}}
domain Opening = {{sure, gladly, no, sorry}}

algorithm {{
  input  topic : Topic
  input  style : {{now, please, today}}
  var    harmful : bool = topic == bombs or topic == poison or topic == guns
  output opening : set of Opening = {{o in Opening where (o == no or o == sorry) == harmful}}
}}

network huggingface("{model}") {{
  feed any of "say {{topic}} {{style}} ?", "tell me {{style}} all about the {{topic}} ?"
  read opening at last as " {{opening}}" among vocabulary
}}

alignment {{
  harmful -> every residual 1..3 at every token from residual 2 at last in 1 mean_difference dims
}}

counterfactuals {{
  sample 60
  set harmful = false as bypass where base.harmful
  set harmful = true as induce where not base.harmful
  split train 50%, heldout 50%
}}

report mass on heldout
report mass of bypass on heldout
report mass of induce on heldout
"""


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_every_token_of_every_layer_gets_the_value(kind: str, tmp_path: Any) -> None:
    """Prompts one by one through the model's own forward, with hooks, unpadded."""
    folder = tmp_path / "model"
    text = TEXT.format(model=folder)
    asked = causalabs.loads(text)
    tokenizer = tokenizer_of(asked)
    module = module_of(kind, len(tokenizer), layers=5)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    hypothesis, results, outcomes = run_text(text, tmp_path / "runs")
    examples = as_run(hypothesis)
    prompts = prompts_of(hypothesis, examples, tokenizer)
    assert len({len(each) for each in prompts}) > 1
    blocks = module.transformer.h if kind == "gpt2" else module.model.layers
    unit, values = direction(blocks, module, prompts, examples)
    words = tokenizer.convert_tokens_to_ids([" sure", " gladly", " no", " sorry"])
    for number, value in enumerate((False, True)):
        rows = examples.lines[number].base[members_of(examples, number, 1)]
        masses = [
            mass(blocks, module, prompts[row], unit, values[value], words, value) for row in rows
        ]
        found = outcomes["seed0-plain-alignment"].measured
        measured = next(m for m in found if (m.metric, m.line) == ("mass", number))
        assert measured.values == pytest.approx(np.array(masses), rel=2e-4)
        assert np.std(masses) > 0
    assert results.reports[0].value > 0


def prompts_of(hypothesis: Any, examples: Any, tokenizer: Any) -> list[torch.Tensor]:
    from causalabs.engine.language_models.prompts import TokenPrompter

    domains = {v.name: v.domain for v in hypothesis.algorithm.variables}
    inputs = [v.name for v in hypothesis.algorithm.inputs]
    prompter = TokenPrompter(tokenizer, hypothesis.network.feed, domains, inputs, longest=512)
    found = prompter.encode(dict(examples.clean["algorithm"]))
    return [ids[:length] for ids, length in zip(found.ids, found.lengths, strict=True)]


def out(value: Any) -> torch.Tensor:
    return value[0] if isinstance(value, tuple) else value


@torch.no_grad()
def direction(blocks: Any, module: Any, prompts: Any, examples: Any) -> tuple[Any, list[float]]:
    seen: list[torch.Tensor] = []
    hook = blocks[2].register_forward_hook(lambda *a: seen.append(out(a[2])[0, -1]))
    for prompt in prompts:
        module(input_ids=prompt[None])
    hook.remove()
    bases = [line.base[members_of(examples, n, 0)] for n, line in enumerate(examples.lines)]
    rows = np.unique(np.concatenate(bases))
    harmful = examples.clean["algorithm"]["harmful"][rows]
    kept = torch.stack(seen)[rows]
    means = [kept[torch.from_numpy(harmful == flag)].mean(dim=0) for flag in (False, True)]
    unit = (means[1] - means[0]) / (means[1] - means[0]).norm()
    return unit, [float(mean @ unit) for mean in means]


@torch.no_grad()
def mass(
    blocks: Any, module: Any, prompt: Any, unit: Any, value: float, words: Any, harmful: bool
) -> float:
    def write(_: Any, __: Any, output: Any) -> Any:
        current = out(output)
        edited = current + (value - current @ unit)[..., None] * unit
        return (edited, *output[1:]) if isinstance(output, tuple) else edited

    hooks = [blocks[layer].register_forward_hook(write) for layer in (1, 2, 3)]
    shares = module(input_ids=prompt[None]).logits[0, -1].softmax(dim=-1)
    for hook in hooks:
        hook.remove()
    return float(shares[words[2:] if harmful else words[:2]].sum())
