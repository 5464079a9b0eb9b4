"""What a hypothesis will make the machine do: frozen, hashable, JSON.

A plan is a list of jobs. A job is one run of the whole procedure (network, search, fit,
measurement) for one seed under one control; jobs are what a killed run resumes by.
"""

from __future__ import annotations

from dataclasses import dataclass

PLAN_VERSION = 1
"""Raised whenever the same file would be run differently: old runs are then not reused."""


@dataclass(frozen=True)
class Job:
    """One alignment (or "" for accuracy alone) for one seed under one control.

    `control` is "" for the procedure as it stands. `lines` are measured on `splits`.
    """

    seed: int
    control: str
    alignment: str
    lines: tuple[int, ...]
    splits: tuple[str, ...]

    @property
    def name(self) -> str:
        """A file name for the outcome: `seed0-untrained-alignment`."""
        words = (f"seed{self.seed}", self.control or "plain", self.alignment or "network")
        return "-".join(words)


@dataclass(frozen=True)
class Plan:
    """`canonical` is the claim in its formatted form; `files` are data files' hashes."""

    hypothesis: str
    canonical: str
    files: tuple[tuple[str, str], ...]
    jobs: tuple[Job, ...]
    seeds: tuple[int, ...]
    backend: str = "native"
    version: int = PLAN_VERSION
