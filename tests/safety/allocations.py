"""Cases: an operation is done again and again, and each time another of its allocations fails.

Only those of the interpreter fail: where Rust's own do, the process ends, as in every Rust program.
"""

from __future__ import annotations

import functools
import gc
import importlib
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tests import apis, logs
from tests.safety import apart, describing

Say = Callable[[Any], None]
#: More allocations than any operation makes.
ENOUGH = 2000
#: How many seconds of the processor one trial may take. It needs less than a hundredth of that. Some of
#: Twisted's own loops do not end when there is no memory left, and are not waited for.
PROCESSOR_TIME = {"stock": 0.05, "ours": 1.0}


class Given:
    """An object that an operation is given, and a callable that passes its argument on."""

    def __call__(self, result: Any = None, *_: Any, **__: Any) -> Any:
        return result


def cases(kind: str, name: str, *names: str) -> Iterator[tuple[str, Callable[[Say], object]]]:
    """Give the cases: an operation each, in which all allocations from one on fail, or only that one.

    Args:
        kind: the module that has the operations.
        name: the API that they are done with.
        names: those of the operations; without any, all.
    """
    logs.begin()
    warnings.simplefilter("ignore")
    api = apis.load(name)
    operations = importlib.import_module(f"tests.safety.{kind}_operations").OPERATIONS
    for operation in names or operations:
        yield operation, functools.partial(_case, api, PROCESSOR_TIME[name], operations[operation])


def _case(api: Any, patience: float, make: Any, say: Say) -> None:
    kept: list[Any] = []
    # What is made once, as caches and imports, is made before.
    for _ in range(3):
        Trial(api, make, kept).run(None)
    untouched = Trial(api, make, kept)
    untouched.run(None, does_it=False)
    say(["untouched", 0, *untouched.report()])
    last = ENOUGH
    for only_one in (False, True):
        number = 0
        while number <= last:
            # Where the interpreter does not survive a trial, the others go on in another process.
            trials = functools.partial(_trials, api, patience, make, kept, only_one, range(number, last + 1))
            *reports, end = apart.fork(trials)
            for report in reports:
                say(report)
            number += len(reports)
            if end == "done":
                break
            say([only_one, number, end, "", None, [0, 0, 0]])
            number += 1
        if not only_one:
            # The first trial that succeeded had all the memory it wanted. One more makes sure of that.
            last = number
    say("done")


def _trials(
    api: Any, patience: float, make: Any, kept: list[Any], only_one: bool, numbers: range, say: Say
) -> None:
    _testcapi: Any = importlib.import_module("_testcapi")
    for number in numbers:
        trial = Trial(api, make, kept)
        signal.setitimer(signal.ITIMER_PROF, patience)
        trial.run(lambda: _testcapi.set_nomemory(number, number + 1 if only_one else 0))  # noqa: B023
        signal.setitimer(signal.ITIMER_PROF, 0)
        say([only_one, number, *trial.report()])
        if trial.succeeded and not only_one:
            break
    say("done")


class Trial:
    """One time that the operation is done."""

    def __init__(self, api: Any, make: Any, kept: list[Any]) -> None:
        self.api = api
        self.make = make
        # Memory that is there to be used again would make an allocation needless.
        kept.extend(api.Deferred() for _ in range(4))
        self.outcome: Any = None
        self.succeeded = False
        self.after: Any = None
        self.counts: list[int] = []

    def run(self, begin: Callable[[], object] | None, does_it: bool = True) -> None:
        """Do it, with the allocations failing that are to fail."""
        _testcapi: Any = importlib.import_module("_testcapi")
        given = [Given() for _ in range(3)]
        before = _counts(given)
        operation, target, *rest = self.make(self.api, *given)
        result = None
        error: Any = None
        # This also empties the interpreter's lists of objects to be used again.
        gc.collect()
        gc.disable()
        if begin is not None:
            begin()
        try:
            result = operation() if does_it else None
        except BaseException as raised:
            error = raised
        try:
            object()
            self.succeeded = True
        except MemoryError:
            self.succeeded = False
        _testcapi.remove_mem_hooks()
        gc.enable()
        self.outcome = "returned" if error is None else type(error).__name__
        self.detail = "" if error is None else str(error)
        try:
            check = rest[0] if rest else _check
            self.after = check(target if target is not None else result)
        except BaseException as raised:
            self.after = f"raises {raised!r}"
        del operation, target, rest, result, error
        if sys.exc_info()[0] is not None:
            self.after = "an exception is still being handled"
        gc.collect()
        self.counts = [after - count for after, count in zip(_counts(given), before, strict=True)]

    def report(self) -> list[Any]:
        """Give what has come of it."""
        return [self.outcome, self.detail[:200], self.after, self.counts]


def _counts(given: list[Given]) -> list[int]:
    return [sys.getrefcount(item) for item in given]


def _check(target: Any) -> Any:
    """Say what can be seen of a Deferred, if it is one, and take it through the rest of its life."""
    if target is None or not hasattr(target, "addCallbacks"):
        return None
    return [describing.deferred(target), describing.use_up(target)]
