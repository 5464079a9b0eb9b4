"""`gru(width = w)`: a gated recurrent network; its sites are `state at step i` and `logits`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from causalabs.algorithm.domains import Column, Domain
from causalabs.engine.encode import vectors, vectors_width
from causalabs.engine.errors import EngineError
from causalabs.engine.networks.base import (
    BuiltIn,
    Kept,
    Output,
    apply_edit,
    check_kept,
    fill_uniform,
    split_scores,
)
from causalabs.engine.networks.naming import say_position, say_site, span_of
from causalabs.engine.protocol import Edit, Scores
from causalabs.hypothesis.model import AllOf, AtStep, Last, Position, Several, Site


class Gru(BuiltIn[Tensor]):
    """A gated recurrent unit from a state of zeros (Cho et al. 2014).

    Inputs are (rows, steps, features): what each step is fed, real vectors and one-hot codes
    side by side, filled up with zeros where a step is fed less than another.
    """

    kind = "gru"
    rows_at_once = 16_384

    def __init__(
        self,
        width: int,
        *,
        steps: Sequence[Sequence[str]],
        domains: Mapping[str, Domain],
        outputs: Sequence[Output],
    ) -> None:
        super().__init__(outputs)
        self.steps = tuple(tuple(step) for step in steps)
        self.domains = {name: domains[name] for step in steps for name in step}
        self.state_width = width
        self.features = max(vectors_width(step, self.domains) for step in self.steps)
        self.read_at = tuple(self._step_of_output(output) for output in outputs)
        classes = sum(output.classes for output in outputs)
        self.input_weight = nn.Parameter(torch.empty(3 * width, self.features))
        self.state_weight = nn.Parameter(torch.empty(3 * width, width))
        self.input_bias = nn.Parameter(torch.empty(3 * width))
        self.state_bias = nn.Parameter(torch.empty(3 * width))
        self.head_weight = nn.Parameter(torch.empty(classes, width))
        self.head_bias = nn.Parameter(torch.empty(classes))

    def initialise(self, generator: torch.Generator) -> None:
        """Uniform weights and biases, bounded by 1 / sqrt(width)."""
        for parameter in self.parameters():
            fill_uniform(parameter, self.state_width, generator)

    def encode(self, columns: Mapping[str, Column]) -> Tensor:
        """(rows, steps, features)."""
        parts = [vectors(columns, step, self.domains) for step in self.steps]
        padded = [np.pad(part, ((0, 0), (0, self.features - part.shape[1]))) for part in parts]
        return torch.from_numpy(np.stack(padded, axis=1)).to(self.device, self.dtype)

    def slice(self, inputs: Tensor, rows: slice | Tensor) -> Tensor:
        """Some rows of the inputs."""
        return inputs[rows]

    # -------------------------------------------------------------------- sites

    def steps_of(self, position: Position) -> tuple[int, ...]:
        """The steps a position speaks of, in its own order."""
        match position:
            case AtStep(step) if 0 <= step < len(self.steps):
                return (step,)
            case Last():
                return (len(self.steps) - 1,)
            case AllOf(None):
                return tuple(range(len(self.steps)))
            case Several(positions):
                found = tuple(step for inner in positions for step in self.steps_of(inner))
                if len(set(found)) < len(found):
                    raise EngineError(f"`{say_position(position)}` names a step twice")
                return found
        have = span_of("step", len(self.steps))
        raise EngineError(f"`{say_position(position)}` does not exist", f"this gru has {have}")

    def steps_at(self, site: Site) -> tuple[int, ...] | None:
        """Steps whose state the site is; None for `logits`."""
        plain = site.head is None and site.part is None and site.path is None
        if plain and site.component == "logits" and site.layer is None:
            if site.position is not None:
                raise EngineError(f"{say_site(site)} does not exist", "write `logits` alone")
            return None
        if plain and site.component == "state" and site.layer in (None, 0):
            if site.position is None:
                raise EngineError(f"{say_site(site)} needs a step", "write `state at step 0`")
            return self.steps_of(site.position)
        raise EngineError(
            f"{say_site(site)} does not exist", "a gru has `state at step i` and `logits`"
        )

    def width(self, site: Site) -> int:
        """Width of the state times the number of steps."""
        steps = self.steps_at(site)
        return len(self.head_bias) if steps is None else self.state_width * len(steps)

    # ------------------------------------------------------------------ running

    def run(self, inputs: Tensor) -> Scores:
        """Scores of all outputs."""
        return split_scores(self.outputs, self._logits(self._states(inputs)))

    def read(self, inputs: Tensor, sites: Sequence[Site]) -> list[Tensor]:
        """Activations at the sites; no step after the last of them is run."""
        wanted = [self.steps_at(site) for site in sites]
        whole = len(self.steps)
        last = max(whole if steps is None else max(steps) + 1 for steps in wanted)
        states = self._states(inputs[:, :last])
        return [self._logits(states) if steps is None else _join(states, steps) for steps in wanted]

    def earliest(self, inputs: Tensor, sites: Sequence[Site]) -> int:
        """The first edited step; the number of steps for `logits` alone."""
        wanted = [self.steps_at(site) for site in sites]
        return min(len(self.steps) if steps is None else min(steps) for steps in wanted)

    def start(self, inputs: Tensor, sites: Sequence[Site], earliest: int) -> Kept:
        """The first edited state, the inputs after it and the scores read before it."""
        states = self._states(inputs)
        tensors = {"scores": self._logits(states)}  # (rows, all classes)
        if earliest < len(self.steps):
            tensors["state"] = states[earliest]
            tensors["inputs"] = inputs[:, earliest + 1 :]
        return Kept(tensors, earliest, tuple(sites))

    def proceed(self, prefix: Kept, edits: Sequence[tuple[Site, Edit]]) -> Scores:
        """Edit the kept state and run the steps after it.

        A site of several steps is read from the run without its own write, then written.
        """
        check_kept(prefix, edits)
        logits = prefix.tensors["scores"]
        wanted = [(self.steps_at(site), site, edit) for site, edit in edits]
        on_states = [item for item in wanted if item[0] is not None]
        on_states.sort(key=lambda item: min(item[0] or ()))
        if on_states:
            trail = _Trail(self, prefix)
            for steps, site, edit in on_states:
                trail.write(steps or (), site, edit)
            logits = self._logits(trail.finish(), clean=logits, since=trail.changed)
        for steps, site, edit in wanted:
            if steps is None:
                logits = apply_edit(site, edit, logits)
        return split_scores(self.outputs, logits)

    def advance(self, fed: Tensor, state: Tensor) -> Tensor:
        """One step: (batch, features), (batch, width) -> (batch, width)."""
        return torch.gru_cell(
            fed, state, self.input_weight, self.state_weight, self.input_bias, self.state_bias
        )

    def _states(self, inputs: Tensor) -> dict[int, Tensor]:
        state = inputs.new_zeros(len(inputs), self.state_width)
        states = {}
        for step in range(inputs.shape[1]):
            states[step] = state = self.advance(inputs[:, step], state)
        return states

    def _logits(
        self, states: Mapping[int, Tensor], clean: Tensor | None = None, since: int = 0
    ) -> Tensor:
        """(batch, all classes); outputs read before step `since` are taken from `clean`."""
        parts, first = [], 0
        for output, step in zip(self.outputs, self.read_at, strict=True):
            rows = slice(first, first + output.classes)
            if clean is not None and step < since:
                parts.append(clean[:, rows])
            else:
                weight, bias = self.head_weight[rows], self.head_bias[rows]
                parts.append(functional.linear(states[step], weight, bias))
            first += output.classes
        return torch.cat(parts, dim=1)

    def _step_of_output(self, output: Output) -> int:
        found = self.steps_of(output.position) if output.position is not None else ()
        if len(found) != 1:
            raise EngineError(
                f"`{output.name}` must be read at one step", f"write `read {output.name} at step 0`"
            )
        return found[0]


class _Trail:
    """The states from the first edited step on, run only as far as they are needed."""

    def __init__(self, network: Gru, prefix: Kept) -> None:
        self.network = network
        self.first: int = prefix.start
        self.inputs = prefix.tensors["inputs"]
        self.states = {self.first: prefix.tensors["state"]}
        self.valid = self.first  # states up to here are those of the run as edited so far
        self.written: set[int] = set()
        self.changed = len(network.steps)

    def write(self, steps: Sequence[int], site: Site, edit: Edit) -> None:
        """Edit the states at `steps`, all read before any is written."""
        self._run_to(max(steps))
        edited = apply_edit(site, edit, _join(self.states, steps))
        parts = torch.split(edited, self.network.state_width, dim=1)
        for step, part in zip(steps, parts, strict=True):
            self.states[step] = part
        self.written.update(steps)
        self.valid = min(steps)
        self.changed = min(self.changed, self.valid)

    def finish(self) -> Mapping[int, Tensor]:
        """All states from the first edited step to the last step that is read."""
        self._run_to(max(self.network.read_at))
        return self.states

    def _run_to(self, last: int) -> None:
        for step in range(self.valid + 1, last + 1):
            if step not in self.written:
                fed = self.inputs[:, step - self.first - 1]
                self.states[step] = self.network.advance(fed, self.states[step - 1])
            self.valid = step


def _join(states: Mapping[int, Tensor], steps: Iterable[int]) -> Tensor:
    return torch.cat([states[step] for step in steps], dim=1)
