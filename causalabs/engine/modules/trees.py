"""What a module is given and gives back: tensors, alone or in tuples, lists and dictionaries."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


def leaves(tree: Any) -> list[Tensor]:
    """The tensors of a tree, in order."""
    match tree:
        case Tensor():
            return [tree]
        case tuple() | list():
            return [leaf for part in tree for leaf in leaves(part)]
        case Mapping():
            return [leaf for part in tree.values() for leaf in leaves(part)]
        case _:
            return []


def plain(tree: Any) -> bool:
    """Whether a tree is made of tensors and nothing that could hide one."""
    match tree:
        case Tensor() | None | bool() | int() | float() | str():
            return True
        case tuple() | list():
            return all(map(plain, tree))
        case Mapping():
            return all(map(plain, tree.values()))
        case _:
            return False


def mapped(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The tree with each tensor changed, everything else as it is."""
    match tree:
        case Tensor():
            return change(tree)
        case tuple() if hasattr(tree, "_fields"):
            return type(tree)(*(mapped(part, change) for part in tree))
        case tuple() | list():
            return type(tree)(mapped(part, change) for part in tree)
        case Mapping():
            found: Any = copy.copy(tree)
            for key, part in tree.items():
                found[key] = mapped(part, change)
            return found
        case _:
            return tree


def filled(tree: Any, tensors: list[Tensor]) -> Any:
    """The tree with its tensors replaced by others, in order."""
    following = iter(tensors)
    return mapped(tree, lambda _: next(following))


def with_first(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The tree with its first tensor changed."""
    seen: list[bool] = []

    def first(leaf: Tensor) -> Tensor:
        if seen:
            return leaf
        seen.append(True)
        return change(leaf)

    return mapped(tree, first)
