"""What a model must say next for each value of an output (SEMANTICS F2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from causalabs.algorithm.domains import Domain, SetOf
from causalabs.engine.errors import EngineError
from causalabs.engine.language_models.contract import Read
from causalabs.engine.networks.tokens import slot_words
from causalabs.hypothesis.model import Last, Part, Readout

ANCHOR = "="
"""What stands before an answer while it is cut into tokens: some tokenizers treat the first
characters of a text differently, and an answer is never first."""


def make_reads(
    readouts: Sequence[Readout], domains: Mapping[str, Domain], tokenizer: Any
) -> tuple[Read, ...]:
    """A `Read` for each output: the tokens of every value, the first alone unless `spelled`.

    Of an output that is a set they are those of the values that it may hold. `EngineError`
    where two values cannot be told apart by what is read.
    """
    found = []
    for each in readouts:
        domain = domains[each.output]
        values = domain.of if isinstance(domain, SetOf) else domain
        texts = spelled_out(each, {**domains, each.output: values})
        tokens = [answer_tokens(tokenizer, text) for text in texts]
        for text, ids in zip(texts, tokens, strict=True):
            if not ids:
                raise EngineError(f'the answer "{text}" of `{each.output}` has no tokens')
        if each.style == "spelled":
            _told_apart(each.output, texts, tokens)
        else:
            _begin_apart(each, texts, tokens, tokenizer)
            tokens = [ids[:1] for ids in tokens]
        position = each.position if each.position is not None else Last()
        found.append(Read(each.output, position, tuple(tokens), each.among == "vocabulary"))
    return tuple(found)


def spelled_out(readout: Readout, domains: Mapping[str, Domain]) -> list[str]:
    """How each value of an output is written, by place."""
    template = readout.template or (Part(readout.output),)
    count = max(len(slot_words(p, domains)) for p in template if isinstance(p, Part))
    columns = [
        [piece] * count if isinstance(piece, str) else slot_words(piece, domains)
        for piece in template
    ]
    return ["".join(pieces) for pieces in zip(*columns, strict=True)]


def answer_tokens(tokenizer: Any, text: str) -> tuple[int, ...]:
    """The tokens of a text that goes on a prompt.

    Cut behind an anchor where that leaves the anchor's own tokens as they are, so that no
    token for the beginning of a text is put in front; otherwise by itself.
    """

    def ids(each: str) -> list[int]:
        found = tokenizer(each, add_special_tokens=False, return_attention_mask=False)
        return [int(token) for token in found["input_ids"]]

    anchor, together = ids(ANCHOR), ids(ANCHOR + text)
    if 0 < len(anchor) < len(together) and together[: len(anchor)] == anchor:
        return tuple(together[len(anchor) :])
    return tuple(ids(text))


def _begin_apart(
    readout: Readout, texts: Sequence[str], tokens: Sequence[tuple[int, ...]], tokenizer: Any
) -> None:
    """No two values may begin with one token."""
    first: dict[int, str] = {}
    for text, ids in zip(texts, tokens, strict=True):
        if ids[0] in first:
            shown = tokenizer.decode([ids[0]])
            template = "".join(
                piece if isinstance(piece, str) else f"{{{piece.input}}}"
                for piece in readout.template
            )
            raise EngineError(
                f'the answers "{first[ids[0]]}" and "{text}" of `{readout.output}` both begin '
                f'with the token "{shown}"',
                f'read the whole of them: `read {readout.output} ... spelled "{template}"`',
            )
        first[ids[0]] = text


def _told_apart(output: str, texts: Sequence[str], tokens: Sequence[tuple[int, ...]]) -> None:
    """No value's tokens may begin with another's: the shorter would always be as likely."""
    order = sorted(range(len(texts)), key=lambda place: tokens[place])
    for one, other in pairwise(order):
        if tokens[other][: len(tokens[one])] == tokens[one]:
            raise EngineError(
                f'the answer "{texts[other]}" of `{output}` begins with the answer '
                f'"{texts[one]}": the shorter would always win',
                'let each end with a full stop: `spelled " {...}."`',
            )
