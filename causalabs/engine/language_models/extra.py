"""transformers is an extra: asked for by name where it is missing, silent where it is there."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from causalabs.engine.errors import AbsentError


def need(wanted: str, *packages: str) -> None:
    """`EngineError` where a package of the extra `huggingface` is not installed."""
    missing = [each for each in packages or ("transformers",) if find_spec(each) is None]
    if missing:
        raise AbsentError(
            f"`{wanted}` needs the package {missing[0]}, which is not installed",
            'type `pip install "causalabs[huggingface]"`',
        )


@contextmanager
def quiet() -> Iterator[None]:
    """No advice, progress bars or warnings of transformers on stderr."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
