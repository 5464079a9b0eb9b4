"""`python("module:function")`: a person's own code, run only when they say so."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from causalabs.engine.errors import AbsentError, EngineError
from causalabs.engine.modules.feeding import last_line, where_it_failed
from causalabs.engine.modules.hand import Given
from causalabs.hypothesis.model import Hypothesis
from causalabs.hypothesis.replacements import functions_of


def from_python(hypothesis: Hypothesis, *, allowed: bool) -> Given:
    """The network that a person's function makes: a module, or (module, feed, read).

    Imported from the hypothesis' folder first. `EngineError` where it is not allowed, is not
    there, fails, or makes something else.
    """
    name = str(dict(hypothesis.network.settings)["name"])
    if not allowed:
        raise not_allowed(name)
    with _importable(hypothesis.folder):
        function = _function(name, hypothesis.folder)
        try:
            made = function()
        except (Exception, SystemExit) as error:
            raise EngineError(
                f"`{name}` failed: {last_line(error)}", where_it_failed(error)
            ) from error
    parts_made = made if isinstance(made, tuple) else (made,)
    if not parts_made or not isinstance(parts_made[0], nn.Module) or len(parts_made) > 3:
        raise EngineError(
            f"`{name}` returned a {type(made).__name__}",
            "return a torch.nn.Module, or (module, feed, read)",
        )
    module, feed, read = (*parts_made, None, None)[:3]
    return Given(hypothesis, module, feed, read, origin=name)


def functions_from(hypothesis: Hypothesis, *, allowed: bool) -> dict[str, Callable[..., Any]]:
    """The functions that stand in for components, by name; imported as networks are."""
    names = functions_of(hypothesis.replacements)
    if names and not allowed:
        raise not_allowed(names[0])
    with _importable(hypothesis.folder):
        return {name: _function(name, hypothesis.folder) for name in names}


def not_allowed(name: str) -> AbsentError:
    """The error for code that nobody allowed to be run."""
    return AbsentError(
        f'`python("{name}")` would run code that comes with the file',
        "read it, then allow it: `--allow-python`, or `allow_python=True` in `run`",
    )


def _function(name: str, folder: Path) -> Any:
    module_name, _, function_name = name.partition(":")
    parts = module_name.split(".")
    if not all(part.isidentifier() for part in (*parts, function_name)):
        raise EngineError(
            f'`python("{name}")` names no function', 'write `python("module:function")`'
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name not in (module_name, module_name.split(".")[0]):
            raise EngineError(
                f"`{name}` cannot be imported: {last_line(error)}", "install what it needs"
            ) from error
        raise EngineError(
            f"`{name}` cannot be imported: there is no `{module_name}`",
            f"put {module_name.replace('.', '/')}.py into {folder.resolve()}",
        ) from error
    except (Exception, SystemExit) as error:
        raise EngineError(
            f"`{name}` cannot be imported: {last_line(error)}", where_it_failed(error)
        ) from error
    found = getattr(module, function_name, None)
    if not callable(found):
        known = [each for each, value in vars(module).items() if callable(value)]
        own = [each for each in known if getattr(module, each).__module__ == module_name]
        raise EngineError(
            f"`{module_name}` has no function `{function_name}`",
            "it has " + ", ".join(f"`{each}`" for each in own) if own else "define it there",
        )
    return found


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules of a folder can be imported, before all others."""
    place = folder.resolve()
    for name in _IMPORTED:  # another folder's, or changed since
        sys.modules.pop(name, None)
    _IMPORTED.clear()
    before, here = set(sys.modules), Path.cwd()
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        os.chdir(here)  # where the run writes does not depend on what was imported
        if str(place) in sys.path:
            sys.path.remove(str(place))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(place):
                _IMPORTED.add(name)


_IMPORTED: set[str] = set()
"""Modules of people's folders: each hypothesis imports its own anew."""
