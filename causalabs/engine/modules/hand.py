"""A network that was not made here: a module, how it is fed, how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn

from causalabs.engine.encode import answer_classes
from causalabs.engine.errors import EngineError
from causalabs.engine.modules.feeding import FeedFunction, ReadFunction, feed_for
from causalabs.engine.modules.fingerprint import fingerprint
from causalabs.engine.modules.fresh import untrained
from causalabs.engine.modules.network import ModuleNetwork
from causalabs.engine.networks.base import Output
from causalabs.engine.networks.build import domains_of
from causalabs.engine.networks.weights import weight_hash
from causalabs.engine.protocol import Network
from causalabs.engine.resources import few_columns
from causalabs.hypothesis.model import Hypothesis
from causalabs.plans import Plan
from causalabs.results import Results
from causalabs.runs import RunFolder


def refuse_unready(module: nn.Module) -> None:
    """An error where a module has no numbers yet, or none that can be looked at."""
    if isinstance(module, torch.jit.ScriptModule):
        raise EngineError(
            "`network` is compiled by torch.jit: nothing inside it can be read or written",
            "hand over the module that it was made from",
        )
    for name, tensor in module.named_parameters():
        if isinstance(tensor, nn.parameter.UninitializedParameter) or tensor.is_meta:
            raise EngineError(
                f"`{name}` of `network` has no numbers yet",
                "call the module once, or load its weights, before you hand it over",
            )


@dataclass(eq=False)
class Given:
    """A module in a person's hand; `feed` None is what the file says, `read` None its scores."""

    hypothesis: Hypothesis
    module: nn.Module
    feed: FeedFunction | None = None
    read: ReadFunction | None = None
    origin: str = "given"
    _fresh: dict[int, Network] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.module, nn.Module):
            raise EngineError(
                f"`network` is a {type(self.module).__name__}, no torch.nn.Module",
                "hand over the module itself: `run(hypothesis, network=module)`",
            )
        refuse_unready(self.module)
        for name, function in (("feed", self.feed), ("read", self.read)):
            if function is not None and not callable(function):
                raise EngineError(
                    f"`{name}` is a {type(function).__name__}, no function",
                    f"write `{name}=lambda ...: ...`",
                )

    @cached_property
    def fingerprint(self) -> str:
        """What a plan knows the module by."""
        return fingerprint(self.module, self.feed, self.read)

    @cached_property
    def network(self) -> ModuleNetwork:
        """The network under test."""
        return self._made(self.module, self.origin)

    def make(self, seed: int, trained: bool) -> Network:
        """The network, the same for each seed; or one with weights drawn by it."""
        if trained:
            return self.network
        if seed not in self._fresh:
            self._fresh.clear()
            self._fresh[seed] = self._made(untrained(self.module, seed=seed), "untrained")
        return self._fresh[seed]

    def _made(self, module: nn.Module, origin: str) -> ModuleNetwork:
        hypothesis = self.hypothesis
        spec, algorithms = hypothesis.network, hypothesis.algorithms
        domains = domains_of(algorithms)
        outputs = [
            Output(read.output, answer_classes(read.output, domains[read.output]), read.position)
            for read in spec.reads
        ]
        network = ModuleNetwork(
            module,
            outputs=outputs,
            feed=self.feed or feed_for(spec.feed, domains),
            read=self.read,
            like=few_columns(hypothesis),
        )
        network.record = {
            "kind": type(module).__name__,
            "origin": origin,
            "parameters": sum(p.numel() for p in module.parameters()),
            "weights": weight_hash(dict(module.named_parameters())),
        }
        return network

    def numbers(self, asked: str) -> str:
        """The type of a module's numbers, which stay as they are."""
        real = (p.dtype for p in self.module.parameters() if p.is_floating_point())
        own = str(next(real, torch.float32)).removeprefix("torch.")
        if asked not in ("float32", own):
            raise EngineError(
                f"the module's numbers are {own}, not {asked}",
                f"change them: `module.to(torch.{asked})`",
            )
        return own

    def run(
        self,
        execute: Callable[..., Results],
        plan: Plan,
        folder: RunFolder,
        *,
        device: str,
        progress: Callable[[str, float], None] | None,
    ) -> Results:
        """The plan's results with this network, on the device where the module is."""
        with self.lent():
            return execute(
                self.hypothesis,
                plan,
                folder,
                device=on_device(self, device),
                progress=progress,
                make_network=self.make,
            )

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While this lasts the module is frozen; then it is as its owner left it."""
        training = [(each, each.training) for each in self.module.modules()]
        moving = [p for p in self.module.parameters() if p.requires_grad]
        self.module.eval()
        self.module.requires_grad_(False)
        try:
            yield
        finally:
            for each, mode in training:
                each.training = mode
            for parameter in moving:
                parameter.requires_grad_(True)


def on_device(given: Given, device: str) -> str:
    """The device of a module in hand, which stays where it is."""
    here = given.network.device
    if device != "cpu" and device.split(":")[0] != here.type:
        raise EngineError(
            f"the module is on {here}, not on {device}", f'move it: `module.to("{device}")`'
        )
    return str(here)
