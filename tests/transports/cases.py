"""Cases: coroutines with what they have to return, which run on a reactor in a process for all of a file."""

from __future__ import annotations

import importlib
import json
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import ensureDeferred

from tests import logs
from tests.reactors.inside import announce, until
from tests.transports.kit import Kit

Case = Callable[[Kit], Coroutine[Any, Any, Any]]
#: How many seconds one case may take.
_PATIENCE = 30


class Cases:
    """The cases of one file."""

    def __init__(self) -> None:
        self._cases: dict[str, tuple[Case, Any]] = {}

    def __call__(self, expected: Any) -> Callable[[Case], Case]:
        """Make a coroutine function a case.

        Args:
            expected: what it has to return, as JSON gives it back.
        """

        def add(case: Case) -> Case:
            self._cases[case.__name__] = (case, expected)
            return case

        return add

    @property
    def names(self) -> list[str]:
        """The names of all."""
        return list(self._cases)

    def expected(self, name: str) -> Any:
        """Give what a case has to return."""
        return self._cases[name][1]

    def case(self, name: str) -> Case:
        """Give a case itself."""
        return self._cases[name][0]


def run_cases(reactor: Any, module: str) -> None:
    """Run the cases of a file one after the other, and print what each returns."""
    logs.begin()
    cases: Cases = importlib.import_module(module).CASES

    async def main() -> None:
        for name in cases.names:
            kit = Kit(reactor)
            try:
                pending = ensureDeferred(cases.case(name)(kit))
                # It is written down before what it is of is taken away.
                outcome = json.dumps(await pending.addTimeout(_PATIENCE, reactor))
            except Exception:
                outcome = json.dumps(traceback.format_exc())
            await kit.close()
            announce([name, outcome])

    until(reactor, main())


def outcomes(out: str) -> dict[str, Any]:
    """Read what `run_cases` has printed."""
    lines = [line for line in out.splitlines() if line.startswith("[")]
    return {name: json.loads(outcome) for name, outcome in map(json.loads, lines)}
