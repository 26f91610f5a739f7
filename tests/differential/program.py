"""Programs: tuples, lists, numbers and words, which can be printed, reduced and read back.

A program is a dictionary with the operations under ``ops`` and, under ``watch``, how much of every Deferred
is written down after each of them: 0 nothing, 1 what is cheap, 2 everything. To look at a Deferred can change
how it works on, so most programs do without.

An operation is a tuple of its name, which is that of a function in `operations` or `combined`, and its
arguments. A slot is a number under which a Deferred is kept; `ATTACHED` is the one whose callback or
canceller is running. A callable is ``(flavour, operations, end)``, where the end says what is returned or
raised. A generator is ``(steps, end)``, with steps of ``(operations, what is waited for, what is done with
an error)``.
"""

from __future__ import annotations

import ast
from typing import Any

Op = tuple[Any, ...]
Program = dict[str, Any]

SLOTS = 5
ATTACHED = -1
#: No program runs longer or deeper than this, whatever it calls itself from.
FUEL = 120
DEPTH = 6


class Boom(Exception):
    """The exception that most callbacks of the programs raise."""


class Bare(BaseException):
    """An exception that is none of `Exception`."""


class Interrupt(KeyboardInterrupt):
    """A planned interrupt, which can be told from one that somebody at the keyboard asks for."""


class Exit(SystemExit):
    """A planned exit."""


class Closed(GeneratorExit):
    """A planned end of a generator, which can be told from one by the collector."""


def to_text(program: Program) -> str:
    """Give what is watched and the operations, one a line."""
    return "".join(f"{line!r}\n" for line in (program["watch"], *program["ops"]))


def from_text(text: str) -> Program:
    """Read a program."""
    watch, *ops = map(ast.literal_eval, text.splitlines())
    return {"watch": watch, "ops": ops}
