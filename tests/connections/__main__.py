"""The process that runs programs on one reactor, and prints for each a line with what was seen.

python -m tests.connections epoll --seed 0 --count 1000
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import importlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import logs
from tests.connections.program import Program, make

#: The functions that install each reactor.
_INSTALLERS = {
    "epoll": ("twisted.internet.epollreactor", "install"),
    "deferrous": ("deferrous", "install"),
    "alone": ("deferrous.reactor", "install"),
}


def _all(machine: Any, programs: Iterator[Program]) -> Iterator[float]:
    """Run all, one after the other. It gives the seconds until it is to be called again."""
    from tests.connections.machine import Run

    for number, program in enumerate(programs):
        run = Run(machine, program)
        yield from run.steps()
        if number:
            print(json.dumps(run.lines), flush=True)
        if number % 50 == 0:
            gc.collect()


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.connections", description=__doc__)
    parser.add_argument("reactor", choices=_INSTALLERS)
    parser.add_argument("--seed", type=int, default=0, help="the first program's seed")
    parser.add_argument("--count", type=int, default=1, help="how many programs to run")
    parser.add_argument("--programs", type=Path, help="a file with programs, instead of seeds")
    parser.add_argument("--mistake", help="a function of `mistakes`, which plants one in Twisted")
    parser.add_argument("--seconds", type=float, default=600, help="when to give up")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(options.seconds, exit=True)
    module, function = _INSTALLERS[options.reactor]
    getattr(importlib.import_module(module), function)()
    from twisted.internet import reactor

    from tests.connections.machine import Machine

    logs.begin()
    if options.mistake:
        from tests.connections.mistakes import BY_NAME

        BY_NAME[options.mistake]()
    if options.programs:
        programs = json.loads(options.programs.read_text())
    else:
        programs = (make(seed) for seed in range(options.seed, options.seed + options.count))

    def first_of_all() -> Iterator[Program]:
        # What is opened once and for all is opened by this one.
        yield make(0)
        yield from programs

    with tempfile.TemporaryDirectory() as folder:
        loop: Any = reactor
        pending = _all(Machine(loop, folder), first_of_all())
        raised: list[BaseException] = []

        def turn() -> None:
            try:
                seconds = next(pending, None)
            except BaseException as error:
                raised.append(error)
                seconds = None
            if seconds is None:
                loop.stop()
            else:
                loop.callLater(seconds, turn)

        loop.callWhenRunning(turn)
        loop.run()
        for error in raised:
            raise error


if __name__ == "__main__":
    main()
