"""Cases that may crash, each in a process of its own.

One Python process is started for a module of cases. It forks for each of them, which is quick, and reports
what the fork has written or how it ended.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import select
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from tests import children

#: What a case has said: a list of JSON values, and how its process ended if that was not well.
Report = list[Any]


def reports(module: str, *arguments: str) -> dict[str, Report]:
    """Run the cases of a module, and give what each of them reported, by name.

    Args:
        module: a module with a function `cases`, which is called with the arguments and gives pairs of a name
            and a function. That is called with a function `say`, which takes JSON.
        arguments: what picks the cases.
    """
    code = "import sys; from tests.safety import apart; apart.main(*sys.argv[1:])"
    folder = Path(__file__).parents[2]
    outcome = children.python("-c", code, module, *arguments, cwd=folder, patience=10 * children.PATIENCE)
    assert outcome.status == 0, outcome.err
    return dict(json.loads(line) for line in outcome.out.splitlines())


def main(module: str, *arguments: str) -> None:
    """Run the cases, and print a line of JSON for each."""
    found: ModuleType = importlib.import_module(module)
    cases: Iterable[tuple[str, Callable[[Callable[[Any], None]], object]]] = found.cases(*arguments)
    gc.collect()
    gc.freeze()
    for name, case in cases:
        print(json.dumps([name, fork(case)]), flush=True)


def fork(case: Callable[[Callable[[Any], None]], object]) -> Report:
    """Run a case in a process of its own, and give what it reported."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(case, writing)
    os.close(writing)
    said, hangs = _read(reading)
    if hangs:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    report = [json.loads(line) for line in said.decode().splitlines()]
    if hangs:
        report.append("hangs")
    elif status != 0:
        code = os.waitstatus_to_exitcode(status)
        report.append(f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}")
    return report


def _read(reading: int) -> tuple[bytes, bool]:
    said = b""
    while True:
        if not select.select([reading], [], [], children.PATIENCE)[0]:
            return said, True
        more = os.read(reading, 65536)
        if not more:
            return said, False
        said += more


def _run(case: Callable[[Callable[[Any], None]], object], writing: int) -> None:
    # What a crash prints is nobody's business but that of whoever looks for its cause.
    if "DEFERROUS_SHOW_CRASHES" in os.environ:
        faulthandler.enable(2)
    else:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
    status = 1
    try:
        case(lambda value: _write(writing, json.dumps(value).encode() + b"\n"))
        status = 0
    except BaseException as error:
        _write(writing, json.dumps(f"the case itself raised {error!r}").encode() + b"\n")
    finally:
        os._exit(status)


def _write(writing: int, data: bytes) -> None:
    while data:
        data = data[os.write(writing, data) :]
