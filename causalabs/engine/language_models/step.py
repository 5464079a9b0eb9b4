"""One block, stage by stage: the model's modules, the sums between them, and what is edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from causalabs.engine.errors import EngineError
from causalabs.engine.language_models import sites
from causalabs.engine.language_models.attention import Call, Change, Columns
from causalabs.engine.language_models.families import Block, Wiring
from causalabs.engine.language_models.sites import BETWEEN, HIDDEN, INPUT, Place, Z

See: TypeAlias = Callable[[Tensor], "Tensor | None"]
"""Sees an activation (rows, width); what it returns, if anything, is written."""

State: TypeAlias = dict[str, Tensor]
"""Tensors of one block by name, (rows, columns, ...) each."""


@dataclass(frozen=True, eq=False)
class Touch:
    """An activation that is seen or edited, at columns `at` (batch, count) of slots a to b.

    `tokens` is the length of a pattern's rows.
    """

    place: Place
    at: Tensor
    see: See
    slots: tuple[int, int] = (0, 1)
    tokens: int = 0


@dataclass(frozen=True, eq=False)
class Around:
    """What all blocks of a pass share.

    `past` are kept keys and values by name, `reads` (batch, count) the columns read (None: all
    are wanted after the last block), `angles` what positions turn queries and keys by.
    """

    wiring: Wiring
    columns: Columns
    past: Mapping[str, Tensor]
    reads: Tensor | None
    hidden_of: frozenset[int]  # blocks whose hidden layer is wanted in their state
    angles: Mapping[str, Any]

    @property
    def batch(self) -> int:
        """Rows of one slot."""
        return len(self.columns.first)

    def at_reads(self, x: Tensor) -> Tensor:
        """(rows, columns, width) -> (rows, columns read, width)."""
        if self.reads is None:
            return x
        at = self.reads.repeat(len(x) // self.batch, 1)
        return x.gather(1, at[:, :, None].expand(-1, -1, x.shape[2]))


class Step:
    """One block of a pass: its stages over a state, and the touches in it."""

    def __init__(
        self,
        whole: Around,
        layer: int,
        state: State,
        start: int,
        touches: Sequence[Touch],
        slots: int,
        low: int,
    ) -> None:
        self.whole, self.layer, self.state, self.start = whole, layer, state, start
        self.touches, self.slots, self.low = touches, slots, low
        self.terms: dict[int, Tensor] = {}  # heads' terms as they are written

    @property
    def module(self) -> Block:
        """The block's modules."""
        return self.whole.wiring.blocks[self.layer]

    # ------------------------------------------------------------------- stages

    def compute(self, stage: int) -> None:
        """What the stage adds to the state, from what the stages before it left."""
        state, wiring = self.state, self.whole.wiring
        match stage:
            case sites.Z:
                self._attend()
            case sites.HEAD:
                if "raw" not in state:
                    state["raw"] = self.module.out(state["z"].flatten(2))
            case sites.ATTENTION:
                post = self.module.post_attention
                state["attention"] = state["raw"] if post is None else post(state["raw"])
            case sites.BETWEEN:
                self._narrow()
                state["between"] = state["x"] + state["attention"]
            case sites.INPUT:
                if self._inside_mlp():
                    state.pop("mlp", None)
                if "mlp" not in state:
                    given = state["x"] if wiring.parallel else state["between"]
                    state["input"] = self.module.second_norm(given)
            case sites.MLP:
                if "mlp" not in state:
                    state["mlp"] = self._mlp()
            case sites.AFTER:
                state["after"] = state["between"] + state["mlp"]

    def arrive(self, stage: int) -> None:
        """Touch what has been computed; what is inside a module is touched by its hooks."""
        for touch in self.touches:
            place = touch.place
            if place.stage != stage or place.name in ("q", "k", "v", "pattern", "module"):
                continue
            if place.name == "head":
                self._touch_head(touch)
            elif place.name == "z":
                if self.start == Z:
                    self.state["z"] = self._by_head(self.state["z"], touch)
            elif place.name != "hidden" or self.start == HIDDEN:
                self.state[place.name] = self.touched(self.state[place.name], touch)

    def _narrow(self) -> None:
        """From here on the last block is run for the columns read, where no other is touched."""
        whole, state = self.whole, self.state
        few = whole.reads is not None and whole.reads.shape[1] < whole.columns.all
        last = self.layer == len(whole.wiring.blocks) - 1
        if few and last and not any(touch.place.stage >= BETWEEN for touch in self.touches):
            for name in ("x", "attention", "mlp"):
                if name in state:
                    state[name] = whole.at_reads(state[name])
            state["read"] = state["x"]

    def _attend(self) -> None:
        whole, state = self.whole, self.state
        call = Call(
            whole.columns,
            self.slots,
            whole.past.get(f"k{self.layer}"),
            whole.past.get(f"v{self.layer}"),
            [self._pattern(t) for t in self._named("pattern")],
            [self._z(t) for t in self._named("z")],
        )
        x = state["x"]
        given: dict[str, Any] = {}
        if whole.angles:
            angles = whole.angles.get(self.module.kind) or whole.angles[""]
            given["position_embeddings"] = tuple(each[: len(x)] for each in angles)
        found = self.module.attention(
            self.module.first_norm(x), attention_mask=None, causalabs=call, **given
        )
        if call.kept is None or call.z is None:
            raise RuntimeError("the attention module did not call the registered attention")
        state["raw"] = found[0] if isinstance(found, tuple) else found
        state["z"], (state["k"], state["v"]) = call.z, call.kept

    def _mlp(self) -> Tensor:
        block, state = self.module, self.state
        raw = block.down(state["hidden"]) if self.start == HIDDEN else block.mlp(state["input"])
        found: Tensor = raw if block.post_mlp is None else block.post_mlp(raw)
        return found

    def _named(self, name: str) -> list[Touch]:
        return [touch for touch in self.touches if touch.place.name == name]

    def _inside_mlp(self) -> bool:
        return any(touch.place.stage in (BETWEEN, INPUT, HIDDEN) for touch in self.touches)

    # ------------------------------------------------------------------ touches

    def touched(self, view: Tensor, touch: Touch) -> Tensor:
        """`view` (rows, columns, width) as it is after a touch."""
        batch = self.whole.batch
        first, last = ((slot - self.low) * batch for slot in touch.slots)
        part = view if last - first == len(view) else view[first:last]
        rows, count = len(part), touch.at.shape[1]
        if view.shape[1] == 1 == count:
            found = touch.see(part.flatten(1))
            if found is None:
                return view
            new = found.view_as(part).to(part.dtype)
        else:
            at = touch.at if rows == batch else touch.at.repeat(rows // batch, 1)
            index = at[:, :, None].expand(-1, -1, view.shape[2])
            found = touch.see(part.gather(1, index).flatten(1))
            if found is None:
                return view
            new = part.scatter(1, index, found.view(index.shape).to(part.dtype))
        if part is view:
            return new
        return torch.cat([view[:first], new, view[last:]])

    def _by_head(self, whole: Tensor, touch: Touch) -> Tensor:
        """`whole` (rows, columns, heads, dim) after a touch of one head."""
        view = whole[:, :, touch.place.head]
        new = self.touched(view, touch)
        if new is view:
            return whole
        whole = whole.clone()
        whole[:, :, touch.place.head] = new
        return whole

    def _touch_head(self, touch: Touch) -> None:
        """A head's term is formed only here; what an edit changes is added to the sum."""
        head, dim, state = touch.place.head, self.whole.wiring.dim, self.state
        term = self.terms.get(head)
        if term is None:
            term = self.module.share(state["z"][:, :, head], head * dim, (head + 1) * dim)
        new = self.touched(term, touch)
        if new is not term:
            state["raw"] = state["raw"] + (new - term)
            self.terms[head] = new

    def _z(self, touch: Touch) -> Change:
        return lambda z: self._by_head(z, touch)

    def _pattern(self, touch: Touch) -> Change:
        """Weights over kept and run columns <-> over the prompt's tokens."""
        columns = self.whole.columns
        run = columns.first[:, None] + torch.arange(columns.count, device=columns.first.device)
        kept = torch.arange(columns.past, device=run.device).expand(len(run), -1)
        kept = torch.where(kept < columns.first[:, None], kept, touch.tokens)
        tokens = torch.cat([kept, run.clamp(max=touch.tokens)], dim=1)  # (batch, past + count)
        tokens = tokens.repeat(self.slots, 1)[:, None].expand(-1, columns.all, -1)
        seen = columns.past + columns.count

        def change(weights: Tensor) -> Tensor:
            mine = weights[:, touch.place.head]  # (rows, columns, past + columns)
            spread = mine.new_zeros(*mine.shape[:2], touch.tokens + 1)
            view = spread.scatter(2, tokens, mine[..., :seen])[..., :-1]
            new = self.touched(view, touch)
            if new is view:
                return weights
            new = torch.cat([new, torch.zeros_like(new[..., :1])], dim=2).gather(2, tokens)
            weights = weights.clone()
            weights[:, touch.place.head, :, :seen] = new
            return weights

        return change

    # -------------------------------------------------------------------- hooks

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Touches inside of modules, for as long as the block runs."""
        family = self.whole.wiring.family
        with ExitStack() as stack:
            for touch in self.touches:
                place = touch.place
                if place.name in ("q", "k", "v"):
                    where = {"q": "query", "k": "key", "v": "value"}[place.name]
                    projection, module = getattr(family, where), getattr(self.module, where)
                    hook = self._after_projection(touch, projection)
                    stack.enter_context(_removed(module.register_forward_hook(hook)))
                elif place.name == "hidden" and self.start < HIDDEN:
                    hook = self._before_down(touch)
                    stack.enter_context(_removed(self.module.down.register_forward_pre_hook(hook)))
                elif place.name == "module":
                    stack.enter_context(_removed(self._on_module(touch)))
            if self.layer in self.whole.hidden_of:
                hook = self._keep_hidden
                stack.enter_context(_removed(self.module.down.register_forward_pre_hook(hook)))
            yield

    def _after_projection(self, touch: Touch, projection: Any) -> Callable[..., Tensor | None]:
        def hook(_: nn.Module, args: Any, output: Tensor) -> Tensor | None:
            heads = self.whole.wiring.heads_of(output, projection)
            new = self._by_head(heads, touch)
            if new is heads:
                return None
            output = output.clone()
            self.whole.wiring.heads_of(output, projection).copy_(new)
            return output

        return hook

    def _on_module(self, touch: Touch) -> Any:
        place = touch.place
        module = self.whole.wiring.layers[self.layer].get_submodule(place.path)

        def before(_: nn.Module, args: Any) -> Any:
            return (self._in_module(args[0], touch), *args[1:])

        def after(_: nn.Module, args: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                return (self._in_module(output[0], touch), *output[1:])
            return self._in_module(output, touch)

        if place.side == "input":
            return module.register_forward_pre_hook(before)
        return module.register_forward_hook(after)

    def _in_module(self, whole: Any, touch: Touch) -> Tensor:
        place, rows = touch.place, self.slots * self.whole.batch
        shape = tuple(whole.shape) if isinstance(whole, Tensor) else ()
        if len(shape) != 3 or shape[:2] != (rows, self.whole.columns.all):
            raise EngineError(
                f"the {place.side} of `{place.path}` in block {place.layer} is no vector at each "
                "token",
                "name a module that has one, or a site such as `head 0.0.q`",
            )
        return self.touched(whole, touch)

    def _before_down(self, touch: Touch) -> Callable[..., Any]:
        return lambda _, args: (self.touched(args[0], touch), *args[1:])

    def _keep_hidden(self, _: nn.Module, args: Any) -> None:
        self.state["hidden"] = args[0]


@contextmanager
def _removed(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()
