"""`tracr("program.safetensors")`: a transformer whose weights a compiler wrote.

It is our transformer with other sizes: no norms, every token sees every other, the embedding's
two terms are sites of their own, `tokens` and `positions`. The answer is read from the residual
dimensions that the compiler labelled as the output. Of a categorical program a value's score is
its dimension; of a numerical one it is minus the distance of the program's number, times the
setting `scale`, from the value.

A prompt may end early: an input whose value is `PAD` is no token, nobody attends to it, and what
is read there is answered by `PAD`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from causalabs.algorithm.domains import Bool, Column, Domain, SetOf, values
from causalabs.algorithm.model import Algorithm
from causalabs.engine.encode import answer_classes
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import BuiltIn, Output
from causalabs.engine.networks.build import domains_of, finish, generator
from causalabs.engine.networks.checkpoint import fitting
from causalabs.engine.networks.program import BOS, PAD_WORD, Program, read_program
from causalabs.engine.networks.prompts import Prompts, Tokenizer
from causalabs.engine.networks.tokens import PAD, Vocabulary, make_vocabulary
from causalabs.engine.networks.transformer import Transformer
from causalabs.engine.protocol import Device, Scores
from causalabs.hypothesis.model import FeedText, FeedTokens, Last, NetworkSpec, Position

NEVER = -1e4
"""Score of an answer that cannot be given: finite, so that its slope is."""


class ProgramTokenizer(Tokenizer):
    """Prompts of a program: `last` is the last token that is not PAD."""

    def resolve(self, position: Position, prompts: Prompts) -> NDArray[np.int64]:
        """Token numbers, (rows, count)."""
        if isinstance(position, Last):
            count: NDArray[np.int64] = lengths(prompts).cpu().numpy()
            return count - 1
        return super().resolve(position, prompts)


class Tracr(Transformer):
    """A compiled program: `classes[o]` says for each output what its classes mean."""

    kind = "tracr"
    apart = True

    def __init__(
        self,
        program: Program,
        *,
        tokenizer: Tokenizer,
        outputs: Sequence[Output],
        domains: Sequence[Domain],
        scale: float = 1.0,
    ) -> None:
        super().__init__(
            program.sizes, tokenizer=tokenizer, outputs=outputs, longest=program.longest + 1
        )
        self.causal = program.causal
        self.program = program
        asked = zip(outputs, domains, strict=True)
        rows = [_read_out(o.name, domain, program, scale) for o, domain in asked]
        weight, bias = (torch.cat(parts) for parts in zip(*rows, strict=True))
        # A read-out is part of the question, not of the program: it is never redrawn.
        del self.head_weight, self.head_bias
        self.register_buffer("head_weight", weight, persistent=False)
        self.register_buffer("head_bias", bias, persistent=False)
        self.silent = [_pad_class(domain) for domain in domains]

    def initialise(self, generator: torch.Generator) -> None:
        """Standard normal embeddings, blocks as in our own transformer."""
        super().initialise(generator)
        for weight in (self.token_weight, self.position_weight):
            nn.init.normal_(weight, generator=generator)

    def encode(self, columns: Mapping[str, Column]) -> Prompts:
        """Prompts, one a row; an error shows one that goes on after PAD, or is read there."""
        prompts = super().encode(columns)
        ends = lengths(prompts)
        place = torch.arange(prompts.ids.shape[1], device=ends.device)
        gaps = ((prompts.ids == PAD) & (place < ends)).any(dim=1)
        if gaps.any():
            shown = " ".join(self.program.tokens[i] for i in prompts.ids[int(gaps.int().argmax())])
            raise EngineError(
                f'the prompt "{shown}" goes on after {PAD_WORD}',
                f"add a `where`: an input after {PAD_WORD} is {PAD_WORD}",
            )
        late = self.reads_of(prompts) >= ends  # (rows, groups)
        for output, group, silent in zip(self.outputs, self.group_of, self.silent, strict=True):
            if silent is None and late[:, group].any():
                shown = self.tokenizer.text(prompts, int(late[:, group].int().argmax()))
                raise EngineError(
                    f'`{output.name}` is read after the end of the prompt "{shown}"',
                    f"give it {PAD_WORD} as a value, its answer there",
                )
        return prompts

    def ends_of(self, inputs: Prompts) -> dict[str, Tensor]:
        """Each prompt's number of tokens, `ends` (rows, 1)."""
        return {"ends": lengths(inputs)}

    def unembed(self, stream: Tensor, late: Tensor | None = None) -> Scores:
        """Scores by the compiler's labels; `late` (batch, groups) are read after the end."""
        scores, first = {}, 0
        for output, group, silent in zip(self.outputs, self.group_of, self.silent, strict=True):
            rows = slice(first, first + output.classes)
            found = stream[:, group] @ self.head_weight[rows].mT + self.head_bias[rows]
            if self.program.number:
                found = -found.abs()
            if silent is not None and late is not None:
                found = _answer_pad(found, silent, late[:, group])
            scores[output.name] = found
            first += output.classes
        return scores


def lengths(prompts: Prompts) -> Tensor:
    """Each prompt's tokens up to the last that is not PAD: (rows, 1)."""
    place = torch.arange(1, prompts.ids.shape[1] + 1, device=prompts.ids.device)
    return (place * (prompts.ids != PAD)).amax(dim=1, keepdim=True)


def from_program(
    spec: NetworkSpec,
    algorithms: Sequence[Algorithm],
    *,
    folder: Path,
    seed: int,
    trained: bool = True,
    device: Device | None = None,
) -> BuiltIn[Any]:
    """The program of a file as a network, or its architecture with freshly drawn weights.

    `EngineError` says why the file is no program, or what of the hypothesis it cannot say.
    """
    device = device or Device()
    settings = dict(spec.settings)
    path = folder / str(settings["path"])
    program, tensors = read_program(path)
    domains = domains_of(algorithms)
    asked = [domains[read.output] for read in spec.reads]
    outputs = [
        Output(read.output, answer_classes(read.output, domain), read.position)
        for read, domain in zip(spec.reads, asked, strict=True)
    ]
    scale = settings.get("scale")
    if scale is not None and not program.number:
        raise EngineError(
            f"`{program.name}` answers in values, not in numbers", "leave out `scale`"
        )
    network = Tracr(
        program,
        tokenizer=ProgramTokenizer(
            _vocabulary(spec, program, domains), [v.name for v in algorithms[0].inputs]
        ),
        outputs=outputs,
        domains=asked,
        scale=float(scale) if isinstance(scale, int | float) else 1.0,
    )
    if trained:
        network.load_state_dict(fitting(network, tensors, path))
        record = {"origin": "program", "path": path.name, "program": program.name}
    else:
        network.initialise(generator(seed, "weights"))
        record = {"origin": "untrained", "seed": str(seed)}
    network.to(device=device.name, dtype=device.dtype)
    return finish(network, record)


def _vocabulary(spec: NetworkSpec, program: Program, domains: Mapping[str, Domain]) -> Vocabulary:
    """The feed's templates over the program's own tokens."""
    if not isinstance(spec.feed, FeedText | FeedTokens):
        raise EngineError("a program is fed tokens", f'write `feed "{BOS}", x[0], x[1]`')
    said = make_vocabulary(spec.feed, domains)
    unknown = [word for word in said.words[1:] if word not in program.tokens]
    if unknown:
        raise EngineError(
            f"`{unknown[0]}` is no token of `{program.name}`",
            f"its tokens are {', '.join(program.tokens)}",
        )
    for template in said.templates:
        if template[0] != BOS:
            raise EngineError(f"a prompt does not begin with {BOS}", f'write `feed "{BOS}", ...`')
        if len(template) > program.longest + 1:
            raise EngineError(
                f"a prompt has {len(template) - 1} tokens after {BOS}, "
                f"`{program.name}` was compiled for {program.longest}"
            )
    return replace(said, words=program.tokens)


def _read_out(name: str, domain: Domain, program: Program, scale: float) -> tuple[Tensor, Tensor]:
    """What scores of an output are made of: (classes, width) and (classes,)."""
    if isinstance(domain, SetOf):
        raise EngineError(f"`{name}` is a set, a program's output has one value")
    spelled = list(values(domain))  # type: ignore[arg-type]
    weight = torch.zeros(len(spelled), len(program.labels))
    bias = torch.zeros(len(spelled))
    for place, value in enumerate(spelled):
        if str(value) == PAD_WORD:
            continue
        if program.number:
            if not isinstance(value, int):
                raise EngineError(
                    f"`{name}` may be `{value}`, and `{program.name}` answers in numbers",
                    "declare it as a range, and say `scale = 60` where 60ths are meant",
                )
            weight[place, program.dimension(program.number)] = scale
            bias[place] = -float(value)
        else:
            label = program.outputs.get(str(value))
            if label is None:
                raise EngineError(
                    f"`{name}` may be `{value}`, which `{program.name}` cannot answer",
                    f"its answers are {', '.join(program.outputs)}",
                )
            weight[place, program.dimension(label)] = 1.0
    return weight, bias


def _pad_class(domain: Domain) -> int | None:
    """The place of PAD among the values, if it is one."""
    if isinstance(domain, Bool):
        return None
    spelled = [str(value) for value in values(domain)]  # type: ignore[arg-type]
    return spelled.index(PAD_WORD) if PAD_WORD in spelled else None


def _answer_pad(scores: Tensor, silent: int, late: Tensor) -> Tensor:
    """PAD is the answer at tokens that are none, and at no other: (batch, classes)."""
    is_pad = torch.arange(scores.shape[1], device=scores.device) == silent
    wrong = is_pad ^ late[:, None]  # (batch, classes): PAD before the end, anything else after
    return torch.where(wrong, NEVER, torch.where(is_pad, 0.0, scores))
