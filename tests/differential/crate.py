"""Runs random programs on stock Twisted, on the Python API and on the crate.

The Python API does the same as stock Twisted. The crate does the same as stock Twisted with the changes of
`differences`, which are those that `docs/rust.md` names.

    python -m tests.differential.crate --seed 7 --count 1000
    python -m tests.differential.crate --program FILE
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

from hypothesis import Phase

from tests import apis, logs
from tests.differential import differences
from tests.differential.machine import Programs, run
from tests.differential.owned import Seen
from tests.differential.owned import run as run_in_python
from tests.differential.program import Program, from_text, to_text

_ROOT = Path(__file__).parents[2]
CARGO = os.environ.get("CARGO", "cargo")


class Interpreter:
    """A process that runs programs on the crate."""

    def __init__(self, executable: str, mistake: str | None = None) -> None:
        self._process = subprocess.Popen(
            [executable, *([mistake] if mistake else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RUST_BACKTRACE": "0"},
        )

    def __enter__(self) -> Interpreter:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, program: Program) -> Seen:
        """Run a program."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(program) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the interpreter ended with {process.wait()} in\n{to_text(program)}")
        return Seen(**json.loads(line))


def build() -> str:
    """Build the interpreter, unless that has been done, and give its path. Without cargo this is an error."""
    command = [CARGO, "build", "--quiet", "--package", "deferrous", "--example", "programs"]
    command.append("--message-format=json-render-diagnostics")
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = map(json.loads, done.stdout.splitlines())
    found = [message["executable"] for message in messages if message.get("executable")]
    return str(found[-1])


class Difference(AssertionError):
    """The first difference between two runs of a program."""

    def __init__(self, program: Program, names: tuple[str, str], runs: tuple[Seen, Seen]) -> None:
        super().__init__(program, names, runs)
        self.program = program
        self.names = names
        self.runs = runs

    def __str__(self) -> str:
        lines = [to_text(self.program), f"differs between {' and '.join(self.names)}:"]
        for op, *sides in zip(self.program["ops"], *(seen.steps for seen in self.runs), strict=True):
            lines.append(f"{op!r}")
            if sides[0] == sides[1]:
                lines += [f"      {line}" for line in sides[0]]
                continue
            for name, side in zip(self.names, sides, strict=True):
                lines += [f"    {name}: {line}" for line in side]
            break
        else:
            for name, seen in zip(self.names, self.runs, strict=True):
                lines.append(f"    {name}: reports {seen.reports}")
        return "\n".join(lines)


def _ends(seen: Seen) -> bool:
    """Say whether a run did not come to the end of the stack, where implementations may differ."""
    return not any("RecursionError" in line for part in (*seen.steps, seen.reports) for line in part)


@dataclass
class Comparison:
    """Runs programs on all of them, and counts."""

    interpreter: Interpreter
    #: The names of the differences that are left out, to see that they are found.
    without: frozenset[str] = frozenset()
    #: How many programs there were, and how many of them do on the crate what they do on stock Twisted.
    count: int = 0
    equal: int = 0
    _stock: ModuleType = field(default_factory=lambda: apis.load("stock"))
    _ours: ModuleType = field(default_factory=lambda: apis.load("ours"))
    _changed: ModuleType = field(init=False)

    def __post_init__(self) -> None:
        self._changed = differences.load(self.without)

    def __call__(self, program: Program) -> None:
        """Run a program. Raises Difference."""
        stock = run_in_python(self._stock, program)
        if _ends(stock):
            self._compare(program, ("stock", "ours"), (stock, run_in_python(self._ours, program)))
        crate = self.interpreter.run(program)
        self.count += 1
        self.equal += crate == stock
        self._compare(program, ("changed", "crate"), (run_in_python(self._changed, program), crate))

    def _compare(self, program: Program, names: tuple[str, str], runs: tuple[Seen, Seen]) -> None:
        if runs[0] != runs[1]:
            raise Difference(program, names, runs)


class Shared(Programs):
    """Writes programs for all of them, and runs each when it is complete."""

    shared = True
    comparison: Comparison
    #: A file without a buffer in which the program stands that runs now.
    record: BinaryIO | None = None

    def teardown(self) -> None:
        """Run the program, unless hypothesis has given it up."""
        if sys.exc_info()[1] is not None:
            return
        if self.record is not None:
            self.record.seek(0)
            self.record.truncate()
            self.record.write(to_text(self.program).encode())
        # Hypothesis remembers a lot, which the collector would have to look at after each run.
        gc.collect()
        gc.freeze()
        self.comparison(self.program)


def search(
    comparison: Comparison,
    number: int,
    count: int,
    record: BinaryIO | None = None,
    *,
    shrinks: bool = True,
) -> Difference | None:
    """Run programs, and give the difference that the smallest shows, if one does.

    Args:
        comparison: what runs them.
        number: what the choices start from.
        count: how many programs.
        record: a file without a buffer, which is to have the program that runs now.
        shrinks: whether to look for a smaller program once a difference is found.
    """
    members = {"comparison": comparison, "record": record}
    machine = cast("type[Programs]", type("Machine", (Shared,), members))
    try:
        run(machine, number, count, Phase.generate, *([Phase.shrink] if shrinks else []))
    except Difference as found:
        return found
    return None


def show(program: Program, interpreter: Interpreter) -> None:
    """Print what a program does on stock Twisted, on Twisted with the changes, and on the crate."""
    runs = {
        "stock": run_in_python(apis.load("stock"), program),
        "changed": run_in_python(differences.load(), program),
        "crate": interpreter.run(program),
    }
    for name, seen in runs.items():
        print(f"-- {name}")
        for op, lines in zip(program["ops"], seen.steps, strict=True):
            print(f"{op!r}", *(f"    {line}" for line in lines), sep="\n")
        print(f"reports: {seen.reports}")


def main() -> int:
    """Do what the command line asks for. Give 1 if a program shows a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.crate", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="another number gives other programs")
    parser.add_argument("--count", type=int, default=1000, help="how many programs to run")
    parser.add_argument("--record", type=Path, help="a file for the program that runs now")
    parser.add_argument("--program", type=Path, help="a file with one program, to print what it does on all")
    parser.add_argument("--interpreter", help="what runs programs on the crate, if it is built")
    options = parser.parse_args()
    logs.begin()
    gc.disable()
    gc.collect()
    gc.freeze()
    with (
        Interpreter(options.interpreter or build()) as interpreter,
        options.record.open("wb", buffering=0) if options.record else nullcontext() as record,
    ):
        if options.program is not None:
            show(from_text(options.program.read_text()), interpreter)
            return 0
        comparison = Comparison(interpreter)
        found = search(comparison, options.seed, options.count, record)
    if found is not None:
        print(f"The smallest program that shows a difference, found from seed {options.seed} on:\n{found}")
        return 1
    print(f"{comparison.count} programs; {comparison.equal} do on the crate what they do on stock Twisted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
